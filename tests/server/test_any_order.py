"""Whatever clients do in whatever order: each request gets its one reply, and nobody is stuck."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

import pytest

from nws.wire.operations import Form
from nws_server.hub import Limits
from nws_server.operations import EXTENDED_OPERATIONS, OPERATIONS, UNKNOWN
from tests.support.frames import BLANK, KINDS, PYTHON_TEXT, Text
from tests.support.link import Link, MemoryServer

TEXT: Final = str(PYTHON_TEXT)

ORIGINAL: Final[list[tuple[Text, ...]]] = [
    ("store", "ws", "x", TEXT, "v"),
    ("store", "ws", "x", TEXT, 400 * "v"),
    ("store", "ws", "x", "no number", "v"),
    ("fetchTry", "ws", "x"),
    ("ifindTry", "ws", "x", BLANK, "0"),
    ("delete var", "ws", "y"),
    ("list vars", "ws"),
    ("mktemp ws", "no template"),
    ("nonsense",),
    ("find", "ws"),
]
"""Nothing that waits: what is behind that ends a connection without the extensions."""
EXTENDED: Final[list[tuple[Text, ...]]] = [
    *ORIGINAL,
    ("fetch", "ws", "x"),
    ("fetch", "ws", "y"),
    ("find", "ws", "y"),
    ("ifind", "ws", "x", BLANK, "0"),
    ("store many", "ws", "x", TEXT, "v", TEXT, "v"),
    ("fetch", "ws", "x", "", "", "300"),
    ("take", "ws", "x", "3", ""),
    ("take", "ws", "x", "3", "200"),
    ("take", "ws", "x", "0", ""),
    ("lease", "ws", "x", "2", "", "500"),
    ("take any", "ws", "2", "", "y", "x"),
    ("lease any", "ws", "2", "300", "500", "x", "y"),
    ("find any", "ws", "", "x", "y"),
    ("settle", "1", "ws", "y", TEXT, "v"),
    ("settle and lease", "ws", "x", "2", "", "500", "1", "ws", "x", TEXT, "v"),
    ("release", "2", "yes"),
    ("cancel",),
    ("cancel",),
    ("cancel", "with an argument"),
    ("ack",),
    ("nack",),
]


class Actor:
    """A client that does things at random, and knows which replies it is owed."""

    def __init__(self, link: Link, choose: random.Random) -> None:
        self.link = link
        self._choose = choose
        self._owed: list[int] = []
        self._unsent = b""
        self._stalled = False

    def act(self) -> None:
        """Do something."""
        what = self._choose.random()
        if what < 0.1:
            self.stall(not self._stalled)
        elif self._unsent:
            self._send_some()
        else:
            self._speak()
            self._send_some()

    def stall(self, stalled: bool) -> None:
        """Stop reading, or read again."""
        if stalled != self._stalled:
            self._stalled = stalled
            if stalled:
                self.link.connection.stall()
            else:
                self.link.connection.unstall()

    def _speak(self) -> None:
        extended = self.link.kind.extended
        for _ in range(self._choose.randrange(1, 5)):
            fields = self._choose.choice(EXTENDED if extended else ORIGINAL)
            self._unsent += self.link.form(*fields)
            operations = EXTENDED_OPERATIONS if extended else OPERATIONS
            form = operations.get(str(fields[0]).encode(), UNKNOWN).form
            if form != Form.NONE:
                self._owed.append(form)

    def _send_some(self) -> None:
        """Let a part of what was said arrive, if the server wants it."""
        if self.link.reads():
            size = self._choose.choice([1, 30, 200, 10_000])
            data, self._unsent = self._unsent[:size], self._unsent[size:]
            self.link.write(data)

    def finish(self) -> None:
        """Read again, and send what is left."""
        self.stall(False)
        while self._unsent and self.link.reads():
            self._send_some()

    @property
    def finished(self) -> bool:
        return not self._unsent

    def read_all(self) -> None:
        """Read every reply that is owed, each in its form, and nothing more."""
        readers = {
            Form.SHORT: self.link.short,
            Form.LONG: self.link.long,
            Form.MANY: self.link.many,
            Form.ANY: self.link.any,
        }
        for form in self._owed:
            readers[form]()
        assert self.link.silent
        assert self.link.reads()


@pytest.fixture
def server() -> Iterator[MemoryServer]:
    server = MemoryServer(limits=Limits(max_backlog=2000))
    yield server
    server.check()


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("seed", range(60))
def test_each_request_is_answered_once(server: MemoryServer, seed: int) -> None:
    choose = random.Random(seed)
    kinds = [*choose.choices(sorted(KINDS), k=3), "extended", "everything"]
    actors = [Actor(server.connect(kind), choose) for kind in kinds]
    for _ in range(400):
        if choose.random() < 0.05:
            server.advance(choose.choice([0.1, 1.0]))
        choose.choice(actors).act()
    closer = server.connect()
    for _ in range(100):
        for actor in actors:
            actor.finish()
        assert closer.ask("delete ws", "ws").status in (0, 1)  # all who wait are answered
        if all(actor.finished for actor in actors):
            break
    assert all(actor.finished for actor in actors)
    assert server.space.views.totals()["waiting"] == 0
    for actor in actors:
        actor.read_all()

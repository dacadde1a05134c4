r"""Conversations in bytes, as ``tests/wire/vectors.txt`` and ``docs/protocol.md`` write them down.

A line is one of::

    # a remark
    A>|1112|<|2223|      A sends what is between the first bars and receives what is in the next
    A>|...|              A sends
    A<|...|              A receives exactly this
    A<|end|              the server hangs up on A
    A>|end|              A hangs up
    A:extended           A connects and shakes hands as this kind of client (see frames.KINDS)
    A: open ws, demo     A sends this request and is answered with success
    +250 ms              time passes (only in memory)

In bytes, ``\n``, ``\t``, ``\\`` and ``\xHH`` are escapes. The id 00000000000123456789 stands for
whatever the server chose for the variable. ``{name}`` stands for bytes that cannot be known: they
are matched by a pattern, and from then on are the same wherever the name stands.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nws.wire.dialect import LOGIN
from tests.support.frames import KINDS, Kind, Speaker
from tests.support.link import Link, MemoryServer

ANY_ID: Final = b"00000000000123456789"
ANY_SUFFIX: Final = b"__nwssAb12Cd"
PATTERNS: Final[dict[bytes, bytes]] = {
    b"token": rb"[0-9a-f]{32}",
    b"length": rb"\d{20}",
    b"json": rb"\{.*\}",
}
_OPTIONS: Final = (b"MetadataToServer", b"MetadataFromServer", b"NwsExtensions")
_NEVER_ANSWERED: Final = (b"ack", b"nack", b"cancel")
_ESCAPE: Final = re.compile(rb"\\(n|t|\\|x[0-9A-Fa-f]{2})")
_BARS: Final = re.compile(r"([<>])\|([^|]*)\|")


@dataclass(frozen=True)
class Step:
    """One event of a conversation."""

    line: int
    who: str
    what: str
    """One of ``>``, ``<``, ``connect``, ``request`` and ``wait``."""
    data: bytes


def parse(text: str) -> Iterator[Step]:
    """Read a conversation."""
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if match := re.fullmatch(r"\+(\d+) ms", line):
            yield Step(number, "", "wait", match[1].encode())
        elif match := re.fullmatch(r"([A-Z]):(\w+)", line):
            yield Step(number, match[1], "connect", match[2].encode())
        elif match := re.fullmatch(r"([A-Z]): (.+)", line):
            yield Step(number, match[1], "request", match[2].encode())
        elif re.fullmatch(r"[A-Z](?:[<>]\|[^|]*\|)+", line):
            for match in _BARS.finditer(line):
                yield Step(number, line[0], match[1], unescape(match[2].encode()))
        else:
            raise ValueError(f"line {number} is not understood: {line!r}")


def unescape(text: bytes) -> bytes:
    """Read the escapes."""
    known = {b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
    return _ESCAPE.sub(lambda m: known.get(m[1]) or bytes([int(m[1][1:], 16)]), text)


class Stage(ABC):
    """A server on which conversations are played."""

    @abstractmethod
    def connect(self) -> Speaker:
        """Begin a connection that has said nothing yet."""

    @abstractmethod
    def must_be_silent(self, speaker: Speaker) -> None:
        """Fail if the server says anything more to a client that waits for nothing."""

    @abstractmethod
    def must_hang_up(self, speaker: Speaker) -> None:
        """Fail unless the server closes this connection, without another byte."""

    @abstractmethod
    def hang_up(self, speaker: Speaker) -> None:
        """End a connection."""

    @abstractmethod
    def until_waiting(self, count: int) -> None:
        """Return once this many operations wait."""

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        raise NotImplementedError


class MemoryStage(Stage):
    """A server in memory."""

    def __init__(self, server: MemoryServer) -> None:
        self._server = server

    def connect(self) -> Link:
        return self._server.link()

    def must_be_silent(self, speaker: Speaker) -> None:
        assert isinstance(speaker, Link)
        assert speaker.silent, f"it also said {bytes(speaker.outlet.sent)!r}"

    def must_hang_up(self, speaker: Speaker) -> None:
        self.must_be_silent(speaker)
        assert isinstance(speaker, Link)
        assert speaker.closed
        speaker.lose()

    def hang_up(self, speaker: Speaker) -> None:
        assert isinstance(speaker, Link)
        speaker.lose()

    def until_waiting(self, count: int) -> None:
        assert self._server.space.views.totals()["waiting"] == count

    def advance(self, seconds: float) -> None:
        self._server.advance(seconds)


@dataclass
class Player:
    """Plays one conversation; every byte must be as written.

    Attributes:
        offers: options that the server must offer, whatever the conversation shows.
    """

    stage: Stage
    offers: frozenset[bytes]
    speakers: dict[str, Speaker] = field(default_factory=dict)
    _ids: dict[bytes, bytes] = field(default_factory=dict)
    _last_request: dict[str, bytes] = field(default_factory=dict)
    _owed: set[str] = field(default_factory=set)
    _bound: dict[bytes, bytes] = field(default_factory=dict)

    def play(self, text: str) -> None:
        """Play it to the end; nothing may be left unread."""
        steps = list(parse(text))
        for step, follower in zip(steps, [*steps[1:], None], strict=True):
            try:
                self._play(step, follower)
            except AssertionError as error:
                raise AssertionError(f"line {step.line}, {step.who}: {error}") from error
        for speaker in self.speakers.values():
            self.stage.must_be_silent(speaker)

    def _play(self, step: Step, follower: Step | None) -> None:
        if step.what == "wait":
            self.stage.advance(int(step.data) / 1000)
        elif step.what == "<":
            self._receive(step)
        elif step.what == ">" and step.data == b"end":
            self._owed.discard(step.who)
            self.stage.hang_up(self.speakers.pop(step.who))
        else:
            speaker = self.speakers.get(step.who)
            if speaker is None:
                speaker = self.speakers[step.who] = self.stage.connect()
            if step.what == "connect":
                speaker.shake_hands(KINDS[step.data.decode()])
            elif step.what == "request":
                assert speaker.ask(*step.data.split(b", ")).status == 0
            else:
                self._send(step, speaker, follower)

    def _send(self, step: Step, speaker: Speaker, follower: Step | None) -> None:
        data = step.data
        if ANY_ID in data:
            data = data.replace(ANY_ID, self._ids[_variable_of(data)])
        for name, value in self._bound.items():
            data = data.replace(b"{%b}" % name, value)
        speaker.write(data)
        if data.startswith(b"R000"):
            wanted = tuple(name for name in _OPTIONS if name + b"00011" in data)
            speaker.kind = Kind(b"X000", wanted)
        self._last_request[step.who] = data
        # Who is not answered next waits; the server must know that before the others go on.
        goes_on = follower is not None and follower.what != "<" and follower.who != step.who
        if goes_on and not data.endswith(_NEVER_ANSWERED):
            self._owed.add(step.who)
            self.stage.until_waiting(len(self._owed))

    def _receive(self, step: Step) -> None:
        speaker = self.speakers[step.who]
        self._owed.discard(step.who)
        if step.data == b"end":
            self.stage.must_hang_up(self.speakers.pop(step.who))
        elif step.data.startswith(b"P000"):
            assert speaker.read(4) == b"P000"
            offers = speaker.read_dict()
            offers.pop(LOGIN, None)  # of a server with a secret
            assert offers == dict.fromkeys(self.offers, b"")
        else:
            self._expect(step, speaker)

    def _expect(self, step: Step, speaker: Speaker) -> None:
        expected = step.data
        pattern = re.escape(expected)
        pattern = pattern.replace(ANY_ID, rb"(?P<id>\d{20})")
        pattern = pattern.replace(ANY_SUFFIX, rb"__nwss[A-Za-z0-9_]{6}")
        names = re.findall(rb"\{(\w+)\}", expected)
        size = len(expected)
        for name in names:
            known = self._bound.get(name)
            group = rb"(?P<%b>%b)" % (name, PATTERNS[name]) if known is None else re.escape(known)
            pattern = pattern.replace(re.escape(b"{%b}" % name), group)
        if names:
            received = self._rest(speaker)
        else:
            received = speaker.read(size)
        match = re.fullmatch(pattern, received, re.DOTALL)
        assert match is not None, f"expected {expected!r}, received {received!r}"
        for name, value in match.groupdict().items():
            if name == "id":
                self._check_id(_variable_of(self._last_request[step.who]), value)
            else:
                self._bound[name.encode()] = value

    def _check_id(self, variable: bytes, variable_id: bytes) -> None:
        known = self._ids.setdefault(variable, variable_id)
        assert known == variable_id, f"{variable!r} had the id {known!r}, now {variable_id!r}"
        assert len(set(self._ids.values())) == len(self._ids), "two variables share an id"

    def _rest(self, speaker: Speaker) -> bytes:
        """Read all that is there, where the length is not known."""
        assert isinstance(speaker, Link)
        return speaker.read(len(speaker.outlet.sent))


def _variable_of(data: bytes) -> bytes:
    """Name the workspace and the variable of a request, whatever goes before it."""
    match = re.search(rb"\d{20}(?:store|i?f(?:ind|etch)(?:Try)?)(\d{20})", data)
    assert match is not None, f"not a request for a variable: {data!r}"
    start = match.end()
    names: list[bytes] = []
    for _ in range(2):
        end = start + (int(match[1]) if not names else int(data[start - 20 : start]))
        names.append(data[start:end])
        start = end + 20
    return b"/".join(names)

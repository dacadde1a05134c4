"""A signal that comes while OpenSSL works: Python's functions for it run handlers once their work
is done, and what a handler raises takes the place of their result."""

from __future__ import annotations

import _thread
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

import pytest

from nws.client import NetWorkSpace
from nws.session.sockets import Timeouts
from nws.session.tls_channel import TlsChannel
from nws.session.transport import Transport
from tests.support.secured import secured
from tests.support.server import PATIENCE
from tests.support.strikes import Strike

VALUES: Final = {"small": b"small", "large": 50_000 * b"large"}
"""The large one takes several records."""


class Striker:
    """Strikes in the function of a channel that was called so many times before.

    Attributes:
        left: calls until then; negative for never.
    """

    def __init__(self) -> None:
        self.left = -1

    def watch(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            self.left -= 1
            if self.left != 0:
                return function(*arguments)
            # Both run in C, so that the handler cannot run in between.
            interrupts = map(_thread.interrupt_main, (signal.SIGUSR1,))
            results = map(function, *((each,) for each in arguments))
            return next(zip(interrupts, results, strict=True))[1]

        return watched

    @contextmanager
    def striking(self, moment: int) -> Iterator[None]:
        self.left = moment + 1
        try:
            yield
        finally:
            self.left = -1


@contextmanager
def handler(function: Callable[..., object]) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, function)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def strike(*_: object) -> None:
    raise Strike


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[NetWorkSpace, Striker]]:
    """A workspace by TLS whose client is struck there. It never waits for long, but for values."""
    striker = Striker()
    prepare = TlsChannel.__init__

    def init(channel: TlsChannel, *arguments: Any) -> None:
        prepare(channel, *arguments)
        channel._write = striker.watch(channel._write)
        channel._read = striker.watch(channel._read)

    with (
        pytest.MonkeyPatch.context() as patch,
        secured(tmp_path_factory.mktemp("tls")) as found,
        handler(strike),
    ):
        patch.setattr(TlsChannel, "__init__", init)
        patch.setattr(Transport.__init__, "__defaults__", (20.0, Timeouts(PATIENCE, PATIENCE)))
        with found.connect() as server, server.openWs("struck") as ws:
            yield ws, striker


@pytest.fixture(params=VALUES)
def value(request: pytest.FixtureRequest) -> bytes:
    return VALUES[request.param]


def test_a_fetched_value_is_there_or_was_returned(
    spaces: tuple[NetWorkSpace, Striker], value: bytes
) -> None:
    ws, striker = spaces
    for moment in count():
        ws.store("x", value)
        try:
            with striker.striking(moment):
                assert ws.fetch("x") == value
            break
        except Strike:
            # The server may not have noticed yet that the old connection is gone.
            assert ws.fetch("x", timeout=PATIENCE) == value, moment
            assert ws.fetchTry("x", "nothing") == "nothing", moment
    assert moment > 2
    assert f">{ws.currentWs()}\t" in ws.server.listWss(), "it is the same session still"


def test_a_value_is_stored_once_or_not_at_all(
    spaces: tuple[NetWorkSpace, Striker], value: bytes
) -> None:
    ws, striker = spaces
    ws.store("other", "another")
    for moment in count():
        try:
            with striker.striking(moment):
                ws.store("x", value)
            break
        except Strike:
            assert ws.find("other") == "another", moment
            assert ws.fetchTry("x", value) == value, moment
            assert ws.fetchTry("x", "nothing") == "nothing", moment
    assert moment > 1
    assert ws.fetch("x") == value


def test_a_handler_that_raises_nothing_is_not_noticed(
    spaces: tuple[NetWorkSpace, Striker],
) -> None:
    ws, striker = spaces
    before = ws.server.nwsSocket
    handled: list[int] = []
    with handler(lambda number, _: handled.append(number)):
        for moment in range(4):
            ws.store("x", VALUES["large"])
            with striker.striking(moment):
                assert ws.fetch("x") == VALUES["large"]
    assert len(handled) == 4
    assert ws.server.nwsSocket is before

"""Ctrl-C while a call waits: the object stays usable and no value is lost."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

import pytest

from nws.client import NetWorkSpace, NwsConnectionDroppedException
from nws.session import pool as pool_module
from nws.session.endpoint import Endpoint
from nws.session.exchange import Exchange
from nws.session.sockets import Timeouts, waiting_for
from nws.session.transport import Transport
from nws.session.unix_exchange import UnixExchange
from tests.support.impostors import impostor
from tests.support.processes import Aside
from tests.support.programs import started
from tests.support.server import PATIENCE, Server, running
from tests.support.spaces import HOST, Opener, opening, until_waiting, variable
from tests.support.strikes import Strike, Striker, alarm, strike

CALLS = ["fetch", "find", "fetch_many", "lease", "ifetch"]


class Child:
    """A program that waits for values, seen from outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, line: str) -> None:
        """Have it do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def has_answered(self, seconds: float = PATIENCE) -> bool:
        """Wait a while for what it says."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], seconds)[0])

    def answer(self) -> str:
        """Return what it says."""
        assert self.has_answered()
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def child_of(opener: Opener) -> Iterator[Child]:
    """Start such a program."""
    with started("client/programs/blocked.py", opener.port, opener.name) as process:
        yield Child(process)


def until_it_waits(ws: NetWorkSpace, call: str) -> None:
    until_waiting(ws, "x", **{"finders" if call == "find" else "fetchers": 1})


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c(opened: Opener, call: str) -> None:
    ws = opened(useUse=True)
    with child_of(opened) as child:
        for _ in range(3):
            child.tell(f"{call} x")
            until_it_waits(ws, call)
            child.interrupt()
            assert child.answer() == "interrupted"
            assert variable(ws, "x")[1:4] == (0, 0, 0), "nobody waits any more"
        ws.store("x", "not lost")
        assert ws.find("x") == "not lost"
        child.tell(f"{call} x")
        assert "not lost" in child.answer()
        child.tell("owner -")
        assert child.answer() == "true", "it is the same session still"


def test_ctrl_c_costs_the_connection_to_an_original_server(opened_original: Opener) -> None:
    ws = opened_original()
    with child_of(opened_original) as child:
        child.tell("fetch x")
        until_it_waits(ws, "fetch")
        child.interrupt()
        assert child.answer() == "interrupted"
        until_waiting(ws, "x")
        ws.store("x", "not lost")
        assert ws.fetch("x") == "not lost"


def test_a_value_that_is_stored_just_then(opened: Opener) -> None:
    ws = opened(useUse=True)
    random = Random(1)
    outcomes = {"interrupted": 0, "fetched": 0}
    with child_of(opened) as child:
        for number in range(150):
            call = random.choice(("fetch", "fetch_many", "ifetch"))
            child.tell(f"{call} x")
            until_it_waits(ws, call)
            # One of them is first; by how much depends on the machine.
            acts: list[Callable[[], None]] = [child.interrupt, partial(ws.store, "x", number)]
            random.shuffle(acts)
            for act in acts:
                act()
            if child.answer() == "interrupted":
                outcomes["interrupted"] += 1
                assert ws.fetch("x") == number
            else:
                outcomes["fetched"] += 1
                child.interrupt()  # it may still be on its way; nothing is under way there
            assert variable(ws, "x")[1:4] == (0, 0, 0)
    assert outcomes["interrupted"], outcomes


def test_a_second_ctrl_c_need_not_wait_for_the_server(tmp_path: Path) -> None:
    """The server does not answer at all; when it does again, everything is in order."""
    with running(tmp_path) as server, opening(server.port, "ws") as opener:
        ws = opener(useUse=True)
        with child_of(opener) as child:
            child.tell("fetch x")
            until_it_waits(ws, "fetch")
            server.process.send_signal(signal.SIGSTOP)
            try:
                presses = 0
                while not child.has_answered(0.02):
                    child.interrupt()
                    presses += 1
                assert child.answer() == "interrupted"
                assert presses >= 2
            finally:
                server.process.send_signal(signal.SIGCONT)
            until_waiting(ws, "x")
            ws.store("x", "not lost")
            assert ws.find("x") == "not lost"
            child.tell("fetch x")
            assert child.answer() == '"not lost"'
            child.tell("owner -")
            assert child.answer() == "true"


@pytest.mark.slow
def test_a_server_that_is_too_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the session goes on on another connection."""
    timeouts = Timeouts(recovery=0.05, poll_interval=0.02)
    monkeypatch.setattr(pool_module, "Transport", partial(Transport, timeouts=timeouts))
    with running(tmp_path) as server, opening(server.port, "ws") as opener:
        ws = opener()
        first = ws.server.nwsSocket
        server.process.send_signal(signal.SIGSTOP)
        try:
            with striking_while_it_waits(), pytest.raises(Strike):
                ws.fetch("x")
        finally:
            server.process.send_signal(signal.SIGCONT)
        ws.store("x", "not lost")
        assert ws.fetch("x") == "not lost"
        assert ws.server.nwsSocket is not first
        assert ">ws\t" in ws.server.listWss(), "it is the same session still"
        assert variable(ws, "x")[1:4] == (0, 0, 0)


_WAITING = (Exchange._receive.__code__, UnixExchange._receive.__code__)
_POLLING = [each for each in waiting_for.__code__.co_consts if isinstance(each, CodeType)]
"""The functions that it returns."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_socket_whose_number_is_that_of_another_file(
    server: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """A program may close what is not its own; who waits there must not wait for ever."""
    if kind == "tcp":
        request.getfixturevalue("only_tcp")
    timeouts = Timeouts(poll_interval=0.02)
    monkeypatch.setattr(pool_module, "Transport", partial(Transport, timeouts=timeouts))
    ws = NetWorkSpace("closed", HOST, server.port)
    number = ws.server.nwsSocket.fileno()
    fetch = Aside(lambda: ws.fetch("x"))
    with NetWorkSpace("closed", HOST, server.port, useUse=True) as other:
        until_waiting(other, "x", fetchers=1)
    reading, writing = os.pipe()
    os.dup2(reading, number)
    with pytest.raises(NwsConnectionDroppedException, match="closed its socket"):
        fetch.result()
    ws.server.close()
    os.close(reading)
    os.close(writing)


@contextmanager
def striking_while_it_waits(striker: Striker | None = None) -> Iterator[None]:
    """Have a timer's handler raise a Strike, again and again until it hits the client."""

    def strike(_: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code in _POLLING:
            frame = frame.f_back
        if frame is None or frame.f_code not in _WAITING:
            return  # it does not wait yet
        signal.setitimer(signal.ITIMER_REAL, 0)
        if striker is not None:
            striker.watch()
        raise Strike

    with alarm(strike, 0.003, 0.001):
        yield


@pytest.mark.parametrize("call", ["fetch", "fetch_many", "lease"])
def test_another_exception_during_the_recovery(opened: Opener, call: str) -> None:
    """The first strikes a call that waits; the second one, each moment after that."""
    ws = opened()
    calls: dict[str, Any] = {
        "fetch": ws.fetch,
        "fetch_many": partial(ws.fetch_many, limit=5),
        "lease": ws.lease,
    }
    for moment in count():
        striker = Striker(moment)
        with striking_while_it_waits(striker), pytest.raises(Strike), striker.ending():
            calls[call]("x")
        ws.store("x", moment)
        assert variable(ws, "x")[1:4] == (1, 0, 0), moment
        assert ws.fetch("x") == moment
        if not striker.struck:
            break
    assert moment > 20


# What is given back is given back in the same way by all of them.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "step"),
    [
        ("fetch", 3),
        pytest.param("fetch", 1, marks=pytest.mark.nightly),
        pytest.param("fetch_many", 4, marks=pytest.mark.nightly),
        pytest.param("lease", 4, marks=pytest.mark.nightly),
    ],
)
def test_another_exception_while_a_value_is_given_back(
    opened: Opener, call: str, step: int
) -> None:
    """The first strikes when the value has come; the second one, moments after that: each of them
    by night."""
    ws = opened()
    ws.store("x", Mine())
    calls: dict[str, Any] = {
        "fetch": ws.fetch,
        "fetch_many": partial(ws.fetch_many, limit=5),
        "lease": ws.lease,
    }
    for moment in count(step=step):
        striker = Striker(moment)
        Mine.striker, Mine.strikes = striker, True
        with pytest.raises(Strike), striker.ending():
            calls[call]("x")
        Mine.striker, Mine.strikes = None, False
        assert variable(ws, "x")[1:4] == (1, 0, 0), moment
        assert variable(ws, "x").leased == 0, moment
        if not striker.struck:
            break
    assert moment > 10


class Mine:
    """A value that strikes once while it is unpickled."""

    striker: Striker | None = None
    strikes = False

    def __reduce__(self) -> tuple[Any, ...]:
        return strike_now, ()


def strike_now() -> object:
    """Raise the first strike, and let the second one follow."""
    if Mine.striker is None or not Mine.strikes:
        return Mine()
    Mine.strikes = False
    import sys

    frame = sys._getframe()
    while frame.f_back is not None and frame.f_globals is globals():
        frame = frame.f_back
    Mine.striker.watch()
    strike(Strike())
    return None


def test_the_alarm_goes_off_while_one_connects() -> None:
    """What the handler raises is not taken for a failure of the connection."""

    def give_up(*_: object) -> None:
        raise TimeoutError("the alarm went off")

    with (
        impostor() as port,
        pytest.raises(TimeoutError, match="the alarm went off"),
        alarm(give_up, 0.02),
    ):
        Transport(Endpoint(HOST, port))

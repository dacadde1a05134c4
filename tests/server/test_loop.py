"""The reactor that polls before it sleeps: what it does, and that every way of starting uses it."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import twisted

from nws import eager_poll
from nws.errors import Status
from nws_server import loop
from tests.support.processes import run_python, until
from tests.support.server import ROOT, starting

pytestmark = pytest.mark.skipif(
    not hasattr(loop, "LingeringReactor"), reason="there is no epoll on this system"
)

_EVENT: Final = [(-1, 1)]
"""An event of a file that nobody has registered: it is read and dropped."""


class Poller:
    """Stands for the system's poller and its time: each poll takes 100 microseconds.

    Attributes:
        timeouts: of each poll so far.
        answers: what the next polls find, in order; then nothing.
        taken: seconds for which others take the core when it is yielded.
    """

    def __init__(self) -> None:
        self.timeouts: list[float] = []
        self.answers: list[list[tuple[int, int]]] = []
        self.time = self.taken = 0.0

    def poll(self, timeout: float, max_events: int) -> list[tuple[int, int]]:
        self.time += 100e-6
        self.timeouts.append(timeout)
        return self.answers.pop(0) if self.answers else []

    def clock(self) -> float:
        return self.time

    def yield_core(self) -> None:
        self.time += self.taken


@pytest.fixture
def poller(monkeypatch: pytest.MonkeyPatch) -> Poller:
    poller = Poller()
    monkeypatch.setattr(eager_poll, "perf_counter", poller.clock)
    monkeypatch.setattr(eager_poll, "_yield_core", poller.yield_core)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    return poller


@pytest.fixture
def reactor(poller: Poller) -> Iterator[Any]:
    reactor = loop.LingeringReactor()
    epoll, reactor._poller = reactor._poller, poller
    yield reactor
    close(reactor, epoll)


def close(reactor: Any, epoll: Any) -> None:
    reactor._poller = epoll
    for reader in reactor.removeAll():
        reader.connectionLost(None)
    epoll.close()


def test_it_polls_for_a_moment_before_it_sleeps(reactor: Any, poller: Poller) -> None:
    reactor.doIteration(5)
    assert poller.timeouts == [0, 0, 0, 0, 5]


def test_what_comes_meanwhile_is_handled_at_once(reactor: Any, poller: Poller) -> None:
    poller.answers = [[], _EVENT]
    reactor.doIteration(5)
    assert poller.timeouts == [0, 0]


def test_without_a_timeout_it_sleeps_until_something_comes(reactor: Any, poller: Poller) -> None:
    reactor.doIteration(None)
    assert poller.timeouts[-1] == -1


def test_a_turn_that_may_not_sleep_polls_once(reactor: Any, poller: Poller) -> None:
    reactor.doIteration(0)
    assert poller.timeouts == [0]


def lingers(reactor: Any, poller: Poller) -> bool:
    """Let it sleep; tell whether it has polled before."""
    poller.timeouts.clear()
    reactor.doIteration(5)
    return len(poller.timeouts) > 1


def test_while_nothing_comes_it_polls_less_and_less_often(reactor: Any, poller: Poller) -> None:
    lingered = [lingers(reactor, poller) for _ in range(60)]
    assert [sleep for sleep, found in enumerate(lingered) if found] == [0, 2, 6, 14, 30, 46]
    assert [lingers(reactor, poller) for _ in range(2)] == [False, False]
    poller.answers = [_EVENT]
    reactor.doIteration(5)
    assert lingers(reactor, poller), "the last time it found something"


def test_who_answers_on_its_core_does_not_keep_it_from_polling(
    reactor: Any, poller: Poller
) -> None:
    poller.taken = 0.7 * eager_poll._LOST_SLICE_SECONDS
    for _ in range(10):
        poller.answers = [[], _EVENT]
        assert lingers(reactor, poller)


def test_while_others_compute_on_its_core_it_sleeps_at_once(reactor: Any, poller: Poller) -> None:
    for pause in (5, 10, 20, 40, 80, 160, 160):  # milliseconds
        assert lingers_for_what_comes(reactor, poller, taken=0.55)
        poller.time += pause / 1000 - 0.001
        assert not lingers_for_what_comes(reactor, poller), f"its {pause} ms are over too soon"
        poller.time += 0.001
    assert lingers_for_what_comes(reactor, poller)
    poller.time += 0.16
    assert lingers_for_what_comes(reactor, poller, taken=0.55)
    poller.time += 0.005
    assert lingers_for_what_comes(reactor, poller), "that was long ago"


def lingers_for_what_comes(reactor: Any, poller: Poller, taken: float = 0.0) -> bool:
    """Do what `lingers` does; something comes when others had the core, for milliseconds."""
    poller.taken, poller.answers = taken / 1000, [[], _EVENT]
    return lingers(reactor, poller)


def test_on_one_core_it_sleeps_at_once(monkeypatch: pytest.MonkeyPatch, poller: Poller) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    reactor: Any = loop.LingeringReactor()
    epoll, reactor._poller = reactor._poller, poller
    try:
        assert not lingers(reactor, poller)
    finally:
        close(reactor, epoll)


def test_a_signal_ends_a_sleep(reactor: Any, poller: Poller) -> None:
    def interrupted(timeout: float, max_events: int) -> list[tuple[int, int]]:
        raise InterruptedError

    poller.poll = interrupted  # type: ignore[method-assign]
    reactor.doIteration(5)


# Where Twisted is not as expected

CHANGES: Final = {
    "without dispatch": "del _PollLikeMixin._doReadOrWrite",
    "without dictionary": "EPollReactor._selectables = property(lambda *_: None, print)",
    "that does nothing": "_PollLikeMixin._doReadOrWrite = lambda *_: None",
}


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("change", CHANGES)
def test_another_twisted_chooses_its_own_reactor(tmp_path: Path, change: str) -> None:
    program = f"""\
import sys
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.posixbase import _PollLikeMixin
from twisted.logger import globalLogPublisher
{CHANGES[change]}
globalLogPublisher.addObserver(lambda event: print(event["log_format"].format(**event)))
from nws_server import loop
loop.install()
print("installed", "twisted.internet.reactor" in sys.modules)
"""
    said = run_python("-c", program, cwd=tmp_path).stdout
    assert f"Twisted {twisted.__version__} does not let it" in said
    assert said.endswith("installed False\n")


# Each way of starting

MAIN: Final = """\
import sys
from twisted.logger import globalLogPublisher
def report(event):
    if "serves on" in (event.get("log_format") or ""):
        name = type(sys.modules["twisted.internet.reactor"]).__name__
        print("reactor", name, file=sys.__stdout__, flush=True)  # twistd replaces sys.stdout
globalLogPublisher.addObserver(report)
from {module} import {function} as main
sys.exit(main())
"""
"""Runs a program, and prints the class of the reactor once the server serves."""

MODULE: Final = MAIN.format(module="nws_server.__main__", function="main")
TWISTD: Final = MAIN.format(module="twisted.scripts.twistd", function="run")
TAC: Final = str(ROOT / "nws.tac")

WAYS: Final = {
    "python -m": [MODULE],
    "nws.tac": [TWISTD, "--nodaemon", "--pidfile=", "--logfile=twistd.log", "-y", TAC],
    "twistd nws": [TWISTD, "--nodaemon", "--pidfile=", "--logfile=twistd.log", "nws"],
}


def reactor_of(folder: Path, arguments: list[str], **env: str) -> str:
    """Start a server and return the class of its reactor."""
    settings = {"NWS_SERVER_PORT": "0", "NWS_TMP_DIR": str(folder), **env}
    with starting([sys.executable, "-c", *arguments], folder, settings) as server:
        assert server.process.stdout is not None
        for line in server.process.stdout:
            if line.startswith(b"reactor "):
                server.stop(signal.SIGTERM)
                return line.split()[1].decode()
        raise AssertionError(f"it did not start: {server.log()}")


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_starting_uses_it(tmp_path: Path, way: str) -> None:
    assert reactor_of(tmp_path, WAYS[way]) == "LingeringReactor"


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("way", ["python -m", "twistd nws"])
def test_it_can_be_turned_off(tmp_path: Path, way: str) -> None:
    assert reactor_of(tmp_path, WAYS[way], NWS_IO="plain") == "EPollReactor"


def test_a_reactor_that_the_user_has_chosen_stays(tmp_path: Path) -> None:
    command, *options = WAYS["twistd nws"]
    assert reactor_of(tmp_path, [command, "--reactor", "poll", *options]) == "PollReactor"


# The clock

SET_BACK: Final = """\
import os, sys, time
wall = time.time
time.time = lambda: wall() - 3600 * os.path.exists("set back")
from {module} import {function} as main
sys.exit(main())
"""
"""Runs a program whose wall clock goes back by an hour as soon as there is a certain file."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("way", "io"),
    [
        ("python -m", "fast"),
        pytest.param("python -m", "plain", marks=pytest.mark.nightly),
        *(
            pytest.param(way, "fast", marks=pytest.mark.nightly)
            for way in WAYS
            if way != "python -m"
        ),
    ],
)
def test_no_deadline_moves_with_the_wall_clock(tmp_path: Path, way: str, io: str) -> None:
    is_module = way == "python -m"
    program = SET_BACK.format(
        module="nws_server.__main__" if is_module else "twisted.scripts.twistd",
        function="main" if is_module else "run",
    )
    env = {"NWS_INTERFACE": "127.0.0.1", "NWS_SERVER_PORT": "0", "NWS_IO": io}
    env["NWS_TMP_DIR"] = str(tmp_path)
    command = [sys.executable, "-c", program, *WAYS[way][1:]]
    with starting(command, tmp_path, env) as server:
        until(lambda: bool(serving_places(tmp_path)), "it serves")
        server.addresses = serving_places(tmp_path)
        with server.client("extended", ws="ws") as client, server.client("extended") as holder:
            holder.ask("use ws", "ws", "", "no")
            client.store("x", "v")
            holder.get_many("lease", "ws", "x", "1", "", "500")
            client.send("fetch", "ws", "y", "", "", "500")
            (tmp_path / "set back").touch()
            assert client.long().status == Status.TIMED_OUT
            assert client.get("fetch", "ws", "x", "", "", "20000").payload == b"v"
        server.stop(signal.SIGTERM)


def serving_places(folder: Path) -> list[str]:
    """Read from a server's log where it serves."""
    said = [
        (folder / name).read_text() for name in ("log", "twistd.log") if (folder / name).exists()
    ]
    return re.findall(r"serves on (\S+:\d+)", "".join(said))

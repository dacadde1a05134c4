"""Workers that a person starts, by pasting a line into Python."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsOperationException
from nws.sleigh import Sleigh, SleighJoinException, SleighTaskException
from nws.sleigh.launch.by_hand import DELETE_ME, RUN_ME
from nws.sleigh.shared.messages import RANK_COUNT
from tests.sleigh.functions import arrive, arrive_by_rank, worker
from tests.support.deadly import times_ten
from tests.support.processes import (
    Aside,
    children,
    python,
    run_python,
    until,
    until_file,
    until_gone,
)
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST


class ByHand:
    """A sleigh whose workers a person starts.

    Attributes:
        workspace: of the sleigh, for others than the sleigh.
        line: what to paste.
    """

    def __init__(self, server: Server, folder: Path, later: ExitStack, **options: Any) -> None:
        self._folder = folder
        self._later = later
        make = partial(Sleigh, launch="web", nwsHost=HOST, nwsPort=server.port)
        self._sleigh = Aside(partial(make, **options))
        found = until(partial(_workspace_of_a_sleigh, server.port), "the workspace")
        assert found is not None
        self.workspace = found
        later.callback(self.workspace.server.close)
        self.line = self.workspace.find(RUN_ME)

    def paste(self, *program: str) -> subprocess.Popen[str]:
        """Start a worker, by the line in a program or else at a prompt; wait until it is there."""
        before = self.workspace.find(RANK_COUNT)
        process = self._later.enter_context(python(*program or ("-i", "-q"), cwd=self._folder))
        if not program:
            assert process.stdin is not None
            process.stdin.write(f"{self.line}\n")
            process.stdin.flush()
        until(lambda: self.workspace.find(RANK_COUNT) == before + 1, "another worker")
        return process

    def made(self) -> Sleigh:
        """Return the sleigh, if it does not wait."""
        return self._sleigh.result()

    def go(self) -> Sleigh:
        """Say that all were started."""
        until(lambda: DELETE_ME in self.workspace.listVars(format="dict"), "the sleigh waits")
        self.workspace.deleteVar(DELETE_ME)
        sleigh = self._sleigh.result()
        self._later.enter_context(sleigh)
        return sleigh


def _workspace_of_a_sleigh(port: int) -> NetWorkSpace | None:
    server = NwsServer(HOST, port)
    listing = server.listWss("dict")
    assert isinstance(listing, dict)
    for name in listing:
        if name.startswith("sleigh_ride_"):
            with suppress(NwsOperationException):
                workspace = server.useWs(name, create=False)
                if workspace.findTry(RUN_ME):
                    return workspace
    server.close()
    return None


@pytest.fixture
def by_hand(server: Server, tmp_path: Path, impatient: None) -> Iterator[ByHand]:
    """A sleigh that waits for a person."""
    with ExitStack() as later:
        yield ByHand(server, tmp_path, later)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process whose workers end with it."""
    pids = [process.pid, *children(process.pid)]
    process.kill()
    until_gone(pids)


def test_a_person_who_is_quicker_than_the_sleigh(server: Server, impatient: None) -> None:
    """The variable may be gone before the sleigh waits for that."""

    class Quick(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "it begins when all are there" in record.getMessage():
                found = _workspace_of_a_sleigh(server.port)
                assert found is not None
                found.deleteVar(DELETE_ME)
                found.server.close()

    quick = Quick()
    logging.getLogger("nws").addHandler(quick)
    try:
        made = Aside(partial(Sleigh, launch="web", nwsHost=HOST, nwsPort=server.port))
        with made.result() as sleigh:
            assert sleigh.status() == (0, 1)
    finally:
        logging.getLogger("nws").removeHandler(quick)


def test_by_a_person(by_hand: ByHand, tmp_path: Path) -> None:
    workers = [by_hand.paste(), by_hand.paste("-c", by_hand.line)]
    sleigh = by_hand.go()
    assert sleigh.status() == (2, 1)
    assert sleigh.eachElem(times_ten, range(100)) == list(range(0, 1000, 10))
    assert len(set(sleigh.eachWorker(worker))) == 2
    assert by_hand.workspace.findTry(RUN_ME) is None
    late = run_python("-c", by_hand.line, cwd=tmp_path)
    assert "it is too late to join" in late.stderr
    assert sleigh.eachElem(times_ten, [1]) == [10]
    sleigh.stop()
    out, err = workers[0].communicate("print('at the prompt')\n", PATIENCE)
    assert (out, err.replace(">>> ", "").strip()) == ("at the prompt\n", "")
    assert workers[1].communicate(timeout=PATIENCE) == ("", "")
    assert workers[1].returncode == 0


def test_what_it_waits_for_is_said(
    server: Server, tmp_path: Path, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Else its program would stand still without a word."""
    with ExitStack() as later:
        by_hand = ByHand(server, tmp_path, later)
        name = by_hand.workspace.currentWs()
        by_hand.go()
    said = " ".join(caplog.messages)
    assert f"`nws worker --connect {HOST}:{server.port} --sleigh {name}`" in said
    assert f"`nws sleigh close --host {HOST} --port {server.port} {name}`" in said


def test_the_end_is_well_whatever_tells_of_it(by_hand: ByHand) -> None:
    """Here it is the renewal of leases; the watch that mostly does is deaf."""
    program = """
import sys
from nws.sleigh.launch import by_hand
from nws.sleigh.supervisor import supervisor
supervisor.Supervisor._read_control = lambda self, fd: None
by_hand._LEASE_SECONDS = 0.3
by_hand.supervise = lambda settings: sys.exit(supervisor.main(settings))
"""
    process = by_hand.paste("-c", program + by_hand.line)
    sleigh = by_hand.go()
    assert sleigh.eachElem(times_ten, [1]) == [10], "it has joined, which takes more than its rank"
    sleigh.stop()
    assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == 0


@pytest.mark.nightly  # as local workers that die in tests/faults/test_crash_table.py
def test_one_leaves_during_an_each_elem(by_hand: ByHand, tmp_path: Path) -> None:
    """Its element is done by the other."""
    processes = [by_hand.paste("-c", by_hand.line) for _ in range(2)]
    sleigh = by_hand.go()
    call = Aside(partial(sleigh.eachElem, arrive, [1, 2], [tmp_path]))
    for element in (1, 2):
        until_file(tmp_path / str(element))
    kill(processes[0])
    (tmp_path / "go").touch()
    assert call.result() == [1, 2]


@pytest.mark.slow
def test_one_leaves_during_an_each_worker(by_hand: ByHand, tmp_path: Path) -> None:
    """Nobody can do its part; and after the last one has left, nobody can do anything."""
    processes = [by_hand.paste("-c", by_hand.line) for _ in range(2)]
    sleigh = by_hand.go()
    call = Aside(partial(sleigh.eachWorker, arrive_by_rank, tmp_path))
    for rank in range(2):
        until_file(tmp_path / str(rank))
    kill(processes[0])
    (tmp_path / "go").touch()
    results = call.result()
    failed = results.pop(0 if isinstance(results[0], SleighTaskException) else 1)
    assert str(failed).endswith(" is gone")
    assert results in ([0], [1])
    kill(processes[1])
    with pytest.raises(SleighJoinException, match="all workers are gone"):
        sleigh.eachElem(times_ten, range(10))


@pytest.mark.slow
@pytest.mark.nightly  # who comes and leaves is above, and in test_tls.py
def test_workers_come_and_go_at_any_time(server: Server, tmp_path: Path) -> None:
    with ExitStack() as later:
        by_hand = ByHand(server, tmp_path, later, workerCount=(1, 100))
        sleigh = later.enter_context(by_hand.made())
        first = by_hand.paste("-c", by_hand.line)
        assert sleigh.eachWorker("SleighRank") == [0]
        by_hand.paste("-c", by_hand.line)
        assert sleigh.status() == (2, 0)
        assert sleigh.eachWorker("SleighRank") == [0, 1]
        first.terminate()
        assert first.wait(PATIENCE) == 0
        assert sleigh.status() == (1, 0)
        assert sleigh.eachWorker("SleighRank") == [1]
        assert sleigh.eachElem(times_ten, range(3)) == [0, 10, 20]
        by_hand.workspace.deleteVar(DELETE_ME)
        assert sleigh.status() == (1, 1)
        assert by_hand.workspace.findTry(RUN_ME) is None
        late = run_python("-c", by_hand.line, cwd=tmp_path)
        assert "it is too late to join" in late.stderr


def test_nobody_was_started_by_a_person(by_hand: ByHand) -> None:
    sleigh = by_hand.go()
    assert sleigh.status() == (0, 1)
    with pytest.raises(SleighJoinException, match="before any worker had joined"):
        sleigh.eachElem(times_ten, [1])


def test_the_line_says_how_others_reach_the_server(server: Server, tmp_path: Path) -> None:
    with ExitStack() as later:
        by_hand = ByHand(server, tmp_path, later, nwsHostRemote="gate", nwsPortRemote=1234)
        assert f"('{by_hand.workspace.currentWs()}', 'gate', 1234, " in by_hand.line
        by_hand.go()

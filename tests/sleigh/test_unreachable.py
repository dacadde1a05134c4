"""A machine that cannot be reached, beside others: the master says so at once, and once."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from nws.sleigh import LaunchOptions, Sleigh, SleighJoinException
from tests.sleigh.functions import arrive, worker
from tests.support.deadly import times_ten
from tests.support.processes import Aside, until, until_file
from tests.support.server import PATIENCE, Server
from tests.support.sleighs import parent, workers
from tests.support.spaces import HOST


def unless_far(machine: str, options: LaunchOptions) -> list[str]:
    """Lead nowhere else; to one machine not at all."""
    return ["sh", "-c", "echo no route to $0 >&2; exit 9", machine] if machine == "far" else []


@pytest.mark.slow
def test_one_of_two(server: Server, impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    nodes = ["near", "far"]
    with Sleigh(launch=unless_far, nodeList=nodes, nwsHost=HOST, nwsPort=server.port) as sleigh:
        until(lambda: [sleigh.status(timeout=0.01), *caplog.records][1:], "a warning")
        assert sleigh.eachElem(times_ten, [1]) == [10]
        with pytest.raises(SleighJoinException, match="with exit status 9: no route to far"):
            sleigh.eachWorker(worker)
    (record,) = caplog.records
    said = record.getMessage()
    assert record.levelname == "WARNING"
    assert said.startswith(
        "what starts workers on far (by `sh -c 'echo no route to $0 >&2; exit 9' "
    )
    assert said.endswith(
        " …`) ends early, with exit status 9: no route to far; it is started again"
    )


def staying(machine: str, options: LaunchOptions) -> list[str]:
    """Lead nowhere else, and stay when what it leads to has ended, as ssh does for a while where a
    machine is unplugged."""
    return ["sh", "-c", 'eval "$*"; exec sleep 1000', "sh"]


def test_what_leads_to_a_lost_supervisor_still_runs(
    server: Server,
    impatient: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The master says so itself, once; its elements are done again by others."""
    monkeypatch.setattr("nws.sleigh.master.liveness._TOLD_SECONDS", 0.0)
    nodes = ["here", "there"]
    with Sleigh(launch=staying, nodeList=nodes, nwsHost=HOST, nwsPort=server.port) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        pids = workers(sleigh)
        (lost,) = (each["rank"] for each in sleigh.workerInfo() if each["name"] == "there")
        call = Aside(partial(sleigh.eachElem, arrive, range(2), [tmp_path]))
        for element in range(2):
            until_file(tmp_path / str(element))
        os.kill(parent(pids[lost]), signal.SIGKILL)
        until(lambda: caplog.records, "a warning")
        (tmp_path / "go").touch()
        assert call.result() == [0, 1]
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith("what starts workers on there (by `sh -c ")
    assert said.endswith(
        " still runs, but nothing is heard of its workers; others do what they had"
    )

"""Workers that are alive but say nothing: after the lease time their element is another one's."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh
from tests.sleigh.functions import is_first, stop_the_first_time, times_ten, worker
from tests.support.processes import Aside, until, until_file
from tests.support.server import Server
from tests.support.spaces import HOST, variable


class Impatient(Sleigh):
    """Its workers must be heard of often."""

    lease_time: ClassVar[float] = 2.0


@pytest.fixture
def impatient(server: Server) -> Iterator[Sleigh]:
    with Impatient(workerCount=2, nwsHost=HOST, nwsPort=server.port) as sleigh:
        yield sleigh


@pytest.fixture
def workspace(server: Server) -> Iterator[NetWorkSpace]:
    """The workspace of the only sleigh on the server, seen by somebody else."""

    def names() -> list[str]:
        listing = ws.server.listWss("dict")
        assert isinstance(listing, dict)
        return [name for name in listing if name.startswith("sleigh_ride")]

    with NetWorkSpace("looking on", HOST, server.port) as ws:
        (name,) = until(names, "the sleigh's workspace")
        yield ws.server.useWs(name, create=False)


@pytest.mark.slow
def test_a_stopped_worker_loses_its_element(
    impatient: Sleigh, workspace: NetWorkSpace, tmp_path: Path
) -> None:
    call = Aside(lambda: impatient.eachElem(stop_the_first_time, range(8), [tmp_path]))
    stopped = int(until_file(tmp_path / "stopped"))
    results = call.result()
    assert [number for number, _ in results] == list(range(0, 80, 10))
    assert stopped not in [pid for _, pid in results], "all was done by the other one"

    os.kill(stopped, signal.SIGCONT)
    assert int(until_file(tmp_path / "continued")) == stopped
    until(lambda: variable(workspace, "task").fetchers == 2, "both workers wait for tasks")
    assert variable(workspace, "result").values == 0, "the late result was refused"
    assert set(impatient.eachElem(worker, range(200))) <= {stopped, results[0][1]}
    assert impatient.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]


def take_longer_than_the_lease(element: int, folder: Path) -> bool:
    """Return whether this is the first run."""
    first = is_first(folder, element)
    time.sleep(1.25 * Impatient.lease_time)
    return first


@pytest.mark.slow
def test_a_worker_that_is_busy_keeps_its_element(impatient: Sleigh, tmp_path: Path) -> None:
    assert impatient.eachElem(take_longer_than_the_lease, [0], [tmp_path]) == [True]
    assert len(list(tmp_path.iterdir())) == 1


def test_c_code_that_keeps_the_lock_has_time() -> None:
    """The worker cannot renew its lease then: hours of that must not cost it its element."""
    assert Sleigh.lease_time >= 12 * 3600

"""Every way to die, at every moment, in a task of MasterSlave and in a job of Parallel Python: what
happens once is done again by another process, what happens each time is an error of the task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from nws import pp
from nws.masterslave import MasterProcess, TaskRaisedException, initializeMasterProcess
from tests.support.deadly import ENDING, PICKLING, RAISING, RUNNING, UNPICKLING, Deadly, handle
from tests.support.server import Server
from tests.support.spaces import HOST

pytestmark = pytest.mark.slow

TASKS = 5
GUILTY = 1
MOMENTS = (UNPICKLING, RUNNING, PICKLING)

Outcomes = list[Any]
"""Of the tasks, in their order: their numbers, or exceptions."""

Face = Callable[[Deadly], Outcomes]
"""Lets tasks run, one of which meets something that does harm."""

SLAVE = Path(__file__).parent / "programs" / "deadly_slave.py"


@pytest.fixture
def master(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[MasterProcess]:
    """A master with a slave more than one task may cost."""
    monkeypatch.setenv("NWS_SERVER_HOST", HOST)
    monkeypatch.setenv("NWS_SERVER_PORT", str(server.port))
    master = initializeMasterProcess("deadly", str(SLAVE))
    master.launchSlaveJobs(4)
    yield master
    master.shutdown()


@pytest.fixture
def tasks(master: MasterProcess) -> Face:
    def run(deadly: Deadly) -> Outcomes:
        ids = [
            master.requestTask("handle", number, deadly if number == GUILTY else None)
            for number in range(TASKS)
        ]
        outcomes: dict[Any, Any] = {}
        for _ in ids:
            try:
                id, _, result = master.retrieveResult()
                outcomes[id] = result[0]
            except TaskRaisedException as error:
                outcomes[error.task_id] = error
        return [outcomes[id] for id in ids]

    return run


@pytest.fixture(scope="module")
def job_server() -> Iterator[pp.Server]:
    server = pp.Server(2)
    yield server
    server.destroy()


@pytest.fixture
def jobs(job_server: pp.Server) -> Face:
    def run(deadly: Deadly) -> Outcomes:
        handed = [deadly if number == GUILTY else None for number in range(TASKS)]
        return [outcome(job_server.submit(handle, each)) for each in enumerate(handed)]

    def outcome(job: pp.Job) -> Any:
        try:
            return job()[0]
        except pp.SleighTaskException as error:
            return error

    return run


@pytest.fixture(params=["tasks", "jobs"])
def face(request: pytest.FixtureRequest) -> Face:
    face: Face = request.getfixturevalue(request.param)
    return face


def others(outcomes: Outcomes) -> Outcomes:
    return outcomes[:GUILTY] + outcomes[GUILTY + 1 :]


OTHERS = others([10 * number for number in range(TASKS)])


@pytest.mark.nightly(but_each=4)
@pytest.mark.parametrize(("moment", "way"), [*product(MOMENTS, ENDING)])
def test_what_ends_a_process_once_is_done_by_another(
    face: Face, moment: str, way: str, tmp_path: Path
) -> None:
    outcomes = face(Deadly(moment, way, tmp_path, times=1))
    assert outcomes == [10 * number for number in range(TASKS)]


@pytest.mark.nightly(but_each=4)
@pytest.mark.parametrize(("moment", "way"), [*product(MOMENTS, ENDING)])
def test_what_ends_each_process_is_an_error_of_its_task(
    face: Face, moment: str, way: str, tmp_path: Path
) -> None:
    outcomes = face(Deadly(moment, way, tmp_path, times=1000))
    assert isinstance(outcomes[GUILTY], TaskRaisedException | pp.SleighTaskException)
    assert others(outcomes) == OTHERS
    assert len(list(tmp_path.glob("first harm *"))) == 3


@pytest.mark.nightly(but_each=4)
@pytest.mark.parametrize(("moment", "way"), [*product(MOMENTS, RAISING)])
def test_what_raises_ends_no_process(face: Face, moment: str, way: str, tmp_path: Path) -> None:
    outcomes = face(Deadly(moment, way, tmp_path, times=1000))
    assert isinstance(outcomes[GUILTY], TaskRaisedException | pp.SleighTaskException)
    assert way.partition(":")[0] in str(outcomes[GUILTY])
    assert others(outcomes) == OTHERS
    assert len(list(tmp_path.glob("first harm *"))) == 1

"""Tasks that are finished are settled once, whenever a worker is told to leave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, TypeVar, cast

import pytest

from nws.sleigh.shared.messages import RESULT, TASK
from nws.sleigh.worker.failure_report import FailureReport
from nws.sleigh.worker.leaving import LeaveError
from nws.sleigh.worker.settler import Settler
from nws.sleigh.worker.task_source import TaskSource
from tests.support.server import Server
from tests.support.spaces import Opener, opening, variable
from tests.support.strikes import Striker

R = TypeVar("R")


@pytest.fixture
def opened(server: Server, request: pytest.FixtureRequest) -> Iterator[Opener]:
    with opening(server.port, request.node.name) as opener:
        yield opener


class LeavingAt:
    """Tells a worker to leave at a moment of its wait."""

    def __init__(self, moment: int) -> None:
        self.moment = moment

    def may_interrupt(self, wait: Callable[[], R]) -> R:
        with Striker(self.moment, LeaveError()):
            return wait()


def test_a_worker_that_leaves_has_settled_what_it_finished(opened: Opener) -> None:
    ws = opened()
    for moment in count():
        ws.store_many(TASK, ["finished", "next"])
        settler = Settler(ws, 0, cast("Any", None), FailureReport(ws, 0))
        settler.add(ws.lease(TASK), [(RESULT, "result")])
        source = TaskSource(ws, settler, cast("Any", LeavingAt(moment)), 60.0, "", tuple)
        try:
            (lease,) = source.next(1)
        except LeaveError:
            ws.release(None, blame=False)  # as is done after a worker; it may have got the next one
            lease = ws.lease(TASK)
            left = True
        else:
            left = False
        assert (lease.value, lease.attempt) == ("next", 1), moment
        lease.settle()
        assert ws.fetch(RESULT) == "result"
        info = variable(ws, RESULT), variable(ws, TASK)
        assert [(each.values, each.leased) for each in info] == [(0, 0), (0, 0)], moment
        if not left:
            break
    assert moment > 20


@pytest.mark.parametrize("group", ["", "gpu"])
def test_a_task_whose_lease_was_lost_costs_no_other(opened: Opener, group: str) -> None:
    ws = opened()
    ws.store_many(TASK, ["lost", "finished", "next"])
    settler = Settler(ws, 0, cast("Any", None), FailureReport(ws, 0))
    lost, finished = ws.lease_many(TASK, 2)
    for lease in (lost, finished):
        settler.add(lease, [(RESULT, lease.value)])
    lost.release()
    source = TaskSource(ws, settler, cast("Any", LeavingAt(10**9)), 60.0, group, tuple)
    assert [lease.value for lease in source.next(9)] == ["lost", "next"]
    assert ws.fetch_many(RESULT, 9) == ["finished"]

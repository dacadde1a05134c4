"""A machine that cannot be reached, beside others: the master says so at once, and once."""

from __future__ import annotations

import pytest

from nws.sleigh import LaunchOptions, Sleigh, SleighJoinException
from tests.sleigh.functions import worker
from tests.support.deadly import times_ten
from tests.support.processes import until
from tests.support.server import Server
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

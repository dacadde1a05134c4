"""What people are shown of hosts and jobs."""

from __future__ import annotations

import pytest

from nws.depalma.jobs import JobRecord
from nws.depalma.listings import describe_absent, describe_jobs
from nws.depalma.messages import HostReport, RunningJob, SubmittedJob
from nws.depalma.parameters import CodeSpec


def host(name: str, *groups: str, jobs: tuple[int, ...] = ()) -> HostReport:
    """Return what a host says that runs jobs with these pids."""
    running = [RunningJob(pid, 1, 0, 99, 5.0) for pid in jobs]
    return HostReport(f"{name} 1", name, "machine", 7, 2, [*groups], 0, 1, 1e9, jobs=running)


@pytest.mark.parametrize(
    ("groups", "hosts", "problem"),
    [
        ([], [host("a")], ""),
        ([], [], "no host is there"),
        (["big"], [host("a"), host("b", "big")], ""),
        (["big"], [host("a"), host("b", "small")], "no host that is there belongs to one of its"),
        (["big"], [host("a", jobs=(1,))], ""),
    ],
)
def test_a_job_that_no_host_may_take_says_so(
    groups: list[str], hosts: list[HostReport], problem: str
) -> None:
    record = JobRecord(SubmittedJob(1, 1, 1), CodeSpec(command="true", groups=groups))
    (described,) = describe_jobs([record], hosts)
    assert described["problem"].startswith(problem)
    assert bool(described["problem"]) == bool(problem)


def test_a_host_that_is_not_there_says_why() -> None:
    lost = {"lost": host("lost", jobs=(1,)), "a": host("a")}
    bad, gone, new = describe_absent(["lost", "new", "bad"], lost, {"bad": "no such file"})
    assert [(each["name"], each["state"]) for each in (bad, gone, new)] == [
        *[("bad", "failed"), ("lost", "lost"), ("new", "starting")],
    ]
    assert (bad["problem"], new["problem"]) == ("no such file", "it has not joined yet")
    assert (gone["jobs"], gone["time"]) == (0, 1e9)
    assert gone["problem"].startswith("no answer since 2001-09-0")

"""Which job runs next, and where."""

from __future__ import annotations

from typing import Any

from nws.depalma.dispatcher import ClusterHost, Dispatcher
from nws.depalma.jobs import JobRecord, JobState
from nws.depalma.messages import HostReport, JobOutcome
from nws.depalma.parameters import CodeSpec


def make_host(name: str, **fields: Any) -> ClusterHost:
    given = {"slots": 1, "groups": [], "priority": 0, "step": 1, "time": 0.0, **fields}
    return ClusterHost(HostReport(f"{name} 1", name, "machine", 1, **given), 0.0)


def make_job(pid: int, **params: Any) -> JobRecord:
    return JobRecord(pid, 1, CodeSpec.checked("true", params), [], {})


def dispatch(dispatcher: Dispatcher, *hosts: ClusterHost) -> list[tuple[int, str]]:
    """Give away all jobs that can run now; return which went where."""
    given = []
    while (choice := dispatcher.next(hosts)) is not None:
        job, host = choice
        job.assign(host.id)
        host.jobs[job.pid] = job
        given.append((job.pid, host.name))
    return given


def waiting(*jobs: JobRecord) -> Dispatcher:
    dispatcher = Dispatcher()
    for job in jobs:
        dispatcher.add(job)
    return dispatcher


def test_jobs_run_in_the_order_in_which_they_came() -> None:
    dispatcher = waiting(*map(make_job, range(1, 6)))
    assert dispatch(dispatcher, make_host("a", slots=3)) == [(1, "a"), (2, "a"), (3, "a")]
    assert dispatch(dispatcher, make_host("b")) == [(4, "b")]


def test_a_higher_priority_is_first_also_behind_a_group() -> None:
    dispatcher = waiting(
        make_job(1), make_job(2, priority=5, groups=["big"]), make_job(3, priority=1)
    )
    assert dispatch(dispatcher, make_host("a", slots=9, groups=["big"])) == [
        *((2, "a"), (3, "a")),
        (1, "a"),
    ]


def test_jobs_of_a_group_run_there_only_and_hold_up_no_others() -> None:
    dispatcher = waiting(*(make_job(pid, groups=["big", "fast"]) for pid in (1, 2)), make_job(3))
    small = make_host("small", slots=5)
    assert dispatch(dispatcher, small) == [(3, "small")]
    assert dispatch(dispatcher, small, make_host("f", groups=["fast"])) == [(1, "f")]
    assert dispatch(dispatcher, small, make_host("b", groups=["big"])) == [(2, "b")]


def test_a_host_of_higher_priority_is_filled_first() -> None:
    hosts = make_host("a", slots=2), make_host("b", slots=2, priority=1)
    dispatcher = waiting(*map(make_job, (1, 2, 3)))
    assert dispatch(dispatcher, *hosts) == [(1, "b"), (2, "b"), (3, "a")]


def test_of_equal_hosts_the_least_busy_is_used() -> None:
    """Its own jobs count, and what others let its machine do."""
    a, b = make_host("a", slots=2), make_host("b", slots=4)
    assert dispatch(waiting(*map(make_job, range(6))), a, b) == [
        *((0, "a"), (1, "b"), (2, "b")),
        *((3, "a"), (4, "b"), (5, "b")),
    ]
    busy, quiet = make_host("a", load=8.0, cores=4), make_host("b", load=0.5, cores=4)
    assert dispatch(waiting(make_job(1)), busy, quiet) == [(1, "b")]


def test_a_job_that_was_killed_while_it_waited_is_left_out() -> None:
    first, second = make_job(1), make_job(2)
    dispatcher = waiting(first, second)
    first.state = JobState.FINISHED
    assert dispatch(dispatcher, make_host("a", slots=2)) == [(2, "a")]
    assert dispatcher.next([make_host("b")]) is None


def ended(host: ClusterHost, pid: int, seconds: float, now: float) -> None:
    host.jobs.pop(pid, None)
    host.note_outcome(JobOutcome(pid, 1, host.id, 0, started=0.0, ended=seconds), now)


def test_a_host_is_given_short_jobs_ahead_and_long_ones_not() -> None:
    host = make_host("a", slots=2)
    jobs = waiting(*map(make_job, range(1000)))
    assert len(dispatch(jobs, host)) == 2
    ended(host, 0, 0.001, now=1.0)
    assert len(host.jobs) + len(dispatch(jobs, host)) == 2 * 51
    for pid in list(host.jobs)[:51]:
        assert dispatch(jobs, host) == []
        ended(host, pid, 0.001, now=1.0)
    assert len(dispatch(jobs, host)) == 0
    ended(host, min(host.jobs), 0.001, now=1.0)
    assert len(dispatch(jobs, host)) == 52
    assert not host.is_slow(1.4)
    assert host.is_slow(1.6)
    host.forget_durations()
    assert not host.wants_job()
    host.jobs.clear()
    ended(host, 1, 60.0, now=2.0)
    assert len(dispatch(jobs, host)) == 2


def test_a_host_with_old_codes_is_behind_after_a_while() -> None:
    host = make_host("a")
    host.note_report(host.report, step=2, now=1.0)
    host.note_report(host.report, step=3, now=5.0)
    assert host.is_behind(since=1.5)
    assert not host.is_behind(since=0.5)
    host.note_report(host.report, step=1, now=6.0)
    assert not host.is_behind(since=100.0)

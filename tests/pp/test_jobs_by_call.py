"""Jobs are found by their calls as long as somebody has them, and leave nothing behind."""

from __future__ import annotations

import gc

from nws.pp.job import Job
from nws.pp.jobs_by_call import _MIN_KEPT, JobsByCall


def job(tid: int) -> Job:
    return Job(tid, "default", None, (), 0)


def test_a_job_is_found_as_long_as_somebody_has_it() -> None:
    jobs, kept = JobsByCall(), job(1)
    jobs.add(7, kept)
    assert jobs.get(7) is kept
    assert jobs.get(8) is None
    del kept
    gc.collect()
    assert jobs.get(7) is None


def test_jobs_that_are_gone_are_dropped() -> None:
    jobs = JobsByCall()
    kept = [job(number) for number in range(10)]
    for each in kept:
        jobs.add(each.tid, each)
    for number in range(10, 10 * _MIN_KEPT):
        jobs.add(number, job(number))
    assert len(jobs._references) <= _MIN_KEPT + 1
    assert [jobs.get(each.tid) for each in kept] == kept


def test_there_may_be_more_jobs_than_are_kept_at_first() -> None:
    jobs = JobsByCall()
    kept = [job(number) for number in range(5 * _MIN_KEPT)]
    for each in kept:
        jobs.add(each.tid, each)
    assert [jobs.get(each.tid) for each in kept] == kept

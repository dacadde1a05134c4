"""What people are shown of jobs and hosts: plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import to_builtins

from nws.depalma.jobs import JobRecord, host_name
from nws.depalma.messages import HostReport, JobOutcome, RunningJob

__all__ = ["describe_hosts", "describe_jobs", "describe_outcome"]


def describe_outcome(outcome: JobOutcome) -> dict[str, Any]:
    """Return how a job ended."""
    plain: dict[str, Any] = to_builtins(outcome)
    del plain["job"]
    return {"pid": outcome.job.pid, **plain, "host": host_name(outcome.host)}


def describe_jobs(
    records: Iterable[JobRecord], reports: Iterable[HostReport]
) -> list[dict[str, Any]]:
    """Return what is known of jobs, with what their hosts have said last of those that run."""
    running = {job.pid: (report.name, job) for report in reports for job in report.jobs}
    return [_describe_job(record, *running.get(record.pid, ("", None))) for record in records]


def _describe_job(record: JobRecord, host: str, running: RunningJob | None) -> dict[str, Any]:
    job, spec = record.job, record.spec
    plain: dict[str, Any] = {
        "pid": job.pid,
        "code": job.code,
        "label": spec.label,
        "arguments": job.arguments,
        "state": "waiting",
        "host": "",
        "attempt": record.attempt,
        "failures": job.failures,
        "submitted": job.submitted,
        "priority": spec.priority,
        "groups": spec.groups,
    }
    if record.outcome is not None:
        failures = record.outcome.job.failures
        return plain | describe_outcome(record.outcome) | _state("finished", failures)
    if running is not None:
        plain |= to_builtins(running)
        return plain | _state("running", running.failures) | {"host": host}
    return plain


def _state(state: str, failures: int) -> dict[str, Any]:
    return {"state": state, "failures": failures}


def describe_hosts(
    reports: Iterable[HostReport], problems: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return what is known of hosts, and of those that cannot be started."""
    found = [
        {**to_builtins(report), "jobs": len(report.jobs), "state": "ready", "problem": ""}
        for report in reports
    ]
    there = {host["name"] for host in found}
    for name in sorted(problems.keys() - there):
        found.append({"name": name, "state": "failed", "problem": problems[name]})
    return found

"""What people are shown of jobs and hosts: plain dictionaries."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from msgspec import to_builtins

from nws.depalma.jobs import JobRecord, host_name
from nws.depalma.messages import HostReport, JobOutcome, RunningJob

__all__ = ["describe_absent", "describe_hosts", "describe_jobs", "describe_outcome"]


def describe_outcome(outcome: JobOutcome) -> dict[str, Any]:
    """Return how a job ended."""
    plain: dict[str, Any] = to_builtins(outcome)
    del plain["job"]
    return {"pid": outcome.job.pid, **plain, "host": host_name(outcome.host)}


def describe_jobs(
    records: Iterable[JobRecord], reports: Iterable[HostReport]
) -> list[dict[str, Any]]:
    """Return what is known of jobs, with what their hosts have said last of those that run."""
    hosts = list(reports)
    running = {job.pid: (host.name, job) for host in hosts for job in host.jobs}
    described = []
    for record in records:
        host, job = running.get(record.pid, ("", None))
        problem = "" if job or record.outcome else _problem_of(record, hosts)
        described.append(_describe_job(record, host, job, problem))
    return described


def _problem_of(record: JobRecord, hosts: Collection[HostReport]) -> str:
    """Say why a waiting job cannot run now, if no host that is there may take it."""
    groups = set(record.spec.groups)
    if not hosts:
        return "no host is there"
    if groups and all(groups.isdisjoint(host.groups) for host in hosts):
        return "no host that is there belongs to one of its groups"
    return ""


def _describe_job(
    record: JobRecord, host: str, running: RunningJob | None, problem: str
) -> dict[str, Any]:
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
        "problem": problem,
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


def describe_hosts(reports: Iterable[HostReport]) -> list[dict[str, Any]]:
    """Return what is known of hosts that are there."""
    return [
        {**to_builtins(report), "jobs": len(report.jobs), "state": "ready", "problem": ""}
        for report in reports
    ]


def describe_absent(
    names: Iterable[str], lost: Mapping[str, HostReport], problems: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return what is known of hosts that should be there.

    Args:
        names: of these hosts.
        lost: what those that were there have said last, by their names.
        problems: of those that end again and again, or cannot be started.
    """
    return [
        _describe_absent(name, lost.get(name), problems.get(name, "")) for name in sorted(names)
    ]


def _describe_absent(name: str, lost: HostReport | None, problem: str) -> dict[str, Any]:
    if problem:
        return {"name": name, "state": "failed", "problem": problem}
    if lost is None:
        return {"name": name, "state": "starting", "problem": "it has not joined yet"}
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(lost.time))
    absent = {"jobs": 0, "state": "lost", "problem": f"no answer since {since}"}
    return {**to_builtins(lost), **absent}

"""What people are shown of jobs and hosts: plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from nws.depalma.dispatcher import ClusterHost
from nws.depalma.jobs import JobRecord, JobState

__all__ = ["describe_hosts", "describe_jobs"]

_OF_RUNNING: Final = ("os_pid", "started", "processes", "cpu", "memory")
_OF_OUTCOME: Final = (
    *("status", "signal", "timed_out", "error"),
    *("started", "ended", "cpu", "memory"),
)


def describe_jobs(jobs: Iterable[JobRecord], hosts: Iterable[ClusterHost]) -> list[dict[str, Any]]:
    """Return what is known of jobs, with what their hosts have said last of those that run."""
    running = {
        (each.get("pid"), each.get("attempt")): each for host in hosts for each in host.report.jobs
    }
    return [_described(job, running.get((job.pid, job.attempt))) for job in jobs]


def _described(job: JobRecord, running: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {
        "pid": job.pid,
        "code": job.code,
        "label": job.spec.label,
        "arguments": list(job.arguments),
        "state": job.state.value,
        "host": job.host_name,
        "attempt": job.attempt,
        "losses": job.losses,
        "failures": job.failures,
        "submitted": job.submitted,
        "priority": job.spec.priority,
        "groups": list(job.spec.groups),
    }
    if running and job.state is JobState.ASSIGNED:
        found |= {key: running[key] for key in _OF_RUNNING if key in running}
        found |= {"state": "running", "os_state": running.get("state", "")}
    if job.outcome is not None:
        found |= {key: getattr(job.outcome, key) for key in _OF_OUTCOME}
    return found


def describe_hosts(
    hosts: Iterable[ClusterHost], problems: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return what is known of hosts, and of those that cannot be started."""
    found = []
    for host in hosts:
        report = {key: value for key, value in vars(host.report).items() if key != "jobs"}
        found.append({**report, "jobs": len(host.jobs), "state": "ready", "problem": ""})
    there = {host["name"] for host in found}
    for name in sorted(problems.keys() - there):
        found.append({"name": name, "state": "failed", "problem": problems[name]})
    return found

"""The page of a Depalma cluster: its hosts, its jobs, and what a job has written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from nws_server.web import depalma_reports
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName, printable, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.query import Query
from nws_server.web.reports import Report, read_report, reports_in

__all__ = ["show_depalma"]

_MAX_HOSTS: Final = 200
_MAX_JOBS: Final = 50
"""Of each kind: those that run, that wait, and that have ended."""

_MAX_TEXT_CHARS: Final = 200
_MAX_OUTPUT_BYTES: Final = 20_000


def show_depalma(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show the cluster of a workspace. Fields: ``name``; ``pid`` of a job whose output is shown.

    Raises:
        NotFound: the workspace is not that of a cluster.
    """
    ws, pid = query.need("name"), query.number("pid", 0)
    if not depalma_reports.is_depalma(inspector, ws):
        raise NotFound(f"there is no cluster with the workspace {DisplayName(ws).short!r}")
    return inspector.cost_cache.get(("depalma", ws, pid), lambda: _show(inspector, ws, pid))


def _show(inspector: Inspector, ws: bytes, pid: int) -> dict[str, Any]:
    table = read_report(inspector, ws, depalma_reports.CLUSTER) or Report(None)
    codes = table.part("codes") or Report(None)
    reports = list(depalma_reports.hosts(inspector, ws, _MAX_HOSTS))
    hosts = [_host(there, report) for there, report in reports]
    absent = depalma_reports.absent_hosts(inspector, ws, _MAX_HOSTS)
    running = {
        job.whole("pid"): (host.text("name"), job)
        for _, host in reports
        for job in host.parts("jobs")
    }
    jobs: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    numbers = {"running": 0, "waiting": 0, "ended": 0}
    for queue in depalma_reports.queues(inspector, ws):
        view = inspector.look.variable(ws, queue)
        numbers["waiting"] += view.values if view else 0
        numbers["running"] += view.leased if view else 0
        leased = inspector.look.leased_values(ws, queue, _MAX_JOBS - len(jobs))
        jobs += [_running_job(job, codes, running) for job in reports_in(leased)]
        there = inspector.look.values(ws, queue, 0, _MAX_JOBS - len(waiting))
        problem = _problem_of(depalma_reports.groups_of(queue), reports)
        waiting += [_job(job, codes, "waiting") | {"problem": problem} for job in reports_in(there)]
    ended = inspector.look.variable(ws, depalma_reports.ENDED)
    numbers["ended"] = ended.leased if ended else 0
    outcomes = depalma_reports.ended_jobs(inspector, ws, _MAX_JOBS)
    jobs += [*waiting, *(_ended_job(outcome, codes) for outcome in outcomes)]
    return {
        "workspace": DisplayName(ws),
        "gone": depalma_reports.master_is_gone(inspector, ws),
        "hosts": _each_once(hosts, [_host(False, report) for report in absent]),
        "numbers": numbers,
        "jobs": jobs,
        "output": _output(inspector, ws, next((job for job in jobs if job["pid"] == pid), None)),
    }


def _problem_of(groups: Sequence[str], hosts: Iterable[tuple[bool, Report]]) -> str:
    """Say why jobs that name these groups cannot run now, if no host may take them."""
    able = [host.texts("groups") for there, host in hosts if there]
    if not able:
        return "no host is there"
    if groups and all(map(set(groups).isdisjoint, able)):
        return shorten(f"no host is there of {', '.join(groups)}", _MAX_TEXT_CHARS)
    return ""


def _each_once(
    hosts: Sequence[dict[str, Any]], absent: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the hosts, and those of which the master says that they are absent. For a moment it
    may say so of one that has just joined, or not yet of one that has just gone."""
    there = {host["name"] for host in hosts if host["state"] == "ready"}
    not_there = {host["name"] for host in absent} - there
    return [
        *(host for host in hosts if host["name"] not in not_there),
        *(host for host in absent if host["name"] in not_there),
    ]


def _host(there: bool, report: Report) -> dict[str, Any]:
    return {
        "name": _text(report, "name"),
        "state": "ready" if there else shorten(report.text("state", "gone"), _MAX_TEXT_CHARS),
        "problem": _text(report, "problem"),
        "machine": _text(report, "machine"),
        "pid": report.whole("os_pid"),
        "jobs": len(list(report.parts("jobs"))),
        "slots": report.whole("slots"),
        "load": round(report.number("load"), 1),
        "cores": report.whole("cores"),
        "cpu": round(report.number("cpu")),
        "memory": report.number("memory"),
        "used": report.number("memory_used"),
        "priority": report.whole("priority"),
        "groups": _words(report, "groups"),
        "time": report.number("time"),
    }


def _job(job: Report, codes: Report, state: str) -> dict[str, Any]:
    code = codes.part(str(job.whole("code"))) or Report(None)
    options = job.part("options") or Report(None)
    command = code.text("command") or _words(code, "command")
    return {
        "pid": job.whole("pid"),
        "label": _text(code, "label"),
        "command": shorten(f"{command} {_words(job, 'arguments')}".strip(), _MAX_TEXT_CHARS),
        "state": state,
        "host": "",
        "attempt": 0,
        "priority": options.whole("priority", code.whole("priority")),
        "submitted": job.number("submitted"),
        "started": None,
        "ended": None,
        "seconds": None,
        "memory": None,
        "exit": "",
        "problem": "",
        "failed": False,
        "keeps": any(map(code.flag, ("io", "pickup", "error_pickup"))),
    }


def _running_job(
    job: Report, codes: Report, running: dict[int, tuple[str, Report]]
) -> dict[str, Any]:
    described = _job(job, codes, "running")
    host, report = running.get(described["pid"], ("", Report(None)))
    return described | {
        "host": shorten(host, _MAX_TEXT_CHARS),
        "attempt": report.whole("attempt"),
        "started": report.maybe("started"),
        "memory": report.maybe("memory"),
    }


def _ended_job(outcome: Report, codes: Report) -> dict[str, Any]:
    job = outcome.part("job") or Report(None)
    status, signal = outcome.whole("status"), outcome.whole("signal")
    error = outcome.text("error")
    found = f"signal {signal}" if signal else f"exit status {status}"
    if outcome.flag("timed_out"):
        found = "its time was over"
    started, ended = outcome.maybe("started"), outcome.number("ended")
    return _job(job, codes, "ended") | {
        "host": shorten(outcome.text("host").rpartition(" ")[0], _MAX_TEXT_CHARS),
        "attempt": outcome.whole("attempt"),
        "started": started or None,
        "ended": ended or None,
        "seconds": max(0.0, ended - started) if started else None,
        "memory": outcome.maybe("memory"),
        "exit": shorten(error or found, _MAX_TEXT_CHARS),
        "failed": status != 0,
    }


def _output(inspector: Inspector, ws: bytes, job: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the beginning of what a job has written, if it is kept."""
    if job is None or not job["keeps"]:
        return None
    texts = {}
    for stream in ("stdout", "stderr"):
        name = f"{stream} {job['pid']} {job['attempt']}".encode()
        data = depalma_reports.output(inspector, ws, name, _MAX_OUTPUT_BYTES)
        lines = data.decode("utf-8", "backslashreplace").split("\n")
        texts[stream] = "\n".join(printable(line.encode()) for line in lines)
    return {"pid": job["pid"], "most": _MAX_OUTPUT_BYTES, **texts}


def _text(report: Report, key: str) -> str:
    return shorten(report.text(key), _MAX_TEXT_CHARS)


def _words(report: Report, key: str) -> str:
    return shorten(" ".join(report.texts(key)), _MAX_TEXT_CHARS)

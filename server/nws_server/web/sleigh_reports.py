"""The reports of a sleigh in its workspace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nws_server.web.inspector import Inspector
from nws_server.web.reports import Report, parse, read_text

__all__ = ["is_sleigh", "read_reports", "read_workers"]

TASKS: Final = b"task"
RESULTS: Final = b"result"
CALLS: Final = b"calls"
WORKER: Final = b"worker "
FAILURES: Final = b"failures "
GONE: Final = b"gone "
WORKER_COUNT: Final = b"workerCount"
RUN_ME: Final = b"runMe"
WAITS_FOR_WORKERS: Final = b"deleteMeWhenAllWorkersStarted"

_SLEIGH_VARIABLES: Final = (TASKS, RESULTS, b"rankCount", WORKER_COUNT)
_MAX_WORKERS: Final = 1000
_MAX_READ_BYTES: Final = 4_000_000
"""Bytes that are read of all reports of one kind."""


def is_sleigh(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether a workspace looks like that of a sleigh."""
    return all(inspector.look.variable(ws, mark) is not None for mark in _SLEIGH_VARIABLES)


def read_reports(inspector: Inspector, ws: bytes, kind: bytes) -> Iterator[tuple[int, Any]]:
    """Walk the reports of all workers, by rank."""
    read = 0
    for rank in range(_MAX_WORKERS):
        var = kind + b"%d" % rank
        if inspector.look.variable(ws, WORKER + b"%d" % rank) is None or read > _MAX_READ_BYTES:
            return
        text = read_text(inspector, ws, var)
        read += len(text or "")
        content = parse(text)
        if content is not None:
            yield rank, content


def read_workers(inspector: Inspector, ws: bytes) -> dict[int, Report]:
    """Return the reports about all workers, by rank. What that of a worker says is out of date if
    its supervisor is gone: then its state is ``gone``."""
    reports = {}
    for rank, content in read_reports(inspector, ws, WORKER):
        report = reports[rank] = Report(content)
        supervisor = report.text("id").encode(errors="replace")
        will = inspector.look.variable(ws, GONE + supervisor)
        if will is not None and will.values:
            reports[rank] = report.updated(state="gone", current=None)
    return reports

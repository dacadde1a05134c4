"""The reports of a sleigh in its workspace: small JSON texts, validated when they are read.

Any client can store anything there. What does not have the expected form is skipped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from nws_server.web.inspector import Inspector
from nws_server.web.kinds import beginning, kind_of

__all__ = ["Report", "is_sleigh", "read_report", "read_reports", "read_text", "read_workers"]

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
_MAX_REPORT_BYTES: Final = 200_000
"""Bytes of one report; longer ones are skipped."""

_MAX_WORKERS: Final = 1000
_MAX_READ_BYTES: Final = 4_000_000
"""Bytes that are read of all reports of one kind."""


def is_sleigh(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether a workspace looks like that of a sleigh."""
    return all(inspector.look.variable(ws, mark) is not None for mark in _SLEIGH_VARIABLES)


def read_text(inspector: Inspector, ws: bytes, var: bytes) -> str | None:
    """Return the first value of a variable if it is a text, else None."""
    for value in inspector.look.values(ws, var, 0, 1):
        if kind_of(value).form == "text" and value.size <= _MAX_REPORT_BYTES:
            return beginning(value, _MAX_REPORT_BYTES).decode("utf-8", "replace")
    return None


class Report:
    """A JSON object from any client. A field of the wrong type gives its default."""

    def __init__(self, content: Any) -> None:
        """Take parsed JSON; anything but an object counts as an empty one."""
        self._content: dict[str, Any] = content if isinstance(content, dict) else {}

    def updated(self, **fields: Any) -> Report:
        """Return a report with other values in some fields."""
        return Report({**self._content, **fields})

    def text(self, key: str, default: str = "") -> str:
        """Return the text in a field."""
        value = self._content.get(key)
        return value if isinstance(value, str) else default

    def number(self, key: str, default: float = 0) -> float:
        """Return the number in a field."""
        return _number(self._content.get(key), default)

    def whole(self, key: str, default: int = 0) -> int:
        """Return the number in a field, truncated to a whole one."""
        return int(self.number(key, default))

    def maybe(self, key: str) -> float | None:
        """Return the number in a field, or None if the field is null or missing."""
        return self.number(key) if self._content.get(key) is not None else None

    def flag(self, key: str) -> bool:
        """Return whether a field is true."""
        return self._content.get(key) is True

    def part(self, key: str) -> Report | None:
        """Return the object in a field, or None."""
        value = self._content.get(key)
        return Report(value) if isinstance(value, dict) else None

    def parts(self, key: str) -> Iterator[Report]:
        """Walk the objects in a list."""
        parts = self._content.get(key)
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                yield Report(part)

    def rows(self, key: str, width: int) -> Iterator[list[Any]]:
        """Walk the lists of at least `width` items in a list."""
        rows = self._content.get(key)
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, list) and len(row) >= width:
                yield row


def _number(value: Any, default: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e18 < value < 1e18:
        return default
    return value


def read_report(inspector: Inspector, ws: bytes, var: bytes) -> Report | None:
    """Return the report in a variable; None if there is none."""
    content = _parse(read_text(inspector, ws, var))
    return None if content is None else Report(content)


def read_reports(inspector: Inspector, ws: bytes, kind: bytes) -> Iterator[tuple[int, Any]]:
    """Walk the reports of all workers, by rank."""
    read = 0
    for rank in range(_MAX_WORKERS):
        var = kind + b"%d" % rank
        if inspector.look.variable(ws, WORKER + b"%d" % rank) is None or read > _MAX_READ_BYTES:
            return
        text = read_text(inspector, ws, var)
        read += len(text or "")
        content = _parse(text)
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


def _parse(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None

"""The reports of a supervisor about its workers, for people who look at the workspace.

Each is a JSON text in a variable of its own, stored when something has changed since the last look.
"""

from __future__ import annotations

import json
import platform
import socket
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from nws.client import NetWorkSpace
from nws.errors import NwsNoWorkSpaceException, NwsOperationException, NwsUnpicklingException
from nws.sleigh.shared.durations import durations_in, durations_of
from nws.sleigh.shared.messages import NO_ELEMENT, WORKER, worker_variable
from nws.sleigh.shared.settings import Settings
from nws.sleigh.shared.spans import SHOWN, Span, spans_in
from nws.sleigh.shared.status_cells import (
    CUT_OFF,
    FAILED,
    IDLE,
    INITIALIZING,
    LOADING,
    RUNNING,
    WAITING,
)
from nws.sleigh.supervisor.declaring import declare_anew
from nws.sleigh.supervisor.kept_output import KeptOutput
from nws.sleigh.supervisor.process_usage import ProcessUsage, UsageMeter, is_similar
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.version import __version__

__all__ = ["Reports", "WorkerReport", "description", "worker_report", "worker_reports"]

_LOOK_SECONDS: Final = 1.0
"""Between looks."""

_KEPT_LINES: Final = 20
_MAX_LINE_CHARS: Final = 500
"""Of each line that is kept."""

_CLOCK_JUMP_SECONDS: Final = 0.01
"""Clocks that have moved apart by more were set, or the machine was asleep."""

_STATES: Final = {
    IDLE: "idle",
    LOADING: "loading",
    RUNNING: "running",
    WAITING: "waiting",
    INITIALIZING: "initializing",
    FAILED: "failed",
    CUT_OFF: "starting",
}
_BUSY: Final = ("loading", "running", "initializing")

_REPORT_KINDS: Final = {
    "id": str,
    "pid": int,
    "deaths": int,
    "tasks": int,
    "elements": int,
    "recent": list,
    "lines": list,
}
"""What is read of a report by a program."""

Description = dict[str, Any]


def description(settings: Settings, log_file: str) -> Description:
    """Return what a supervisor's reports have in common.

    Args:
        settings: of the supervisor.
        log_file: for what the workers write.
    """
    host = socket.gethostname()
    return {
        "host": host,
        "name": settings.machine or host,
        "os": platform.platform(),
        "python": platform.python_version(),
        "nws": __version__,
        "logfile": log_file,
        "id": settings.id,
        "job": settings.job,
        "group": settings.group,
    }


def worker_reports(workspace: NetWorkSpace) -> list[dict[str, Any]]:
    """Return the reports about all workers of a sleigh, in the order of ranks."""
    listing = workspace.listVars(format="dict")
    words = (name.partition(" ") for name in listing)
    ranks = sorted(int(rank) for word, _, rank in words if word == WORKER and rank.isdecimal())
    reports = (worker_report(workspace, rank) for rank in ranks)
    return [report for report in reports if report is not None]


def worker_report(workspace: NetWorkSpace, rank: int) -> dict[str, Any] | None:
    """Return the report about a worker; None if there is none: others may store anything there."""
    try:
        report = json.loads(workspace.findTry(worker_variable(rank), "null"))
    except (ValueError, TypeError, RecursionError, NwsUnpicklingException):
        return None
    if not isinstance(report, dict) or report.get("rank") != rank:
        return None
    kinds = {name: type(report.get(name)) for name in _REPORT_KINDS}
    return report if kinds == _REPORT_KINDS else None


class _Look(NamedTuple):
    """What a supervisor sees of a worker. When it is another one, there is news."""

    pid: int
    state: str
    since: int
    """When the element that runs has begun; 0 if there is none."""
    tasks: int
    elements: int
    deaths: int
    lines: int


class WorkerReport:
    """What is known of the workers of one rank.

    Attributes:
        variable: the name of its variable.
        kept: what is kept of the output.
    """

    def __init__(
        self,
        process: WorkerProcess,
        common: Description,
        former: Mapping[str, Any],
        kept: KeptOutput,
    ) -> None:
        """Begin, or go on where a supervisor has ended that had this rank.

        Args:
            process: the worker.
            common: see `description`.
            former: the last report of that supervisor; empty if there was none.
            kept: more lines than the report has.
        """
        self.variable = worker_variable(process.rank)
        self._process = process
        self._common = common
        self._tasks: int = former.get("tasks", 0)
        self._elements: int = former.get("elements", 0)
        self._deaths: int = former.get("deaths", 0) + bool(former.get("pid"))
        self._recent: list[Any] = former.get("recent", [])
        self._lines = deque[Sequence[Any]](former.get("lines", []), _KEPT_LINES)
        self._written = 0
        self.kept = kept
        self._epoch = 0.0  # what time.time() is when time.monotonic() is 0
        self._durations = durations_of(former.get("durations"))
        self._meter = UsageMeter()
        self._usage = ProcessUsage()
        self._seen: _Look | None = None
        self._published: _Look | None = None

    def note_death(self) -> None:
        """Take note that the worker has died."""
        self._deaths += 1

    def note_lines(self, lines: Sequence[tuple[int, int, str, str]]) -> None:
        """Take note of what it has written: call, element, stream and text of each line."""
        now = round(time.time(), 3)
        self._written += len(lines)
        rows = [
            (now, call, element, stream, _message(text) if stream == "log" else text)
            for call, element, stream, text in lines
        ]
        self.kept.note(rows)
        self._lines.extend((*row, text[:_MAX_LINE_CHARS]) for *row, text in rows[-_KEPT_LINES:])

    # Looking

    def news(self) -> str | None:
        """Return the report if it is another one than was `published`."""
        seen, usage = self._look(), self._usage
        if seen.since or seen != self._published or usage.cpu != 0:  # or else it is at rest
            usage = self._meter.look(seen.pid, time.monotonic())
        if seen == self._published and is_similar(usage, self._usage):
            return None
        self._seen, self._usage = seen, usage
        return json.dumps(self._content(seen))

    def published(self) -> None:
        """Take note that what `news` returned was stored."""
        self._published = self._seen
        self.kept.published()

    def _look(self) -> _Look:
        process, cells = self._process, self._process.cells
        is_there = process.pid or cells.state == FAILED
        absent = "left" if process.has_left else "starting"
        state = _STATES[cells.state] if is_there else absent
        return _Look(
            process.pid,
            "stopped" if process.pid and process.stopped_at else state,
            cells.since if state in _BUSY else 0,
            self._tasks + cells.tasks_done,
            self._elements + cells.elements_done,
            self._deaths,
            self._written,
        )

    # Writing

    def _content(self, seen: _Look) -> dict[str, Any]:
        process = self._process
        epoch = time.time() - time.monotonic()
        if abs(epoch - self._epoch) > _CLOCK_JUMP_SECONDS:
            self._epoch = epoch
        recent = [self._span(span) for span in spans_in(process.cells)]
        return {
            "rank": process.rank,
            "pid": seen.pid,
            **self._common,
            "state": seen.state,
            "started": round(self._epoch + process.started_at, 3),
            "deaths": seen.deaths,
            "tasks": seen.tasks,
            "elements": seen.elements,
            **self._usage._asdict(),
            "current": self._current(seen.since) if seen.since else None,
            "durations": self._all_durations(),
            "recent": [*self._recent, *recent][-SHOWN:],
            "lines": list(self._lines),
        }

    def _current(self, since: int) -> dict[str, Any]:
        cells = self._process.cells
        element = cells.element
        return {
            "call": cells.call,
            "first": cells.first,
            "size": cells.size,
            "element": None if element == NO_ELEMENT else element,
            "since": self._time(since),
        }

    def _all_durations(self) -> list[tuple[float, int]]:
        own = durations_in(self._process.cells)
        return sorted((Counter(self._durations) + Counter(own)).items())

    def _span(self, span: Span) -> list[float]:
        return [*span[:3], self._time(span.begin), self._time(span.end)]

    def _time(self, reading: int) -> float:
        return round(self._epoch + reading / 1e9, 3)


class Reports:
    """The reports about all workers of a supervisor.

    Attributes:
        due: when to look again; a reading of time.monotonic().
    """

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Prepare to report to this workspace."""
        self.due = 0.0
        self._workspace = workspace
        self._reports: dict[int, WorkerReport] = {}

    def add(self, rank: int, report: WorkerReport) -> None:
        """Add the report about one more worker."""
        declare_anew(self._workspace, report.variable, "single")
        self._reports[rank] = report

    def of(self, rank: int) -> WorkerReport:
        """Return the report about a worker."""
        return self._reports[rank]

    def look(self, now: float) -> None:
        """Publish what has changed, if it is time to look."""
        if now >= self.due:
            self.due = now + _LOOK_SECONDS
            self._publish(self._reports.values())

    def publish(self, rank: int) -> None:
        """Publish a report without waiting for the next look."""
        self._publish([self._reports[rank]])

    def publish_all(self) -> None:
        """Publish what has changed of all, without waiting for the next look."""
        self._publish(self._reports.values())

    def stores(self) -> list[tuple[str, Any]]:
        """Return what to store when nothing was published yet."""
        return [(report.variable, report.news()) for report in self._reports.values()]

    def _publish(self, reports: Iterable[WorkerReport]) -> None:
        changed = [(report, text) for report in reports if (text := report.news()) is not None]
        if not changed:
            return
        try:
            stores: list[tuple[str, Any]] = []
            for report, text in changed:
                stores += [(report.variable, text), *report.kept.news()]
            self._workspace.settle([], stores)
        except NwsNoWorkSpaceException:
            raise
        except NwsOperationException:
            return  # the server is full: results need what room there is
        for report, _ in changed:
            report.published()


def _message(text: str) -> str:
    """Return what a log record says. What only looks like one is shown as it is."""
    try:
        content = json.loads(text)
        return f"{content['levelname']}: {content['msg']}"
    except (ValueError, TypeError, KeyError):
        return text

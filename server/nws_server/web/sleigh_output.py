"""The lines that the workers of a sleigh wrote, as far as they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

from nws_server.web.names import shorten
from nws_server.web.reports import Report, number_in
from nws_server.web.sleigh_reports import SleighReports

__all__ = ["LastLines", "OutputLine", "all_lines_of", "logs_of"]

_MAX_LINE_CHARS: Final = 4000

_PILED_UP: Final = 20
"""How many times as many lines as wanted are held before the older ones are dropped."""


class OutputLine(NamedTuple):
    """A line."""

    rank: int
    """Of the worker."""
    time: float
    """When it was read, in seconds of the epoch."""
    element: int
    """That ran then; negative for none."""
    stream: str
    """``stdout``, ``stderr`` or ``log``; empty if that is not known."""
    text: str

    @property
    def origin(self) -> str:
        """Who wrote it, as the master shows that."""
        return f"[{self.rank}:{self.element}]" if self.element >= 0 else f"[{self.rank}]"


def all_lines_of(reports: SleighReports) -> Sequence[OutputLine]:
    """Return all lines that are kept of all workers, oldest first; of workers of which no more is
    kept, those in their reports."""
    kept = list(reports.output())
    ranks = {rank for rank, _ in kept}
    others = [each for each in reports.workers().items() if each[0] not in ranks]
    lines = [
        _line(rank, row) for rank, report in [*kept, *others] for row in report.rows("lines", 5)
    ]
    return sorted(lines, key=lambda line: line.time)


class LastLines:
    """The last lines of all workers, whose reports are read one at a time."""

    def __init__(self, most: int) -> None:
        """Begin without any; keep so many."""
        self._most = most
        self._rows: list[tuple[float, int, Sequence[Any]]] = []

    def add(self, rank: int, report: Report) -> None:
        """Add those of a worker."""
        self._rows += [(number_in(row[0]), rank, row) for row in report.rows("lines", 5)]
        if len(self._rows) > _PILED_UP * self._most:  # not for each worker
            self._rows = self._last()

    def oldest_first(self) -> Sequence[OutputLine]:
        """Return them."""
        return [_line(rank, row) for _, rank, row in self._last()]

    def _last(self) -> list[tuple[float, int, Sequence[Any]]]:
        return sorted(self._rows, key=itemgetter(0))[-self._most :]


def _line(rank: int, row: Sequence[Any]) -> OutputLine:
    when, call, element, stream, text = row[:5]
    line = Report({"time": when, "call": call, "element": element, "text": text})
    return OutputLine(
        rank,
        line.number("time"),
        line.whole("element", -1),
        stream if stream in ("stdout", "stderr", "log") else "",
        shorten(line.text("text"), _MAX_LINE_CHARS),
    )


def logs_of(workers: Mapping[int, Report]) -> Sequence[str]:
    """Return where all lines are: the machine and the log file of each supervisor that has one."""
    logs = {
        f"{report.text('host')}:{report.text('logfile')}": None
        for report in workers.values()
        if report.text("logfile")
    }
    return [shorten(log, 500) for log in logs]

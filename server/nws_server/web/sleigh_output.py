"""The last lines that the workers of a sleigh wrote, as far as their reports have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from nws_server.web.names import shorten
from nws_server.web.reports import Report

__all__ = ["OutputLine", "lines_of", "logs_of"]

_MAX_LINE_CHARS: Final = 4000


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


def lines_of(workers: Mapping[int, Report]) -> Sequence[OutputLine]:
    """Return the lines of all workers, oldest first.

    Args:
        workers: their reports, by rank.
    """
    lines = [
        _line(rank, row) for rank, report in workers.items() for row in report.rows("lines", 5)
    ]
    return sorted(lines, key=lambda line: line.time)


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

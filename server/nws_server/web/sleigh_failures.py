"""The last failures of a sleigh's elements, as its workers reported them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from nws_server.web.names import shorten
from nws_server.web.reports import Report
from nws_server.web.sleigh_reports import SleighReports

__all__ = ["ReportedFailure", "describe_kinds", "failures_of"]

_MAX_SUMMARY_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 4000

_MAX_ELEMENTS_NAMED: Final = 20
"""Of those that have failed alike."""

_NUMBERS: Final = re.compile(r"0x[0-9a-fA-F]+|\d+")


class ReportedFailure(NamedTuple):
    """A failure."""

    time: float
    """Of the epoch."""
    call: int
    element: int
    rank: int
    """Of the worker."""
    attempt: int
    """Which try that was, if the element was tried again; else 0."""
    summary: str
    text: str

    @property
    def kind(self) -> str:
        """What it has in common with those that are alike: its summary but for the numbers."""
        return _NUMBERS.sub("#", self.summary)


def failures_of(reports: SleighReports) -> Sequence[ReportedFailure]:
    """Return the last failures of all workers, the newest first."""
    failures = [_failure(rank, report) for rank, report in reports.failures()]
    return sorted(failures, key=lambda failure: -failure.time)


def _failure(rank: int, report: Report) -> ReportedFailure:
    return ReportedFailure(
        report.number("time"),
        report.whole("call"),
        report.whole("element"),
        rank,
        report.whole("attempt"),
        shorten(report.text("summary"), _MAX_SUMMARY_CHARS),
        shorten(report.text("text"), _MAX_TEXT_CHARS),
    )


def describe_kinds(failures: Iterable[ReportedFailure]) -> list[dict[str, Any]]:
    """Describe failures, those that are alike in one entry.

    Args:
        failures: the newest first.
    """
    alike: defaultdict[str, list[ReportedFailure]] = defaultdict(list)
    for failure in failures:
        alike[failure.kind].append(failure)
    return [_kind(kind, each) for kind, each in alike.items()]


def _kind(kind: str, failures: Sequence[ReportedFailure]) -> dict[str, Any]:
    last = failures[0]
    return {
        "kind": kind,
        "summary": last.summary,
        "count": len(failures),
        "time": last.time,
        "text": last.text,
        "elements": [
            {"call": each.call, "element": each.element, "rank": each.rank}
            for each in failures[:_MAX_ELEMENTS_NAMED]
        ],
    }

"""The report of a worker about elements that failed, for people who look at the workspace."""

from __future__ import annotations

import json
import time
from collections import deque
from io import BytesIO
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import NwsOperationException
from nws.sleigh.shared.messages import Failure, failures_variable
from nws.sleigh.worker.taking import taken

__all__ = ["FailureReport"]

_KEPT_FAILURES: Final = 100
_MAX_SUMMARY_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 4000
"""Kept of a text, from its end, where it says what went wrong."""


class FailureReport:
    """The last failures in the workers of a rank, a value for each.

    Attributes:
        variable: the name of its variable.
    """

    def __init__(self, workspace: NetWorkSpace, rank: int) -> None:
        """Prepare. There is no variable before the first failure."""
        self.variable = failures_variable(rank)
        self._workspace = workspace
        self._count: int | None = None  # of those that are there; None as long as nobody has looked
        self._noted = deque[dict[str, Any]](maxlen=_KEPT_FAILURES)  # two threads use it

    def note(self, call: int, element: int, failure: Failure, attempt: int = 0) -> None:
        """Take note of a failure.

        Args:
            call: the number of the call.
            element: the element that failed.
            failure: why.
            attempt: which try that was, if the element is tried again; else 0.
        """
        self._noted.append(_entry(call, element, failure, attempt))

    def news(self) -> list[tuple[str, Any]]:
        """Return what to store with the next results: nothing if nothing was noted."""
        if not self._noted:
            return []
        try:
            there = self._make_room(len(self._noted))
        except NwsOperationException:
            return []  # the server is full: results need what room there is
        # A failure that is noted once more, because it could not be sent, is still one.
        news = {_key(entry): entry for entry in taken(self._noted)}
        self._count = there + len(news)
        return [(self.variable, json.dumps(entry)) for entry in news.values()]

    def _make_room(self, coming: int) -> int:
        """Remove the oldest ones, so that there are not too many. Return how many are there."""
        there = self._count
        if there is None:  # go on where the former worker of this rank has ended
            self._workspace.declare(self.variable, "fifo")
            listing = self._workspace.listVars(format="dict")
            assert isinstance(listing, dict)
            there = listing[self.variable].values
        for _ in range(there + coming - _KEPT_FAILURES):
            self._workspace.fetchTryFile(self.variable, BytesIO())
            there -= 1
        return max(0, there)


def _entry(call: int, element: int, failure: Failure, attempt: int) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "time": round(time.time(), 3),
        "call": call,
        "element": element,
        "summary": failure.summary[:_MAX_SUMMARY_CHARS],
        "text": failure.text[-_MAX_TEXT_CHARS:],
    }
    return {**entry, "attempt": attempt} if attempt else entry


def _key(entry: dict[str, Any]) -> tuple[int, int, int]:
    return entry["call"], entry["element"], entry.get("attempt", 0)

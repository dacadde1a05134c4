"""The report of a worker about elements that failed, for people who look at the workspace."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import NwsOperationException, NwsUnpicklingException
from nws.sleigh.shared.messages import Failure, failures_variable

__all__ = ["FailureReport"]

_KEPT_FAILURES: Final = 10
_MAX_SUMMARY_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 4000
"""Kept of a text, from its end, where it says what went wrong."""


class FailureReport:
    """The last failures in the workers of a rank.

    Attributes:
        variable: the name of its variable.
    """

    def __init__(self, workspace: NetWorkSpace, rank: int) -> None:
        """Prepare. There is no variable before the first failure."""
        self.variable = failures_variable(rank)
        self._workspace = workspace
        self._begun = False  # whether the variable is there, and what it held is known
        self._has_news = False
        # A failure that is noted once more, because it could not be sent, is still one. The dict is
        # replaced and never changed: two threads use it.
        self._noted: dict[tuple[int, int, int], dict[str, Any]] = {}

    def note(self, call: int, element: int, failure: Failure, attempt: int = 0) -> None:
        """Take note of a failure.

        Args:
            call: the number of the call.
            element: the element that failed.
            failure: why.
            attempt: which try that was, if the element is tried again; else 0.
        """
        entry = _entry(call, element, failure, attempt)
        self._noted = dict([*self._noted.items(), (_key(entry), entry)][-_KEPT_FAILURES:])
        self._has_news = True

    def news(self) -> list[tuple[str, Any]]:
        """Return what to store with the next results: nothing if nothing was noted."""
        if not self._has_news:
            return []
        try:
            self._begin()
        except NwsOperationException:
            return []  # the server is full: results need what room there is
        self._has_news = False
        return [(self.variable, json.dumps(list(self._noted.values())))]

    def _begin(self) -> None:
        """Go on where the former worker of this rank has ended."""
        if not self._begun:
            self._workspace.declare(self.variable, "single")
            try:
                former = json.loads(self._workspace.findTry(self.variable, "[]"))
                noted = {_key(entry): entry for entry in former}
            except (ValueError, TypeError, LookupError, NwsUnpicklingException):
                noted = {}  # others may store anything there
            self._noted = dict([*(noted | self._noted).items()][-_KEPT_FAILURES:])
            self._begun = True


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

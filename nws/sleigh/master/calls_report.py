"""How far each call is, and the master's report about that for people who look at the workspace.

A call in which nothing failed, and that ends before the report was published for the first time,
costs nothing. All submitted calls of a burst share one entry.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from json import dumps
from types import BuiltinFunctionType, FunctionType
from typing import Any, Final

__all__ = ["CallState", "CallsReport", "name_of"]

_MAX_NAME_CHARS: Final = 80

_FUNCTIONS: Final = frozenset({FunctionType, BuiltinFunctionType})

_ENDED_SHOWN: Final = 5
"""Calls that have ended and are still in the report."""


class CallState:
    """What is known of a call, also when the call itself is no longer referred to.

    Attributes:
        number: of the call.
        kind: the method of the sleigh.
        submitted: how many elements were submitted.
        arrived: how many values have come back.
        failed: how many of these stand for elements that failed; 1 if workers cannot read the
            function.
        exhausted: all elements were submitted.
        over: all values have come back, or it was cancelled.
        cancelled: it was.
        public: it was published.
    """

    number = submitted = arrived = failed = 0
    exhausted = over = cancelled = public = False

    def __init__(self, kind: str, fun: Any, total: int | None) -> None:
        """Prepare.

        Args:
            kind: the method of the sleigh.
            fun: what is called, as the user gave it.
            total: how many elements there will be, if that is known.
        """
        self.name = name_of(fun)  # now, for to ask may run code of the user
        self.kind = kind
        self._total = total
        self._began = time.time()

    def content(self) -> dict[str, Any]:
        """Return what is published."""
        return {
            "number": self.number,
            "kind": self.kind,
            "function": self.name,
            "elements": self.submitted if self.exhausted else self._total,
            "submitted": self.submitted,
            "arrived": self.arrived,
            "failed": self.failed,
            "began": round(self._began, 3),
            "over": self.over,
            "cancelled": self.cancelled,
        }


class CallsReport:
    """The calls under way, and the last ones that ended."""

    def __init__(self, publish: Callable[[str], None]) -> None:
        """Prepare; ``publish`` is given the report as JSON."""
        self._publish = publish
        self._states: dict[int, CallState] = {}
        self._ended = deque[CallState](maxlen=_ENDED_SHOWN)
        self._published: list[dict[str, Any]] = []
        self._turn = threading.RLock()

    def add(self, state: CallState) -> None:
        """Report a call from now on."""
        self._states[state.number] = state

    def end(self, state: CallState, *, cancelled: bool) -> None:
        """A call is over: publish that if others have seen it, or are to learn that it failed."""
        state.over, state.cancelled = True, cancelled
        if self._states.pop(state.number, None) is not None and (state.public or state.failed):
            self._ended.append(state)
            self.publish()

    def under_way(self) -> list[dict[str, Any]]:
        """Describe the calls that are not over."""
        states = sorted(self._states.values(), key=lambda state: state.number)
        return [state.content() for state in states]

    def publish(self) -> None:
        """Publish how far the calls are, if that is news."""
        with self._turn:
            shown = [*self._ended, *list(self._states.values())]
            for state in shown:
                state.public = True
            content = [state.content() for state in sorted(shown, key=lambda each: each.number)]
            if content != self._published:
                self._published = content
                self._publish(dumps({"calls": content}))


def name_of(fun: Any) -> str:
    """Return by what name people know a function; of a text its beginning."""
    if type(fun) in _FUNCTIONS:
        qualname: str = fun.__qualname__
        return qualname[:_MAX_NAME_CHARS]
    if isinstance(fun, str):
        return fun.strip()[:_MAX_NAME_CHARS]
    while isinstance(fun, functools.partial):
        fun = fun.func
    try:
        name = fun.__qualname__
    except Exception:  # an object that can be called may raise anything
        name = None
    return (name if isinstance(name, str) else type(fun).__qualname__)[:_MAX_NAME_CHARS]

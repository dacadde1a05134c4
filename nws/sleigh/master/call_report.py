"""The report of the master about its call, for people who look at the workspace.

Nothing is done for it in a call that is over before it is published for the first time.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from json import dumps
from typing import Any, Final, NamedTuple

__all__ = ["CallReport", "Counts", "name_of"]

_LONGEST: Final = 80
"""Characters of a name."""


class Counts(NamedTuple):
    """How many elements of a call."""

    submitted: int
    arrived: int
    failed: int


class CallReport:
    """What is to be known of a call."""

    def __init__(
        self, number: int, kind: str, fun: Any, total: int | None, publish: Callable[[str], None]
    ) -> None:
        """Prepare; nothing is published.

        Args:
            number: of the call.
            kind: the method of the sleigh.
            fun: what is called, as the user gave it.
            total: how many elements there will be, if that is known.
            publish: is given the report as JSON.
        """
        self._number = number
        self._kind = kind
        self._fun = fun
        self._total = total
        self._publish = publish
        self._began = time.time()
        self._published: dict[str, Any] = {}

    @property
    def is_public(self) -> bool:
        """Whether anything was published."""
        return bool(self._published)

    def tell(self, counts: Counts, *, all_submitted: bool, over: bool, cancelled: bool) -> None:
        """Publish how far it has come, if that is news."""
        content = {
            "number": self._number,
            "kind": self._kind,
            "function": name_of(self._fun),
            "elements": counts.submitted if all_submitted else self._total,
            **counts._asdict(),
            "began": round(self._began, 3),
            "over": over,
            "cancelled": cancelled,
        }
        if content != self._published:
            self._published = content
            self._publish(dumps(content))

    def abandon(self) -> None:
        """Publish that it was cancelled, because nobody can ask for its results any more."""
        if self._published:
            self._publish(dumps({**self._published, "over": True, "cancelled": True}))


def name_of(fun: Any) -> str:
    """Return by what name people know a function; of a text its beginning."""
    if isinstance(fun, str):
        return fun.strip()[:_LONGEST]
    while isinstance(fun, functools.partial):
        fun = fun.func
    name = getattr(fun, "__qualname__", None)
    return (name if isinstance(name, str) else type(fun).__qualname__)[:_LONGEST]

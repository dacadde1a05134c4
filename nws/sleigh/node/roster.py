"""Which nodes are there for a master, and why the others are not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Final

__all__ = ["Roster"]

_COME_SECONDS: Final = 5.0
_RETURN_SECONDS: Final = 30.0
"""For a node that cannot be reached to come, and for one that was lost to come back, before it is
hopeless to wait for any."""


class Roster:
    """The nodes of a master, by their names. Several threads may use it."""

    def __init__(self, awaited: Sequence[str], log: logging.Logger) -> None:
        """Begin without any.

        Args:
            awaited: names of nodes, and patterns of such.
            log: is told of those that come and go.
        """
        self._awaited = frozenset(awaited)
        self._log = log
        self._changed = threading.Condition()  # for all that follows
        self._active: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._refused: set[str] = set()
        self._patience = _COME_SECONDS
        self._alone_since = time.monotonic()  # when no node was there

    def note_active(self, name: str, workers: int) -> None:
        """Take note that a node is there, with this number of workers."""
        with self._changed:
            self._active[name] = workers
            self._patience = _RETURN_SECONDS
            self._problems.pop(name, None)
            self._refused.discard(name)
            self._changed.notify_all()
        self._log.info("connected with the node %s, which has %d workers", name, workers)

    def note_problem(
        self, name: str, problem: str, *, is_refusal: bool = False, level: int = logging.WARNING
    ) -> None:
        """Take note why a node is not there, or not any more.

        Args:
            name: of the node, or a pattern.
            problem: why.
            is_refusal: it does not want us, or is none.
            level: at which it is logged, if it is new.
        """
        with self._changed:
            if self._active.pop(name, None) is not None and not self._active:
                self._alone_since = time.monotonic()
            is_news = self._problems.get(name) != problem
            self._problems[name] = problem
            (self._refused.add if is_refusal else self._refused.discard)(name)
        if is_news:
            self._log.log(level, "the node %s is not there: %s", name, problem)

    def active(self) -> dict[str, int]:
        """Return the names of the nodes that are there, with the number of their workers."""
        with self._changed:
            return dict(self._active)

    def problems(self) -> str:
        """Say why each node is not there that is not."""
        with self._changed:
            return "; ".join(f"{name}: {problem}" for name, problem in self._problems.items())

    def hopeless(self) -> str:
        """Say why no node is there, if all have refused us or none has come for a while; else
        return an empty text."""
        with self._changed:
            if self._active or not self._problems.keys() >= self._awaited:
                return ""
            all_refused = self._problems.keys() <= self._refused
            too_long = time.monotonic() - self._alone_since > self._patience
        return self.problems() if all_refused or too_long else ""

    def wait(self, number: int, timeout: float) -> bool:
        """Wait until ``number`` nodes are there. Return False if it takes longer than ``timeout``
        seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._active) >= number, timeout)

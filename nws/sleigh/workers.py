"""The worker processes of a sleigh on this machine, seen by the master."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from nws.errors import SleighJoinException, SleighScriptException
from nws.sleigh.children import Child
from nws.sleigh.tasks import MAX_ATTEMPTS

__all__ = ["Workers"]

_CODE: Final = "from nws.sleigh.worker import main; main(*arguments)"

_REAP: Final = 1.0
"""Seconds until a process whose connection has ended is surely gone too."""

_PAUSE: Final = 0.01


class Workers:
    """A number of workers; one that ends early is replaced."""

    def __init__(self, count: int, arguments: list[Any]) -> None:
        """Prepare; `replace_the_dead` starts them.

        Args:
            count: how many.
            arguments: of `nws.sleigh.worker.main`.
        """
        self.count = count
        self._arguments = arguments
        self._children: list[Child] = []
        self._ends: Counter[str] = Counter()
        self._in_vain = 0

    def begin_call(self) -> None:
        """Forget how workers ended in earlier calls, and make sure that all are there."""
        self._in_vain = 0
        self.replace_the_dead()
        self._ends.clear()

    def note_progress(self) -> None:
        """Take note that workers do their work."""
        self._in_vain = 0

    def replace_the_dead(self) -> None:
        """Start workers where they are missing.

        Raises:
            SleighJoinException: they end again and again, and no progress was noted.
            SleighScriptException: one cannot be started.
        """
        for child in [child for child in self._children if child.ended]:
            self._children.remove(child)
            child.let_go()
            child.wait(0)
            self._ends[child.how_it_ended()] += 1
            self._in_vain += 1
        # Each worker may be at a task that kills it each time; then these are given up.
        if self._in_vain > (MAX_ATTEMPTS + 1) * self.count:
            raise SleighJoinException(
                f"workers end without a result, {self._in_vain} so far: {self._all_ends()}"
            )
        while len(self._children) < self.count:
            self._children.append(self._start())

    def _start(self) -> Child:
        try:
            return Child(_CODE, self._arguments)
        except OSError as error:
            raise SleighScriptException(f"a worker cannot be started: {error}") from error

    def how_they_ended(self, least: int) -> str:
        """Say how workers ended in this call; wait a little until it is known of ``least``."""
        deadline = time.monotonic() + _REAP
        while self._ends.total() < least and time.monotonic() < deadline:
            time.sleep(_PAUSE)
            self.replace_the_dead()
        return self._all_ends()

    def _all_ends(self) -> str:
        return ", ".join(f"{how} ({number} times)" for how, number in self._ends.items())

    def restart(self) -> None:
        """Kill all and start as many."""
        self._end(0)
        self.replace_the_dead()

    def stop(self, grace: float) -> None:
        """End all: ``grace`` seconds after they were told to go they are killed."""
        self.count = 0
        self._end(grace)

    def _end(self, grace: float) -> None:
        for child in self._children:
            child.let_go()
        deadline = time.monotonic() + grace
        while self._children:
            self._children[-1].wait(max(0.0, deadline - time.monotonic()))
            self._children.pop()

    def __len__(self) -> int:
        return len(self._children)

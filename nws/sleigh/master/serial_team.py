"""A team of one that is the master itself, for finding errors in tasks: a debugger stops in them,
and they print where the master prints."""

from __future__ import annotations

import bdb
from collections import deque
from collections.abc import Sequence
from typing import Any

from nws.client import NetWorkSpace
from nws.sleigh.master.team import Group, packed_function
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.messages import Failure, Results, Task
from nws.sleigh.shared.pickling import Packed, unpack
from nws.sleigh.worker.runner import Runner

__all__ = ["SerialTeam"]


class SerialTeam:
    """Does what a `nws.sleigh.master.team.Team` does, at once and in this process."""

    size = 1

    def __init__(self, workspace: NetWorkSpace, user_workspace: NetWorkSpace) -> None:
        names = {"SleighRank": 0, "SleighNws": workspace, "SleighUserNws": user_workspace}
        self._runner = Runner(names, {}, let_through=(KeyboardInterrupt, bdb.BdbQuit))
        self._functions: dict[str, Function] = {}
        self._results: deque[Results] = deque()

    def group(self, timeout: float = 0.0) -> Group:
        return Group(1, True)

    def close_group(self) -> Group:
        return Group(1, True)

    def wait_for_all(self, *_: Any) -> int:
        return 1

    def gone(self) -> set[int]:
        return set()

    def is_there(self, supervisor: str) -> bool:
        return True

    def provide(self, function: Function) -> str:
        # Tasks may not change the master's objects here either.
        fixed = unpack(_detached(packed_function(tuple(function.fixed))))
        self._functions = {"function": function._replace(fixed=fixed)}
        return "function"

    def submit(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._runner.prepare(self._functions[task.call.function], task.call)
            outcomes = [
                self._run(tag, element, task.call.retries)
                for tag, element in enumerate(task.elements, task.first)
            ]
            self._results.append(Results(task.call.number, 0, task.first, outcomes, 0.0))

    def _run(self, tag: int, element: Packed, retries: int) -> Packed | Failure:
        outcome = self._runner.run(tag, _detached(element))
        while isinstance(outcome, Failure) and retries > 0:
            outcome = self._runner.run(tag, _detached(element))
            retries -= 1
        return outcome

    def receive(self, timeout: float, *, eager: bool = False) -> list[Results]:
        results = list(self._results)
        self._results.clear()
        return results

    def await_lines(self, said: dict[int, int]) -> list[Results]:
        return []

    def cancel(self, call: int) -> None:
        self._results.clear()

    def open_barrier(self, call: int) -> None:
        pass

    def forget_deaths(self) -> None:
        pass

    def report(self, text: str) -> None:
        pass  # who looks at this process has a debugger


def _detached(packed: Packed) -> Packed:
    """Return a copy: what a task changes in its arguments is not to change the master's."""
    return tuple(map(bytearray, packed)) if isinstance(packed, tuple) else packed

"""A team of one that is the master itself, for finding errors in tasks: a debugger stops in them,
and they print where the master prints."""

from __future__ import annotations

import bdb
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from nws.client import NetWorkSpace
from nws.sleigh.master.members import Absent, Group
from nws.sleigh.master.team import Dropped, OnStored
from nws.sleigh.shared.functions import Function, packed_function
from nws.sleigh.shared.generators import arriving
from nws.sleigh.shared.messages import NO_CALL, Call, Failure, Lines, Results, Task
from nws.sleigh.shared.pickling import Packed, unpack
from nws.sleigh.worker.runner import Runner

__all__ = ["SerialTeam"]


class OneMember:
    """What a `nws.sleigh.master.members.Members` is where there are no workers but the master."""

    left: frozenset[int] = frozenset()
    dismissed: frozenset[int] = frozenset()

    def note_left(self, ranks: Iterable[int]) -> None:
        pass

    def group(self, timeout: float = 0.0) -> Group:
        return Group(1, True)

    def close_group(self) -> Group:
        return Group(1, True)

    def wait_for_all(self, *_: Any) -> None:
        pass

    def ranks(self) -> list[int]:
        return [0]

    def have_left(self) -> bool:
        return False

    def absent(self) -> Absent:
        return Absent({}, {})

    def last_start(self, supervisor: str) -> float:
        return 0.0

    def is_there(self, supervisor: str) -> bool:
        return True


class SerialTeam:
    """Does what a `nws.sleigh.master.team.Team` does, at once and in the thread that submits."""

    size = 1

    def __init__(
        self,
        workspace: NetWorkSpace,
        user_workspace: NetWorkSpace,
        initializer: Function | None,
    ) -> None:
        names = {"SleighRank": 0, "SleighNws": workspace, "SleighUserNws": user_workspace}
        self.members = OneMember()
        self._runner = Runner(names, {}, let_through=(KeyboardInterrupt, bdb.BdbQuit))
        self._functions: dict[str, tuple[Function, Sequence[Any]]] = {}
        self._provided = 0
        self._initializer = initializer  # until it has run
        self.has_initializer = initializer is not None
        self._results: deque[Results] = deque()
        self.deaths: set[int] = set()
        self.on_refused: Callable[[Collection[int], Exception], None]

    def cancel_requests(self) -> list[int]:
        return []  # nobody could ask between a call and its end

    def restore_own(self) -> None:
        pass  # tasks are done at once

    def close(self) -> None:
        pass

    def provide(self, function: Function) -> str:
        self._provided += 1
        name = str(self._provided)
        self._functions[name] = _detached_function(function)
        return name

    def release(self, function: str) -> None:
        del self._functions[function]

    def submit(self, tasks: Sequence[Task], on_stored: OnStored | None = None) -> None:
        for task in tasks:
            if not self._initialize(task.call):
                return
            function, generators = self._functions[task.call.function]
            self._runner.prepare(function, task.call, generators)
            outcomes = [
                self._run(element, packed, task.call.retries)
                for element, packed in enumerate(task.elements, task.first)
            ]
            self._runner.end_seed()
            self._results.append(Results(task.call.number, 0, task.first, outcomes, 0.0))

    def _initialize(self, call: Call) -> bool:
        """Run the initializer before the first task. Tell whether it has not failed."""
        if self._initializer is None:
            return True
        function, _ = _detached_function(self._initializer)
        problem = self._runner.initialize(function, call)
        self._initializer = None
        if problem is not None:
            self._results.append(Results(NO_CALL, 0, 0, [problem], 0.0))
        return problem is None

    def _run(self, element: int, packed: Packed, retries: int) -> Packed | Failure:
        outcome = self._runner.run(element, _detached(packed))
        while isinstance(outcome, Failure) and retries > 0:
            outcome = self._runner.run(element, _detached(packed))
            retries -= 1
        return outcome

    def withdraw(self, indexes: Callable[[], list[int]], *, keep: bool = False) -> list[int]:
        return []  # all were done at once

    def fileno(self) -> int:
        return -1  # nothing arrives later

    def receive(self, timeout: float, *, eager: bool = False) -> Iterator[Results | Lines]:
        while self._results:
            yield self._results[0]
            self._results.popleft()

    def listen(self, message: Lines) -> None:
        pass  # what tasks write is not captured

    def missing_lines(self, said: dict[int, int]) -> int:
        return 0

    def cancel(self, dropped: Dropped, everyone: Iterable[int]) -> None:
        pass  # nothing is outstanding

    def open_barrier(self, call: int) -> None:
        pass

    def forget_deaths(self, over: Collection[int]) -> None:
        pass

    def report(self, text: str) -> None:
        pass  # who looks at this process has a debugger


def _detached_function(function: Function) -> tuple[Function, Sequence[Any]]:
    """Return a function with copies of its arguments, and the generators among these: tasks may not
    change the master's objects here either."""
    given = tuple(function.fixed), function.keywords
    with arriving() as generators:
        fixed, keywords = unpack(_detached(packed_function(given, "fixedArgs")))
    return function._replace(fixed=fixed, keywords=keywords), generators


def _detached(packed: Packed) -> Packed:
    """Return a copy: what a task changes in its arguments may not change the master's."""
    return tuple(map(bytearray, packed)) if isinstance(packed, tuple) else packed

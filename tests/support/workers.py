"""Workers without a master: tests speak with them as a master does, in messages."""

from __future__ import annotations

import logging
import os
import signal
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.errors import NwsTimeoutException
from nws.sleigh.launch.processes import LocalSupervisor
from nws.sleigh.shared.functions import INVOKE, Function, function_variable, packed_function
from nws.sleigh.shared.messages import (
    BARRIER,
    CONTROL,
    DEATHS,
    RANK_COUNT,
    RESULT,
    TASK,
    WORKER_COUNT,
    Call,
    Control,
    Death,
    Failure,
    Lines,
    Task,
    message_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.pickling import pack, unpack
from nws.sleigh.shared.protocol import PROTOCOL, announcement
from nws.sleigh.shared.settings import Settings, Stay, Where
from nws.sleigh.supervisor.worker_report import worker_reports
from tests.support.processes import until
from tests.support.server import PATIENCE
from tests.support.spaces import HOST

__all__ = ["Workers"]


_FOR_EVER: Final = Stay()


class Workers:
    """Some workers of one supervisor, in a workspace of their own.

    Attributes:
        nws: the workspace.
        died: the calls of the `Lines` that tell of a death, as far as these were read.
    """

    def __init__(
        self, port: int, size: int = 1, lease_time: float = 30.0, stay: Stay = _FOR_EVER
    ) -> None:
        """Start them."""
        self.nws = NetWorkSpace(f"workers of {os.getpid()} {next(_numbers)}", HOST, port)
        self.died: list[int] = []
        self._size = size
        self._submitted: dict[int, int] = defaultdict(int)
        self._outcomes: dict[int, dict[int, Any]] = defaultdict(dict)
        for name in (TASK, RESULT, DEATHS):
            self.nws.declare(name, "fifo")
        for name in (CONTROL, BARRIER, RANK_COUNT, WORKER_COUNT):
            self.nws.declare(name, "single")
        self.nws.store(PROTOCOL, announcement())
        self.nws.store(RANK_COUNT, 0)
        name = self.nws.currentWs()
        where = Where(HOST, port, name, name, lease_time, logging.WARNING)
        self._supervisor = LocalSupervisor()
        self._supervisor.send_settings(Settings(where, "0", size, size, life_line=True, stay=stay))

    def close(self) -> None:
        """End them."""
        self.nws.server.deleteWs(self.nws.currentWs())
        self._supervisor.request_end()
        self._supervisor.wait(PATIENCE)
        self.nws.server.close()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def supervisor(self) -> int:
        """The process id of their supervisor."""
        return self._supervisor.pid

    def until_left(self) -> int | None:
        """Wait until the supervisor has ended; return its exit status."""
        return until(lambda: self._supervisor.status, "the end of the supervisor")

    def pids(self) -> list[int]:
        """Return the process ids of the workers, by rank, once all of them were started."""

        def started() -> list[int]:
            pids = [report["pid"] for report in worker_reports(self.nws)]
            return pids if len(pids) == self._size and all(pids) else []

        return until(started, "all workers run")

    def call(
        self,
        number: int,
        fun: Any,
        *,
        kind: str = INVOKE,
        fixed: Sequence[Any] = (),
        keywords: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Call:
        """Store a function, and return a call of it."""
        packed = packed_function(tuple(Function(kind, fun, fixed, dict(keywords or {}), None)))
        name = function_variable(packed)
        self.nws.declare(name, "single")
        self.nws.store(name, packed)
        return Call(number, name, self._size, **options)

    def submit(self, *tasks: tuple[Call, Iterable[Any]]) -> None:
        """Store a task for each call and its elements' arguments, all in one step."""
        stores = []
        for call, elements in tasks:
            packed = [pack(each if type(each) is tuple else (each,)) for each in elements]
            first = self._submitted[call.number]
            self._submitted[call.number] += len(packed)
            stores.append((TASK, task_to_wire(Task(call, first, packed))))
        self.nws.settle([], stores)

    def submit_at_once(self, rank: int, *tasks: tuple[Call, Iterable[Any]]) -> None:
        """Store tasks that a worker, which has nothing to do, leases all together."""
        idle = self.call(next(_numbers) + 10**6, _same)
        self.submit(*[(idle, [0])] * 100)  # so it knows that tasks are short
        self.values(idle, 100)
        pid = self.pids()[rank]
        os.kill(pid, signal.SIGSTOP)
        self.submit((idle, [0]), *tasks)  # it waits for the first one, and has that already
        os.kill(pid, signal.SIGCONT)

    def values(self, call: Call, number: int) -> list[Any]:
        """Wait for the values of ``number`` elements, or the failures in their place, and return
        them in the order of elements."""
        outcomes = self._outcomes[call.number]
        while len(outcomes) < number:
            self._receive()
        assert len(outcomes) == number
        return [outcomes[element] for element in sorted(outcomes)]

    def drop(self, floor: int, *cancelled: int) -> None:
        """Drop calls."""
        self.nws.store(CONTROL, tuple(Control(floor, cancelled)))

    def want(self, *ranks: int) -> None:
        """Have the workers with these ranks."""
        self.nws.store(CONTROL, tuple(Control(wanted=(("0", ranks),))))

    def deaths(self, call: Call) -> list[Death]:
        """Return the deaths that were noted of a call."""
        deaths = (Death(*noted) for noted in self.nws.ifindTry(DEATHS))
        return [death for death in deaths if death.call == call.number]

    def _receive(self, timeout: float = PATIENCE) -> bool:
        try:
            message = message_from_wire(self.nws.fetch(RESULT, timeout=timeout))
            assert message is not None
        except NwsTimeoutException:
            assert not timeout, "no result has come"
            return False
        if isinstance(message, Lines):
            self.died += [message.died] if message.died else []
            return True
        for element, outcome in enumerate(message.outcomes, message.first):
            if outcome is not None:
                is_failure = isinstance(outcome, Failure)
                self._outcomes[message.call][element] = outcome if is_failure else unpack(outcome)
        return True


def _same(element: int) -> int:
    return element


_numbers = count(1)

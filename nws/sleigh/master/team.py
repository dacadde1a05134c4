"""The workers as the master sees them: through the sleigh's workspace, where tasks go in and
results come out."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from nws.client import NetWorkSpace
from nws.errors import (
    NwsException,
    NwsOperationException,
    NwsTimeoutException,
    SleighIllegalValueException,
    SleighJoinException,
)
from nws.sleigh.shared.functions import Function
from nws.sleigh.shared.messages import (
    BARRIER,
    CALL,
    CONTROL,
    DEATHS,
    GONE,
    JOIN,
    RANK_COUNT,
    RESULT,
    TASK,
    WORKER_COUNT,
    Lines,
    Results,
    Task,
    function_variable,
    message_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import Line
from nws.sleigh.shared.pickling import Packed, pack
from nws.wire.listings import VariableInfo

__all__ = ["Group", "Team", "packed_function"]

_FETCH: Final = 1000
_KEPT: Final = 8
"""Functions that stay on the server for later calls."""

_LAST_LINES: Final = 5.0
"""Seconds to wait for lines that workers have written before their results."""


class Group(NamedTuple):
    """The workers of a sleigh."""

    size: int
    """How many have joined."""
    closed: bool
    """No more can join."""


class Team:
    """Workers behind a workspace."""

    def __init__(
        self,
        workspace: NetWorkSpace,
        expected: int,
        output: Callable[[Sequence[Line]], None] | None,
    ) -> None:
        """Set the workspace up.

        Args:
            workspace: of the sleigh.
            expected: how many workers are to come; 0 if nobody knows.
            output: is given what workers write.

        Raises:
            NwsException: the server cannot be used for this.
        """
        self._workspace = workspace
        self._expected = expected
        self._output = output
        self._functions: dict[str, None] = {}
        self._not_stored: dict[str, Packed] = {}
        self._heard: dict[int, int] = {}  # lines that came, by process id
        self._has_deaths = False  # some were noted in the workspace
        for name in (TASK, RESULT, DEATHS):
            workspace.declare(name, "fifo")
        for name in (CONTROL, BARRIER, RANK_COUNT, WORKER_COUNT, CALL):
            workspace.declare(name, "single")
        workspace.store(RANK_COUNT, 0)
        self._inbox = workspace.inbox(RESULT, _FETCH)
        self._outbox = workspace.outbox()
        self._reports = workspace.outbox()  # so that nobody takes them for refused tasks

    # Who is there

    @property
    def size(self) -> int:
        """How many workers there are, or will be."""
        return self._expected or max(1, self.group().size)

    def group(self, timeout: float = 0.0) -> Group:
        """Tell who has joined; wait so many seconds at most until the group is closed."""
        try:
            return Group(self._workspace.find(WORKER_COUNT, timeout=timeout), True)
        except NwsTimeoutException:
            try:  # somebody may hold it for the moment
                return Group(self._workspace.find(RANK_COUNT, timeout=JOIN), False)
            except NwsTimeoutException:
                return Group(0, False)

    def close_group(self) -> Group:
        """Let nobody join any more."""
        lease = self._workspace.lease(RANK_COUNT, timeout=JOIN)
        if lease.value >= 0:
            lease.settle([(WORKER_COUNT, lease.value), (RANK_COUNT, -1)])
            self._expected = lease.value
        else:
            lease.release(blame=False)
        return self.group()

    def wait_for_all(self, look_after: Callable[[], Any], pause: float) -> int:
        """Wait until the group is closed; return its size.

        Raises:
            SleighJoinException: it takes too long.
        """
        deadline = time.monotonic() + JOIN
        while not (group := self.group(timeout=pause)).closed:
            look_after()
            if time.monotonic() > deadline:
                raise SleighJoinException(
                    f"only {max(0, group.size)} workers have joined in {JOIN:g} seconds; "
                    "status(closeGroup=True) goes on with these"
                )
        return group.size

    def gone(self) -> set[int]:
        """Return the ranks whose supervisor is gone."""
        wills = [name for name, info in self._wills().items() if info.values]
        return {rank for will in wills for rank in self._workspace.findTry(will, [])}

    def is_there(self, supervisor: str) -> bool:
        """Tell whether the supervisor with this id has joined and is not gone."""
        will = self._wills().get(f"{GONE} {supervisor}")
        return will is not None and will.leased > 0

    def _wills(self) -> dict[str, VariableInfo]:
        listing = self._workspace.listVars(format="dict")
        assert isinstance(listing, dict)
        return {name: info for name, info in listing.items() if name.startswith(GONE)}

    # Session

    def provide(self, function: Function) -> str:
        """See to it that workers find a function; return the name of its variable.

        Raises:
            SleighIllegalValueException: it cannot be pickled.
        """
        packed = packed_function(tuple(function))
        name = function_variable(packed)
        if name not in self._functions:
            self._not_stored[name] = packed
        return name

    def submit(self, tasks: Sequence[Task]) -> None:
        """Give tasks to the workers."""
        stores: list[tuple[str, Any]] = list(self._not_stored.items())
        stores += [(TASK, task_to_wire(task)) for task in tasks]
        self._outbox.store(stores)
        if self._not_stored:
            self._functions.update(dict.fromkeys(self._not_stored))
            self._not_stored.clear()
            while len(self._functions) > _KEPT:
                self._delete(next(iter(self._functions)))

    def _delete(self, function: str) -> None:
        del self._functions[function]
        try:
            self._workspace.deleteVar(function)
        except NwsOperationException:
            pass  # somebody else has done it

    def receive(self, timeout: float, *, eager: bool = False) -> list[Results]:
        """Return the results that are there; wait for the first so many seconds at most, and
        eagerly if there is only one to come."""
        results = []
        values = self._inbox.take(timeout, eager=eager)
        if not values:
            self._outbox.confirm(0.0)  # perhaps the tasks were refused
        for value in values:
            message = message_from_wire(value)
            if isinstance(message, Results):
                results.append(message)
            else:
                self._listen(message)
        return results

    def _listen(self, message: Lines) -> None:
        pid, count = message.lines
        self._heard[pid] = count
        self._has_deaths = self._has_deaths or message.died
        if self._output is not None and message.texts:
            self._output([Line(message.rank, *each[1:]) for each in message.texts])

    def await_lines(self, said: dict[int, int]) -> list[Results]:
        """Wait a little for lines that workers (by process id) wrote before they sent results.

        Returns:
            Results that came meanwhile.
        """
        results: list[Results] = []
        deadline = time.monotonic() + _LAST_LINES
        while any(self._heard.get(pid, 0) < count for pid, count in said.items()):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            results += self.receive(left)
        return results

    def cancel(self, call: int) -> None:
        """Take back the tasks of a call, and stop those that run."""
        self._not_stored.clear()
        try:
            self._outbox.confirm()
        except NwsOperationException:
            pass  # then there are none of the last
        self._workspace.store(CONTROL, call)
        self._empty(TASK)
        self.open_barrier(call)

    def forget_deaths(self) -> None:
        """Remove what was noted of deaths at former calls; no call may be under way."""
        if self._has_deaths:
            self._has_deaths = False
            self._empty(DEATHS)

    def _empty(self, variable: str) -> None:
        try:
            while self._workspace.fetch_many(variable, _FETCH, timeout=0):
                pass
        except NwsTimeoutException:
            pass  # there are no more

    def report(self, text: str) -> None:
        """Publish what is to be said of the call, without waiting for the server's word. What it
        refuses is dropped; and if it is gone, the next one who needs it will say so."""
        with suppress(NwsException):
            with suppress(NwsOperationException):
                self._reports.confirm()  # the last one may have been refused
            self._reports.store([(CALL, text)])

    def open_barrier(self, call: int) -> None:
        """Let workers go on that have done their part of an `eachWorker`."""
        self._workspace.store(BARRIER, call)


def packed_function(things: Any) -> Packed:
    """Pack a function, or what belongs to one.

    Raises:
        SleighIllegalValueException: it cannot be pickled.
    """
    try:
        return pack(things)
    except Exception as error:
        raise SleighIllegalValueException(
            f"the function or fixedArgs cannot be pickled: {error}"
        ) from error

"""The workers as the master sees them: through the sleigh's workspace, where tasks go in and
results come out. Any thread may submit; one at a time may receive."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from nws.client import Lease, NetWorkSpace
from nws.errors import (
    NwsException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
)
from nws.sleigh.master.cancel_requests import take_cancel_requests
from nws.sleigh.master.elastic import Load
from nws.sleigh.master.members import Members, find_or_error, is_same
from nws.sleigh.master.provided_functions import ProvidedFunctions
from nws.sleigh.master.read_output import ReadOutput
from nws.sleigh.shared.cores import available_cores
from nws.sleigh.shared.departures import HAVE_LEFT
from nws.sleigh.shared.functions import Function, named_function
from nws.sleigh.shared.messages import (
    BARRIER,
    CALLS,
    CANCEL,
    CONTROL,
    DEATHS,
    INITIALIZER,
    OUTPUT_READ,
    RANK_COUNT,
    RESULT,
    SUSPECTS,
    TASK,
    WORKER_COUNT,
    Control,
    Lines,
    Results,
    Task,
    death_from_wire,
    is_queue,
    log_dropped,
    message_from_wire,
    task_to_wire,
)
from nws.sleigh.shared.output import Line
from nws.sleigh.shared.pickling import Packed
from nws.sleigh.shared.protocol import PROTOCOL, REFUSED, announcement

__all__ = ["Dropped", "OnStored", "Team"]

_log = logging.getLogger("nws")

_MAX_RECEIVED: Final = 1000
"""Messages in one reply of the server."""

_EAGER_CORES: Final = 2
"""To look eagerly takes a core, beside that of the server."""


Dropped = Callable[[], "tuple[int, tuple[int, ...], bool]"]
"""Returns below which number all calls are over, which later ones are cancelled, and whether there
is no other call."""


OnStored = Callable[["Sequence[Task]", "Sequence[int]"], None]
"""Is given tasks that are on the server, and the indexes by which they can be withdrawn."""


class _Message(NamedTuple):
    """What was sent in one go and not confirmed by the server yet."""

    tasks: Sequence[Task]
    functions: dict[str, Packed]
    """By the names of their variables."""
    on_stored: OnStored | None = None


class Team:
    """Workers behind a workspace.

    Attributes:
        deaths: calls for which deaths of workers were noted in the workspace.
        members: which workers there are.
        has_initializer: whether workers call something before their first task.
        on_refused: called with the calls whose tasks the server has refused, and its error.
    """

    def __init__(
        self,
        workspace: NetWorkSpace,
        members: Members,
        output: Callable[[Sequence[Line]], None] | None,
        initializer: Packed | None,
    ) -> None:
        """Set the workspace up.

        Args:
            workspace: of the sleigh.
            members: its workers.
            output: is given what workers write.
            initializer: what each worker calls first.

        Raises:
            NwsException: the server cannot be used for this.
        """
        self._workspace = workspace
        self._output = ReadOutput(output)
        self._sending = threading.RLock()  # for the outbox
        self._functions = ProvidedFunctions()
        self._unconfirmed = _Message((), {})
        self._arrived = deque[Any]()
        self._queues = {TASK}
        self._can_be_eager = available_cores() >= _EAGER_CORES
        self._control = Control()
        self._own: dict[str, Any] = {CONTROL: tuple(self._control), BARRIER: 0}  # what we stored
        self.members = members
        self.deaths: set[int] = set()
        self.on_refused: Callable[[Collection[int], Exception], None] = _not_connected
        for name in (TASK, RESULT, DEATHS, REFUSED, CANCEL):
            workspace.declare(name, "fifo")
        for name in (INITIALIZER, PROTOCOL, CONTROL, BARRIER, RANK_COUNT, WORKER_COUNT):
            workspace.declare(name, "single")
        for name in (OUTPUT_READ, CALLS, HAVE_LEFT):
            workspace.declare(name, "single")
        if initializer is not None:
            workspace.store(INITIALIZER, initializer)
        self.has_initializer = initializer is not None
        workspace.store(PROTOCOL, announcement())
        workspace.store(RANK_COUNT, 0)
        workspace.store(SUSPECTS, 0)
        self._inbox = workspace.inbox(RESULT, _MAX_RECEIVED)
        self._outbox = workspace.outbox()
        self._reports = workspace.outbox()  # so that they are not taken for refused tasks
        self.missing_lines = self._output.missing_lines

    def close(self) -> None:
        """Close the connections to the server."""
        for stream in (self._inbox, self._outbox, self._reports):
            stream.close()

    @property
    def size(self) -> int:
        """How many workers there are, or will be."""
        return self.members.size

    def want(self, ranks: Mapping[str, Collection[int]], dismissed: frozenset[int]) -> None:
        """Tell supervisors which workers they are to have.

        Args:
            ranks: by the ids of supervisors whose workers were changed, those of their workers.
            dismissed: the ranks of the workers that are to leave, or have.
        """
        self.members.dismiss(dismissed)
        with self._sending:
            wanted = tuple((id, tuple(sorted(each))) for id, each in ranks.items())
            self._store_control(self._control._replace(wanted=wanted))

    def load(self) -> Load:
        """Return what there is to do."""
        listing = self._workspace.listVars(format="dict")
        assert isinstance(listing, dict)
        running = sum(info.leased for name, info in listing.items() if is_queue(name))
        return Load(listing[TASK].values, running)

    def use_queue(self, queue: str) -> None:
        """Put tasks into this variable, too.

        Raises:
            NwsException: the server is gone, or does not let us.
        """
        if queue not in self._queues:
            self._workspace.declare(queue, "fifo")
            self._queues.add(queue)

    # Functions

    def provide(self, function: Function) -> str:
        """Make sure that workers will find a function, until it is released; return the name of
        its variable.

        Raises:
            SleighIllegalValueException: it cannot be pickled.
        """
        name, packed = named_function(function)
        self._functions.use(name, packed)
        return name

    def release(self, function: str) -> None:
        """A call that used a function is over. The last functions stay, for later calls."""
        if self._functions.release(function):
            with self._sending:  # or one might be deleted that another thread stores again
                for name in self._functions.surplus():
                    self._delete(name)

    def _delete(self, variable: str) -> None:
        with suppress(NwsException):  # it was deleted, or the server is gone: who needs it will see
            self._workspace.deleteVar(variable)

    # Tasks

    def submit(self, tasks: Sequence[Task], on_stored: OnStored | None = None) -> None:
        """Give tasks to the workers. If the server refuses them, `on_refused` is called later.

        Args:
            tasks: for any worker.
            on_stored: is called when they are stored. It must be quick and may not raise.

        Raises:
            NwsException: the server or the workspace is gone.
        """
        with self._sending:
            if self._unconfirmed.tasks:
                self._confirm()
            functions = self._functions.unsent(tasks)
            stores: list[tuple[str, Any]]
            stores = [(task.call.queue, task_to_wire(task)) for task in tasks]
            if functions:
                stores = [*functions.items(), *stores]
            self._unconfirmed = _Message(tasks, functions)
            self._outbox.store(stores, numbered=on_stored is not None)
            if on_stored is not None:  # not before: Ctrl-C may have struck before they were sent
                self._unconfirmed = _Message(tasks, functions, on_stored)
            # After that, since Ctrl-C may strike in between. To store one twice does no harm.
            if functions:
                self._functions.note_sent(functions)

    def _confirm(self, timeout: float | None = None) -> None:
        """Wait for the server's reply to the last tasks."""
        try:
            if self._outbox.confirm(timeout):
                tasks, _, on_stored = self._unconfirmed
                if on_stored is not None and tasks:
                    on_stored(tasks, self._outbox.indexes()[-len(tasks) :])
                self._unconfirmed = _Message((), {})  # or large elements would stay in memory
        except NwsNoWorkSpaceException:
            self._unconfirmed = _Message((), {})  # they are gone with it; that is said once
            raise
        except NwsOperationException as error:
            tasks, functions, on_stored = self._unconfirmed
            self._functions.note_refused(functions)
            calls = {task.call.number for task in tasks}
            if len(calls) == 1:
                self.on_refused(calls, error)
            else:  # perhaps because of one of them
                for task in tasks:
                    self.submit([task], on_stored)

    def withdraw(self, indexes: Callable[[], list[int]], *, keep: bool = False) -> list[int]:
        """Take back tasks that no worker has leased, or only look. Return which of them these are.

        Args:
            indexes: returns those of the tasks, when all that were submitted are stored.
            keep: only look.

        Raises:
            NwsException: the server or the workspace is gone.
        """
        with self._sending:
            self._confirm()
        return self._workspace.withdraw(TASK, indexes(), keep=keep)

    def cancel(self, dropped: Dropped, everyone: Iterable[int]) -> None:
        """Withdraw the tasks of cancelled calls, and have those that run stopped.

        Args:
            dropped: which calls are over.
            everyone: those of them that were an `eachWorker`.
        """
        with self._sending:
            self._confirm()
            floor, cancelled, alone = dropped()
            self._store_control(self._control._replace(floor=floor, cancelled=cancelled))
            if alone:  # else the workers drop the tasks as they come to them
                for queue in self._queues:
                    self._empty(queue)
        for call in everyone:
            self.open_barrier(call)

    def _store_control(self, control: Control) -> None:
        self._control, self._own[CONTROL] = control, tuple(control)
        self._workspace.store(CONTROL, self._own[CONTROL])

    def cancel_requests(self) -> list[int]:
        """Return the numbers of calls that somebody else has asked to cancel meanwhile."""
        return take_cancel_requests(self._workspace)

    def restore_own(self) -> None:
        """Store again what workers must know from us, if others have stored something there."""
        with self._sending:
            for variable, ours in self._own.items():
                found = find_or_error(self._workspace, variable)
                if found is not None and not is_same(found, ours):
                    log_dropped(variable, found)
                    self._workspace.store(variable, ours)

    def _empty(self, variable: str) -> None:
        try:
            while self._workspace.fetch_many(variable, _MAX_RECEIVED, timeout=0):
                pass
        except NwsTimeoutException:
            pass  # there are no more

    def open_barrier(self, call: int) -> None:
        """Let workers go on that have done their part of an `eachWorker`."""
        with self._sending:
            self._own[BARRIER] = call
            self._workspace.store(BARRIER, call)

    def forget_deaths(self, over: Collection[int]) -> None:
        """Remove what was noted of deaths at calls that are over."""
        self.deaths.difference_update(over)
        try:
            noted = self._workspace.lease_many(
                DEATHS, _MAX_RECEIVED, timeout=0, keep_unreadable=True
            )
        except NwsTimeoutException:
            return  # there are none
        kept: list[Lease] = []
        gone: list[Lease] = []
        for lease in noted:
            death = death_from_wire(lease.value)
            (gone if death is None or death.call in over else kept).append(lease)
        self._workspace.settle(gone)
        self._workspace.release(kept, blame=False)

    # Messages of the workers

    def fileno(self) -> int:
        """Return the descriptor that can be read when there are messages."""
        return self._inbox.fileno()

    def receive(self, timeout: float, *, eager: bool = False) -> Iterator[Results | Lines]:
        """Return the messages that have arrived. Results are kept until the next message is asked
        for: an exception that strikes meanwhile costs none.

        Args:
            timeout: seconds to wait for the first.
            eager: look again and again for the first moment, where there is a core for that.
        """
        arrived = self._arrived
        eager, confirm = eager and self._can_be_eager, self._confirm_if_idle
        if not arrived and not self._inbox.take(
            timeout, eager=eager, meanwhile=confirm, into=arrived
        ):
            confirm()  # perhaps the tasks were refused
        ranks = self.members.rank_bound
        while arrived:
            message = message_from_wire(arrived[0])
            if message is None or message.rank >= ranks:
                log_dropped(RESULT, arrived.popleft())
            elif isinstance(message, Lines):
                arrived.popleft()  # for the user's function may fail again and again
                yield message
            else:
                yield message
                arrived.popleft()

    def _confirm_if_idle(self) -> None:
        """Read the server's reply to the last tasks if it has come: then the next ones need not."""
        if not self._unconfirmed.tasks:
            return
        acquired: list[bool] = []
        try:
            # In one step, so that Ctrl-C cannot fall between the two.
            acquired.extend(map(self._sending.acquire, (False,)))
            if acquired[0]:
                self._confirm(0.0)
        finally:
            if acquired and acquired[0]:
                self._sending.release()

    def listen(self, message: Lines) -> None:
        """Pass on what a worker has written."""
        if message.died:
            self.deaths.add(message.died)
        sizes = self._output.count(message)
        if sizes is not None:
            self._publish(OUTPUT_READ, sizes)
        self._output.show(message)

    # Reports

    def report(self, text: str) -> None:
        """Publish the report about the calls."""
        self._publish(CALLS, text)

    def _publish(self, variable: str, value: Any) -> None:
        """Store what others may like to know, without waiting for the server's reply. What it
        refuses is dropped; if the server is gone, the next operation that needs it will fail."""
        with suppress(NwsException):
            with suppress(NwsOperationException):
                self._reports.confirm()  # the last one may have been refused
            self._reports.store([(variable, value)])


def _not_connected(calls: Collection[int], error: Exception) -> None:
    raise error

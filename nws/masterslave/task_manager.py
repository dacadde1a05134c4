"""The task manager: tasks, results and data of a label, in a workspace of its own.

What is in it: tasks and outcomes (``task_queues.py``), processes (``process_registry.py``),
``data <label>`` for what `TaskManager.storeData` has stored, and the counter ``next tasks``.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from traceback import format_exc
from typing import Any, Final, NamedTuple

from nws.client import DICT, Lease, NetWorkSpace
from nws.errors import (
    MasterSlaveException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    TaskManagerTermination,
)
from nws.masterslave.addresses import connect
from nws.masterslave.process_registry import ProcessInfo, ProcessRegistry
from nws.masterslave.task_queues import TaskQueues
from nws.masterslave.tasks import Outcome, TaskRequest, pack, pack_exception

__all__ = ["WORKSPACE_PREFIX", "TaskManager", "check_label"]

WORKSPACE_PREFIX: Final = "TaskManager."
"""Begins the name of a label's workspace."""

_NOT_IN_LABEL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of the command line that are not UTF-8."""

_DATA: Final = "data "
_NEXT_TASKS: Final = "next tasks"

_TASKS_OF_A_MANAGER: Final = 10**12
"""Numbers that a manager may give to tasks before they are those of the next one."""

_LOOK_SECONDS: Final = 1.0
"""Between two looks of who waits at tags that others have added, and at tasks that have cost too
many slaves."""


class _Held(NamedTuple):
    lease: Lease
    tag: str
    process_id: int | None


class TaskManager:
    """Hands out tasks to processes, and their results to who asked for them.

    Every process of a label has one, over the same workspace. Several threads may use it.

    Attributes:
        label: of master and slaves.
        is_closed: whether `close` was called.
    """

    def __init__(self, label: str, master_host: str | None = None, *, create: bool = False) -> None:
        """Connect to the workspace of a label.

        Args:
            label: of master and slaves.
            master_host: ``host`` or ``host:port`` of a master's own server; by default the server
                that `nws.masterslave` describes.
            create: make the workspace and own it, as a master does.

        Raises:
            TypeError: the label is no text.
            ValueError: it has control characters, bytes that are no text, or is too long.
            NwsException: the server refuses it, or is gone.
            MasterSlaveException: there is no such server; there is no master of this label; or, if
                it is created, there is one already.
        """
        check_label(label)
        self.label = label
        self._server = connect(master_host)
        self.is_closed = False
        try:
            self._workspace = self._create() if create else self._find()
            self._queues = TaskQueues(self._workspace, create=create)
            self._registry = ProcessRegistry(self._workspace, create=create)
        except BaseException:
            self._server.close()
            raise
        self._held: dict[str, _Held] = {}
        self._numbers: Iterator[int] | None = None
        self._lock = threading.Lock()

    def _create(self) -> NetWorkSpace:
        name = WORKSPACE_PREFIX + self.label
        workspace = self._server.openWs(name)
        listing = self._server.listWss(DICT)
        assert isinstance(listing, dict)
        if not listing[name].mine:
            raise MasterSlaveException(
                f"there is a master of the label {self.label!r} already, process "
                f"{listing[name].owner}: choose another label, or end that master first"
            )
        workspace.store(_NEXT_TASKS, 0)
        return workspace

    def _find(self) -> NetWorkSpace:
        try:
            return self._server.useWs(WORKSPACE_PREFIX + self.label, create=False)
        except NwsNoWorkSpaceException as error:
            where = f"{self._server.serverHost}:{self._server.serverPort}"
            raise MasterSlaveException(
                f"there is no master of the label {self.label!r} on the server at {where}: start "
                "the master first"
            ) from error

    # Processes

    def registerProcess(
        self,
        watchdog_period: float | None = None,
        info: str | None = None,
        tags: Iterable[str] = (),
    ) -> int:
        """Register a process of the label, and return its id. Ids count up from 0, the master.

        Args:
            watchdog_period: in seconds, in which it promises to `ping`. After two of them without
                one it counts as gone, and its tasks are given to others, until it pings again. None
                for no such promise. Either way it is gone when the session of this manager ends, as
                when the process dies.
            info: a line about it for people.
            tags: of the tasks that it handles, for people.

        Raises:
            TypeError: the line is no text.
            ValueError: the period is no number of seconds above 0.
        """
        if info is not None and not isinstance(info, str):
            raise TypeError(f"info must be a text, not {type(info).__name__}")
        return self._registry.register(watchdog_period, info or "", tags)

    def unregisterProcess(self, process_id: int) -> None:
        """Let a process leave that was registered here. Its tasks are given to others.

        Raises:
            KeyError: no such process was registered here.
        """
        for task_id, held in list(self._held.items()):
            if held.process_id == process_id:
                self.returnTask(task_id)
        self._registry.unregister(process_id)

    def ping(self, process_id: int) -> None:
        """Say that a process that was registered here is alive.

        Raises:
            KeyError: no such process was registered here.
        """
        tasks = [held.lease for held in list(self._held.values()) if held.process_id == process_id]
        self._registry.ping(process_id, tasks)

    def numberOfActiveProcesses(self) -> int:
        """Return how many processes are there, with the master."""
        return len(self._registry.active())

    def activeProcessInfo(self, pid: int) -> str:
        """Return the line about a process.

        Args:
            pid: its place among those that are there, not its id.

        Raises:
            IndexError: there is no such place.
        """
        active = self.active_processes()
        try:
            return active[pid].text
        except IndexError:
            raise IndexError(f"no process has place {pid}: {len(active)} are there") from None

    def active_processes(self) -> list[ProcessInfo]:
        """Return what is known of the processes that are there."""
        return list(self._registry.infos())

    def wait_until_alone(self, process_id: int, timeout: float) -> list[ProcessInfo]:
        """Wait until a process is the only one; return the others that are still there after
        ``timeout`` seconds."""
        return self._registry.wait_until_alone(process_id, timeout)

    # Tasks

    def numberOfTasks(self) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Return how many tasks wait, how many run and how many results can be retrieved, each as a
        dict with all tags so far."""
        waiting, running, finished = self._queues.numbers()
        return waiting, running, finished

    def addTaskRequest(self, tag: str, parameters: Any, process_id: int | None = None) -> str:
        """Add a task, and return its id: the tag, an underscore and a number.

        Others see it within some milliseconds; a call of this manager at once.

        Args:
            tag: says which handler does it.
            parameters: anything that can be pickled.
            process_id: who asks, as in the original; it is not kept.

        Raises:
            TypeError: the tag is no text.
            ValueError: it is too long.
            NwsPicklingException: the parameters cannot be pickled.
            MasterSlaveException: there are too many tags; or earlier tasks could not be stored.
            TaskManagerTermination: the manager was closed.
            NwsException: the space cannot be reached, or refuses the tag or the task.
        """
        _check_tag(tag)
        self._check_open("takes no tasks")
        packed = pack(parameters, f"the parameters of a task with the tag {tag!r}")
        task_id = f"{tag}_{next(self._numbers or self._draw_numbers())}"
        self._queues.add(TaskRequest(task_id, tag, packed))
        return task_id

    def _draw_numbers(self) -> Iterator[int]:
        """Return numbers that no other manager of the label has."""
        with self._lock:
            if self._numbers is None:
                lease = self._workspace.lease(_NEXT_TASKS)
                lease.settle([(_NEXT_TASKS, lease.value + 1)])
                self._numbers = itertools.count(lease.value * _TASKS_OF_A_MANAGER)
            return self._numbers

    def getTaskWithTag(self, tag: str, process_id: int | None = None) -> tuple[str, Any]:
        """Wait for a task of a tag, and take it: it runs until its result is stored here.

        Args:
            tag: of the task.
            process_id: of the process that takes it, which was registered here. When that process
                is gone, others get the task.

        Returns:
            The id and the parameters.

        Raises:
            TaskManagerTermination: the manager was terminated, and no task waits.
            KeyError: no such process was registered here.
            NwsException: the space cannot be reached any more.
        """
        _check_tag(tag)
        task, parameters = self._take_readable(lambda: [tag], process_id)
        return task.id, parameters

    def getAnyTask(self, process_id: int | None = None) -> tuple[str, str, Any]:
        """Wait for a task of any tag, and take it; see `getTaskWithTag`.

        Returns:
            The id, the tag and the parameters.
        """
        task, parameters = self._take_readable(self._queues.learn_tags, process_id)
        return task.id, task.tag, parameters

    def _take_readable(
        self, tags: Callable[[], Iterable[str]], process_id: int | None
    ) -> tuple[TaskRequest, Any]:
        """Take a task; one whose parameters cannot be read here has failed."""
        while True:
            task = self.take(tags(), process_id, _LOOK_SECONDS)
            if task is not None:
                try:
                    return task, task.parameters
                except Exception as error:
                    self.storeException(task.id, error, format_exc())

    def take(
        self, tags: Iterable[str], process_id: int | None, timeout: float | None = None
    ) -> TaskRequest | None:
        """Wait for a task of some tags, the preferred ones first; see `getTaskWithTag`.

        Returns:
            The task; None if none came within ``timeout`` seconds.
        """
        lease = self._queues.lease(tags, self._registry.duration_of(process_id), timeout)
        if lease is None:
            return None
        task = TaskRequest(*lease.value)
        self._held[task.id] = _Held(lease, task.tag, process_id)
        return task

    def returnTask(self, task_id: str) -> None:
        """Give back a task that was taken here, to its place.

        Raises:
            KeyError: no such task is held here.
            NwsLeaseLostException: another process may have it by now.
        """
        held = self._holding(task_id)
        del self._held[task_id]
        held.lease.release(blame=False)

    def _holding(self, task_id: str) -> _Held:
        try:
            return self._held[task_id]
        except KeyError:
            raise KeyError(
                f"the task {task_id!r} is not held here: it was settled or returned, or never taken"
            ) from None

    def storeResult(self, task_id: str, result: Any) -> None:
        """Store the result of a task that was taken here. If this raises, the task still runs, but
        where its lease is lost.

        Raises:
            KeyError: no such task is held here.
            NwsPicklingException: the result cannot be pickled.
            NwsLeaseLostException: another process may have the task by now; nothing was stored.
            NwsException: the space cannot be reached, or refuses the result.
        """
        self._settle(task_id, pack(result, f"the result of task {task_id}"), None)

    def storeException(self, task_id: str, exception: BaseException, traceback: str) -> None:
        """Store what a task has raised that was taken here; raises what `storeResult` does.

        Args:
            task_id: of the task.
            exception: one that cannot be pickled is replaced by a text.
            traceback: a text.

        Raises:
            TypeError: the exception is no exception, or the traceback no text.
        """
        if not isinstance(exception, BaseException):
            raise TypeError(f"exception must be an exception, not {exception!r:.100}")
        if not isinstance(traceback, str):
            raise TypeError(f"traceback must be a text, not {type(traceback).__name__}")
        self._settle(task_id, pack_exception(exception), traceback)

    def _settle(self, task_id: str, packed: Any, failure: str | None) -> None:
        lease, tag, _ = self._holding(task_id)
        outcome = Outcome(task_id, tag, packed, failure)
        try:
            self._queues.settle(lease, outcome)
        except NwsLeaseLostException:
            del self._held[task_id]
            raise
        del self._held[task_id]

    # Results

    def getAnyResult(self) -> tuple[str, str, Any]:
        """Wait for the result of a task of any tag, and remove it.

        Returns:
            The id of the task, its tag and the result.

        Raises:
            TaskRaisedException: the task has failed.
            TaskManagerTermination: the manager was terminated, and no result is left or to come.
            NwsException: the space cannot be reached any more.
        """
        outcome = self._outcome(self._queues.known_tags)
        return outcome.task_id, outcome.tag, outcome.result()

    def getResultWithTag(self, tag: str) -> tuple[str, Any]:
        """Wait for the result of a task of one tag, and remove it; see `getAnyResult`.

        Returns:
            The id of the task, and the result.
        """
        _check_tag(tag)
        outcome = self._outcome(lambda: [tag])
        return outcome.task_id, outcome.result()

    def _outcome(self, tags: Callable[[], Sequence[str]]) -> Outcome:
        try:
            while True:
                outcome = self._queues.outcome(tags(), _LOOK_SECONDS)
                if outcome is not None:
                    return outcome
                self._check_on_tasks(tags)
        except NwsException as error:
            if self.is_closed:
                raise TaskManagerTermination("the task manager was shut down") from error
            raise

    def _check_on_tasks(self, tags: Callable[[], Sequence[str]]) -> None:
        """Give up tasks that were lost too often, and learn new tags.

        Raises:
            TaskManagerTermination: the manager was terminated, and there is nothing to wait for.
        """
        numbers = self._queues.give_up_lost()
        if not self._queues.is_terminated or any(map(numbers.finished.get, tags())):
            return
        if not numbers.are_outstanding(tags()) or self.numberOfActiveProcesses() <= 1:
            raise TaskManagerTermination("the task manager was terminated")

    # Data

    def storeData(self, **items: Any) -> None:
        """Store values by their names, in the place of earlier ones.

        Raises:
            NwsPicklingException: one cannot be pickled.
            TaskManagerTermination: the manager was closed.
            NwsException: the space cannot be reached, or refuses one.
        """
        self._check_open("stores nothing")
        for label, value in items.items():
            self._workspace.declare(_DATA + label, "single")
            self._workspace.store(_DATA + label, value)

    def retrieveData(self, label: str) -> Any:
        """Return a value that was stored.

        Raises:
            KeyError: there is none of this name.
            NwsUnpicklingException: it cannot be read here.
            TaskManagerTermination: the manager was closed.
        """
        self._check_open("has nothing")
        missing = object()
        value = self._workspace.findTry(_DATA + label, missing)
        if value is missing:
            raise KeyError(f"no data is stored as {label!r}")
        return value

    def deleteData(self, label: str) -> None:
        """Remove a value that was stored.

        Raises:
            KeyError: there is none of this name.
            TaskManagerTermination: the manager was closed.
        """
        self._check_open("has nothing")
        listing = self._workspace.listVars(format=DICT)
        variable = listing.get(_DATA + label) if isinstance(listing, dict) else None
        if variable is None or not variable.values:
            raise KeyError(f"no data is stored as {label!r}")
        self._workspace.deleteVar(_DATA + label)

    # The end

    def _check_open(self, what: str) -> None:
        if self.is_closed:
            raise TaskManagerTermination(f"the task manager was shut down: it {what}")

    def terminate(self) -> None:
        """Tell all who wait that there will be no further tasks; those that wait are done first."""
        self._queues.terminate()

    def close(self) -> None:
        """Give back all that was taken here, and leave. What the master has made ends with it."""
        self.is_closed = True
        self._queues.close()
        with suppress(NwsException):
            self._workspace.release(None, blame=False)
        self._server.close()


def _check_tag(tag: Any) -> None:
    if not isinstance(tag, str):
        raise TypeError(f"a tag must be a text, not {type(tag).__name__}")


def check_label(label: Any) -> None:
    """Check the label of a master.

    Raises:
        TypeError: it is no text.
        ValueError: it has control characters, or bytes that are no text.
    """
    if not isinstance(label, str):
        raise TypeError(f"a label must be a text, not {type(label).__name__}")
    if _NOT_IN_LABEL.search(label):
        raise ValueError(
            f"the label {label!r} has control characters, or bytes that are no text; leave them out"
        )

"""Tasks and outcomes in the workspace of a label: a variable for each tag.

===================  ==============================================================================
``task <tag>``       tasks that wait; one that runs is leased by the process that runs it
``result <tag>``     what has become of tasks, until somebody retrieves it
``tags``             a list of all tags so far
``stop``             there when the manager was terminated
===================  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from nws.client import DICT, Lease, NetWorkSpace
from nws.errors import MasterSlaveException, NwsTimeoutException, TaskManagerTermination
from nws.masterslave.request_buffer import RequestBuffer
from nws.masterslave.tasks import MAX_ATTEMPTS, Outcome, TaskRequest, pack_exception

__all__ = ["TaskNumbers", "TaskQueues"]

_TASK: Final = "task "
_RESULT: Final = "result "
_TAGS: Final = "tags"
_STOP: Final = "stop"

_MAX_TAGS: Final = 990
"""One wait can be for a thousand variables."""

_TOUCH_SECONDS: Final = 10.0
"""For a look at a task, which comes back by itself if we end meanwhile."""


class TaskNumbers(NamedTuple):
    """How many tasks there are, by their tags."""

    waiting: dict[str, int]
    running: dict[str, int]
    finished: dict[str, int]

    def are_outstanding(self, tags: Iterable[str]) -> bool:
        """Tell whether tasks of these tags wait or run."""
        return any(self.waiting.get(tag) or self.running.get(tag) for tag in tags)


class TaskQueues:
    """The tasks of a label, as one process sees them. Several threads may use it."""

    def __init__(self, workspace: NetWorkSpace, *, create: bool) -> None:
        """Look at a workspace.

        Args:
            workspace: of the label.
            create: it is new; prepare it.
        """
        self._workspace = workspace
        self._requests = RequestBuffer(workspace)
        self._tags: dict[str, None] = {}
        if create:
            workspace.declare(_STOP, "single")
            workspace.store(_TAGS, [])

    # Tags

    def known_tags(self) -> list[str]:
        """Return the tags that are known here."""
        return list(self._tags)

    def learn_tags(self) -> list[str]:
        """Return all tags so far, those of other processes too."""
        self._tags.update(dict.fromkeys(self._workspace.find(_TAGS)))
        return self.known_tags()

    def _add_tag(self, tag: str) -> None:
        if len(self._tags) >= _MAX_TAGS:
            raise MasterSlaveException(f"{tag!r} would be one of more than {_MAX_TAGS} tags")
        for kind in (_TASK, _RESULT):  # a tag that is no name is refused here, and hurts no others
            self._workspace.declare(kind + tag, "fifo")
        lease = self._workspace.lease(_TAGS)
        tags = lease.value if tag in lease.value else [*lease.value, tag]
        lease.settle([(_TAGS, tags)])
        self._tags.update(dict.fromkeys(tags))

    # Tasks

    def add(self, task: TaskRequest) -> None:
        """Add a task; see `TaskManager.addTaskRequest`."""
        if task.tag not in self._tags:
            self._add_tag(task.tag)
        self._requests.add(_TASK + task.tag, tuple(task), memoryview(task.packed).nbytes)

    def lease(self, tags: Iterable[str], duration: float, timeout: float | None) -> Lease | None:
        """Wait for a task of some tags, the preferred ones first, and lease it.

        Returns:
            The lease; None if no task came within ``timeout`` seconds.

        Raises:
            TaskManagerTermination: the manager was terminated, and none of these tasks waits.
        """
        self._requests.flush()
        names = [*(_TASK + tag for tag in tags), _STOP]
        while True:
            try:
                lease = self._workspace.leaseAny(names, timeout=timeout, duration=duration)
            except NwsTimeoutException:
                return None
            if lease.variable == _STOP:
                lease.release(blame=False)  # for the next one
                raise TaskManagerTermination("the task manager was terminated")
            if not self._gave_up(lease):
                return lease

    def _gave_up(self, lease: Lease) -> bool:
        """Let a task fail that has cost too many processes."""
        if lease.attempt <= MAX_ATTEMPTS:
            return False
        task = TaskRequest(*lease.value)
        text = f"task {task.id} was given up: {MAX_ATTEMPTS} processes were lost while they ran it"
        error = pack_exception(MasterSlaveException(text))
        self.settle(lease, Outcome(task.id, task.tag, error, text))
        return True

    def settle(self, lease: Lease, outcome: Outcome) -> None:
        """Store what has become of a task, in the place of the task.

        Raises:
            NwsLeaseLostException: the lease has ended before; nothing was stored.
        """
        lease.settle([(_RESULT + outcome.tag, tuple(outcome))])

    def numbers(self) -> TaskNumbers:
        """Return how many tasks there are."""
        self._requests.flush()
        tags = self.learn_tags()
        listing = self._workspace.listVars(format=DICT)
        assert isinstance(listing, Mapping)
        tasks = {tag: listing.get(_TASK + tag) for tag in tags}
        results = {tag: listing.get(_RESULT + tag) for tag in tags}
        return TaskNumbers(
            {tag: variable.values if variable else 0 for tag, variable in tasks.items()},
            {tag: variable.leased if variable else 0 for tag, variable in tasks.items()},
            {tag: variable.values if variable else 0 for tag, variable in results.items()},
        )

    # Outcomes

    def outcome(self, tags: Sequence[str], timeout: float) -> Outcome | None:
        """Wait for the outcome of a task of some tags, and remove it; None if none came."""
        self._requests.flush()
        names = [_RESULT + tag for tag in tags]
        try:
            if len(names) == 1:  # as most programs have it, and quicker
                return Outcome(*self._workspace.fetch(names[0], timeout=timeout))
            if names:
                return Outcome(*self._workspace.fetchAny(names, timeout=timeout)[1])
            self._workspace.find(_STOP, timeout=timeout)
        except NwsTimeoutException:
            pass
        return None

    def give_up_lost(self) -> TaskNumbers:
        """Let tasks fail that have cost too many processes, for there may be none left that would
        take them. Return how many tasks there were before."""
        numbers = self.numbers()
        for tag, waiting in numbers.waiting.items():
            while waiting and self._first_was_lost(tag):
                pass
        return numbers

    def _first_was_lost(self, tag: str) -> bool:
        """Let the first task of a tag fail, if it is one that was lost too often."""
        try:
            lease = self._workspace.lease(_TASK + tag, timeout=0, duration=_TOUCH_SECONDS)
        except NwsTimeoutException:
            return False
        if self._gave_up(lease):
            return True
        lease.release(blame=False)
        return False

    # The end

    def terminate(self) -> None:
        """Tell all who wait that there will be no further tasks."""
        self._requests.flush()
        self._workspace.store(_STOP, True)

    @property
    def is_terminated(self) -> bool:
        """Whether the manager was terminated. A process that just learns it may hide that."""
        return self._workspace.findTry(_STOP) is not None

    def close(self) -> None:
        """Store nothing any more."""
        self._requests.close()

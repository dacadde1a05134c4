"""The table of the cluster, as the master keeps it in the workspace for hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from nws.client import NetWorkSpace
from nws.depalma.joined_hosts import JoinedHosts
from nws.depalma.messages import CLUSTER, ClusterTable, Queue, SubmittedJob, read, write
from nws.depalma.parameters import CodeSpec
from nws.errors import DepalmaArgumentException

__all__ = ["PublishedTable"]

_MAX_QUEUES: Final = 900
"""One wait of a host can be for a thousand variables."""


class PublishedTable:
    """What hosts have to know. It is used by one thread at a time.

    When a method raises NwsOperationException there is no room on the server; nothing was changed
    then.

    Attributes:
        now: what hosts know, or will read before they take a job that needs it.
        is_new: no master was here before.
    """

    def __init__(
        self, workspace: NetWorkSpace, hosts: JoinedHosts, lost_after: float, max_output: int
    ) -> None:
        """Read it, if a former master has left one; `publish` stores it."""
        self._ws = workspace
        self._hosts = hosts
        workspace.declare(CLUSTER, "single")
        text = workspace.findTry(CLUSTER)
        self.is_new = text is None
        self.now = ClusterTable(0, lost_after, max_output)
        if text is not None:
            self.now = read(ClusterTable, text)

    def publish(self, **changes: Any) -> None:
        """Change it, and let hosts know."""
        table = msgspec.structs.replace(self.now, step=self.now.step + 1, **changes)
        self._ws.settle([], [(CLUSTER, write(table)), *self._hosts.wakes()])
        self.now = table

    def follow_hosts(self) -> None:
        """Let hosts know whether others come before them."""
        priorities = self._hosts.priorities
        if priorities != self.now.host_priorities:
            self.publish(host_priorities=priorities)

    def add_code(self, spec: CodeSpec) -> int:
        """Add a code, and return its number.

        Raises:
            DepalmaArgumentException: the label is taken.
        """
        if spec.label and any(spec.label == other.label for other in self.now.codes.values()):
            raise DepalmaArgumentException(f"another code has the label {spec.label!r}")
        number = self.now.last_code + 1
        self.publish(last_code=number, codes={**self.now.codes, number: spec})
        return number

    def remove_code(self, number: int) -> None:
        """Forget a code."""
        self.publish(codes={key: spec for key, spec in self.now.codes.items() if key != number})

    def spec_of(self, job: SubmittedJob) -> CodeSpec:
        """Return how a job is run; without a command if its code was removed."""
        return self.now.codes.get(job.code, CodeSpec(command="")).with_options(job.options)

    def open_queue(self, queue: Queue, used: Callable[[], Iterable[Queue]]) -> None:
        """Let hosts take jobs from a queue.

        Args:
            queue: for a job.
            used: returns those in which jobs are; others can be closed.

        Raises:
            DepalmaArgumentException: there are too many.
        """
        queues = self.now.queues
        if queue in queues:
            return
        if len(queues) >= _MAX_QUEUES:
            queues = tuple(sorted(set(used())))
        if len(queues) >= _MAX_QUEUES:
            raise DepalmaArgumentException(
                f"there are jobs of {_MAX_QUEUES} different priorities and sets of groups: wait "
                "until some have ended"
            )
        self.publish(queues=(*queues, queue))

"""The table of the cluster, as a host follows it."""

from __future__ import annotations

import threading

from nws.client import NetWorkSpace
from nws.depalma.messages import CLUSTER, ClusterTable, SubmittedJob, read
from nws.depalma.parameters import CodeSpec, checked_options
from nws.errors import DepalmaLookupException

__all__ = ["FollowedTable"]


class FollowedTable:
    """The newest table that is known here. Several threads may use it."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Read it from a cluster's workspace."""
        self._ws = workspace
        self._reading = threading.Lock()
        self.table = read(ClusterTable, workspace.find(CLUSTER))

    def read(self) -> None:
        """Read it again."""
        with self._reading:
            table = read(ClusterTable, self._ws.find(CLUSTER))
            if table.step > self.table.step:
                self.table = table

    def spec_of(self, job: SubmittedJob) -> CodeSpec:
        """Return how a job is run.

        Raises:
            DepalmaLookupException: its code is not there.
            DepalmaArgumentException: an option is wrong.
        """
        if self.table.step < job.step:
            self.read()
        spec = self.table.codes.get(job.code)
        if spec is None:
            raise DepalmaLookupException(f"the code {job.code} was removed")
        return spec.with_options(checked_options(job.options)) if job.options else spec

"""Launches into somebody else's cluster, where supervisors lease places; see ``hosted.py``."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from nws.client import NetWorkSpace
from nws.sleigh.launch.elsewhere import FixedLaunch, LauncherElsewhere, slots_for
from nws.sleigh.launch.hosted import offer_places
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.processes import Process
from nws.sleigh.shared.settings import Where

__all__ = ["HostedLaunch"]


class HostingLauncher(LauncherElsewhere, Protocol):
    """A launcher that has supervisors in a cluster.

    Attributes:
        cluster: what that is, for messages.
        workers_each: how many a supervisor starts.
    """

    cluster: str
    workers_each: int

    def host(self, name: str, places: int, order: JobOrder) -> Process:
        """Let supervisors be started.

        Args:
            name: for what is made in the cluster.
            places: that there are for them. Further supervisors wait.
            order: what each is told.

        Raises:
            SleighException: the cluster refuses, or is not there.
        """


class HostedLaunch(FixedLaunch[HostingLauncher]):
    """The workers of one sleigh in a cluster."""

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        launcher = self._launcher
        order = self._order(where, workspace)
        places = slots_for(self.expected, launcher.workers_each)
        offer_places(workspace, places)
        name = f"nws-{where.workspace}"
        host = partial(launcher.host, name, len(places), order)
        self._processes.start(name, launcher.cluster, host, [id for id, _ in places])

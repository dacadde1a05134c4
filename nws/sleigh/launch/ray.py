"""``launch="ray"``: workers live in actors of a Ray cluster, in a placement group."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any, Final

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from nws.errors import SleighIllegalValueException, SleighScriptException
from nws.sleigh.launch.elsewhere import checked_number
from nws.sleigh.launch.hosted import HostedSupervisor
from nws.sleigh.launch.hosted_launch import HostedLaunch
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Process, Processes

__all__ = ["Ray"]

_log = logging.getLogger("nws")

_PATIENCE_SECONDS: Final = 5.0
"""For room in the cluster, before it is said that there is none."""

_STRATEGIES: Final = ("SPREAD", "PACK", "STRICT_SPREAD", "STRICT_PACK")


class Ray:
    """Workers in the Ray cluster that this process has joined by `ray.init`."""

    is_local = is_by_hand = False
    name = "ray"
    cluster = "the Ray cluster"
    first_index = 0

    def __init__(
        self,
        *,
        workers_per_actor: int = 1,
        strategy: str = "SPREAD",
        interface: str = "",
    ) -> None:
        """Choose how actors are placed.

        Args:
            workers_per_actor: each actor takes as many processors.
            strategy: of the placement group.
            interface: of this machine, by which workers reach the server; by default any.

        Raises:
            SleighIllegalValueException: an actor is to have no worker, or there is no such
                strategy.
        """
        if strategy not in _STRATEGIES:
            raise SleighIllegalValueException(
                f"strategy={strategy!r} is none of {', '.join(_STRATEGIES)}"
            )
        self.workers_each = checked_number("workers_per_actor", workers_per_actor)
        self.strategy = strategy
        self.interface = interface

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        if not ray.is_initialized():
            raise SleighIllegalValueException("launch='ray': join a cluster first, by ray.init()")
        return HostedLaunch(self, options, processes)

    def host(self, name: str, places: int, order: JobOrder) -> Process:
        return _HostsInRay(self, places, order)


class _HostsInRay:
    """The actors in a cluster; a `nws.sleigh.launch.processes.Process`."""

    is_waiting = False

    def __init__(self, launcher: Ray, actors: int, order: JobOrder) -> None:
        cores = launcher.workers_each
        try:
            self._group = placement_group([{"CPU": cores}] * actors, strategy=launcher.strategy)
            kind = ray.remote(num_cpus=cores, max_restarts=-1)(HostedSupervisor)
            self._actors = [
                kind.options(
                    scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, index)
                ).remote(order)
                for index in range(actors)
            ]
            self._ready: Any = self._group.ready()
        except Exception as error:  # whatever Ray raises
            raise SleighScriptException(
                f"workers cannot be started in the Ray cluster: {error}"
            ) from error
        self._began = time.monotonic()
        self._is_told = False

    @property
    def status(self) -> int | None:
        if not ray.is_initialized():
            return 1
        if not self._is_told and time.monotonic() - self._began > _PATIENCE_SECONDS:
            self._is_told = True
            if not ray.wait([self._ready], timeout=0)[0]:
                _log.warning(
                    "ray: there is no room yet for a placement group of %s",
                    self._group.bundle_specs,
                )
        return None

    def last_output(self) -> str:
        return "this process has left the Ray cluster (ray.shutdown)"

    def request_end(self) -> None:
        pass  # the sleigh is over, and supervisors know

    def wait(self, grace: float) -> None:
        if ray.is_initialized():
            with suppress(Exception):  # the cluster is gone, and its actors with it
                for actor in self._actors:
                    ray.kill(actor, no_restart=True)
                remove_placement_group(self._group)

    def kill(self) -> bool:
        return False

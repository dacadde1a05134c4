"""``launch="dask"``: workers live in the processes of a Dask cluster.

A plug-in of Dask starts a supervisor in each of its workers, also in those that come later. It is
outside Dask's bookkeeping of resources.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from distributed import Client, WorkerPlugin, default_client

from nws.errors import SleighIllegalValueException, SleighScriptException
from nws.sleigh.launch.elsewhere import checked_number
from nws.sleigh.launch.hosted import HostedSupervisor
from nws.sleigh.launch.hosted_launch import HostedLaunch
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Process, Processes

__all__ = ["Dask"]


class Dask:
    """Workers in a Dask cluster."""

    is_local = is_by_hand = False
    name = "dask"
    cluster = "the Dask cluster"
    first_index = 0

    def __init__(
        self,
        cluster: Client | str | None = None,
        *,
        workers_per_process: int = 1,
        interface: str = "",
    ) -> None:
        """Choose a cluster.

        Args:
            cluster: a client of it, or the address of its scheduler; by default that of the last
                client that was made in this process.
            workers_per_process: in each worker of Dask.
            interface: of this machine, by which workers reach the server; by default any.

        Raises:
            SleighIllegalValueException: a process is to have no worker.
        """
        self.workers_each = checked_number("workers_per_process", workers_per_process)
        self.interface = interface
        self._cluster = cluster

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return HostedLaunch(self, options, processes)

    def host(self, name: str, places: int, order: JobOrder) -> Process:
        return _HostsInDask(self, name, order)

    def client(self) -> tuple[Client, bool]:
        """Return the client, and whether it was made for that.

        Raises:
            SleighIllegalValueException: there is none that can be used.
            SleighScriptException: the cluster cannot be reached.
        """
        if isinstance(self._cluster, str):
            try:
                return Client(self._cluster, set_as_default=False), True
            except (OSError, ValueError) as error:
                raise SleighScriptException(
                    f"the Dask cluster at {self._cluster} cannot be reached: {error}"
                ) from error
        try:
            client = self._cluster or default_client()
        except ValueError:
            raise SleighIllegalValueException(
                "launch='dask': make a client of the cluster first, or name the cluster's address, "
                "as Dask('tcp://host:8786')"
            ) from None
        if client.asynchronous:
            raise SleighIllegalValueException("launch=Dask(client): the client is asynchronous")
        return client, False


class _HostsInDask:
    """The plug-in in a cluster; a `nws.sleigh.launch.processes.Process`."""

    is_waiting = False

    def __init__(self, launcher: Dask, name: str, order: JobOrder) -> None:
        self._client, self._is_ours = launcher.client()
        self._name = name
        try:
            self._client.register_plugin(_Host(order), name=name)
        except Exception as error:  # whatever Dask raises
            self.request_end()
            raise SleighScriptException(
                f"workers cannot be started in the Dask cluster: {error}"
            ) from error

    @property
    def status(self) -> int | None:
        return None if self._client.status == "running" else 1

    def last_output(self) -> str:
        return f"the client of the Dask cluster is {self._client.status}"

    def request_end(self) -> None:
        if self._client.status == "running":
            with suppress(Exception):  # the cluster is gone, and its workers with it
                self._client.unregister_worker_plugin(self._name)

    def wait(self, grace: float) -> None:
        if self._is_ours:
            self._client.close(grace)

    def kill(self) -> bool:
        return False


class _Host(WorkerPlugin):  # type: ignore[misc]  # Dask has no type hints
    """Starts a supervisor in a worker of Dask, and ends it with that or the sleigh."""

    def __init__(self, order: JobOrder) -> None:
        self._order = order
        self._supervisor: HostedSupervisor | None = None

    def setup(self, worker: Any) -> None:
        self._supervisor = HostedSupervisor(self._order)

    def teardown(self, worker: Any) -> None:
        if self._supervisor is not None:
            self._supervisor.stop()

"""A host, the original's "remote server": takes jobs from the workspace, and runs them."""

from __future__ import annotations

import logging
import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Callable
from typing import Final

from nws.client import NwsServer
from nws.counted import counted
from nws.depalma.config import HostConfig, server_of
from nws.depalma.followed_table import FollowedTable
from nws.depalma.job_command import CLUSTER_MARK, HOST_MARK
from nws.depalma.job_runner import JobRunner
from nws.depalma.job_source import JobSource
from nws.depalma.messages import (
    JOINED,
    MASTER_GONE,
    HostReport,
    Order,
    control_of,
    read,
    report_of,
    workspace_of,
    write,
)
from nws.depalma.running_jobs import RunningJobs
from nws.errors import (
    DepalmaLookupException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
)
from nws.processes.marks import start_reaper
from nws.processes.usage import has_room, machine_use
from nws.sleigh.shared.cores import available_cores
from nws.workspace.presence import Presence

__all__ = ["RemoteServer"]

_log = logging.getLogger("nws.depalma")

_MAX_REPORT_SECONDS: Final = 1.0
"""Between reports."""

_REPORTS_PER_BOUND: Final = 4
"""Reports in the time after which a silent host is gone."""

_SETTLING: Final = 2
"""Threads beyond those that can run a job."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""They end a host."""


class RemoteServer:
    """A host of a cluster. It ends when the master is gone or has put it out."""

    def __init__(self, host: HostConfig, cluster: str) -> None:
        """Join the cluster; jobs are taken by `run`.

        Args:
            host: what it is; its ``server`` is where the cluster's workspace is.
            cluster: its name.

        Raises:
            NwsException: the server cannot be reached or used.
            DepalmaLookupException: there is no such cluster.
        """
        self._host = host
        self._id = f"{host.name} {uuid.uuid4().hex[:12]}"
        self._slots = host.slots or available_cores()
        self._free = threading.Semaphore(self._slots)
        start_reaper(HOST_MARK, self._id)
        server = NwsServer(*server_of(host.server))
        try:
            self._ws = server.useWs(workspace_of(cluster), create=False)
            if self._ws.findTry(MASTER_GONE) is not None:
                raise NwsNoWorkSpaceException("its master is gone")
        except NwsNoWorkSpaceException:
            server.close()
            raise DepalmaLookupException(
                f"no master of the cluster {cluster!r} is at {host.server}: start it, or look "
                "at --cluster and --server"
            ) from None
        self._table = FollowedTable(self._ws)
        self._over = threading.Event()
        self._reason = ""
        self._last_answer = time.monotonic()
        self._running = RunningJobs()
        os.environ.update({CLUSTER_MARK: cluster, HOST_MARK: self._id})  # for its jobs
        self._runner = JobRunner(self._ws, self._table, self._id, self._running, self._over)
        self._source = JobSource(
            self._ws,
            self._table,
            self._id,
            host.groups,
            host.priority,
            lambda: has_room(host.max_load, host.min_memory),
        )

    def run(self) -> str:
        """Run jobs until the host has to end; then kill those that run.

        Returns:
            Why it has ended.
        """
        for number in _SIGNALS:
            signal.signal(number, _raise_ended)
        try:
            self._join()
            works = [self._report_again_and_again, self._obey, self._watch_master]
            for work in (*works, *[self._run_jobs] * (self._slots + _SETTLING)):
                threading.Thread(target=self._until_over, args=(work,), daemon=True).start()
            while not self._over.wait(self._time_left()):
                if self._time_left() <= 0:
                    self._end(
                        f"the server did not answer for {counted(self._lost_after, 'second')}"
                    )
        except _EndedError as error:
            self._end(str(error))
        pids = self._running.end()
        if pids:
            _log.warning("these jobs were killed as the host ended: %s", pids)
        return self._reason

    def _join(self) -> None:
        self._ws.declare(control_of(self._id), "fifo")  # now, while the server has room
        self._ws.declare(report_of(self._id), "single")
        self._ws.store(report_of(self._id), write(self._report()))
        Presence(self._ws, self._id, self._host.name, self._lost_after)  # renewed with its jobs
        self._ws.store(JOINED, self._id)

    @property
    def _lost_after(self) -> float:
        return self._table.table.lost_after

    def _time_left(self) -> float:
        """Return for how many seconds the server may still be silent."""
        return max(0.0, self._last_answer + self._lost_after - time.monotonic())

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._over.set()

    def _until_over(self, work: Callable[[], None]) -> None:
        """Do the work of a thread; when it cannot go on, nor can the host."""
        try:
            work()
        except NwsLeaseLostException:
            self._end("the master has put it out, or it was silent for too long")
        except NwsException as error:
            self._end(f"the master is gone, or has put it out: {error}")
        except Exception:
            _log.exception("the host failed")
            self._end("it failed; its log says why")

    def _run_jobs(self) -> None:
        while True:
            with self._free:
                lease = self._source.next(self._over)
                if lease is None:
                    return
                settle = self._runner.run(lease)
            settle()  # meanwhile another thread uses the slot

    def _watch_master(self) -> None:
        self._ws.find(MASTER_GONE)
        self._end("the master is gone")

    def _report_again_and_again(self) -> None:
        period = min(_MAX_REPORT_SECONDS, self._lost_after / _REPORTS_PER_BOUND)
        while not self._over.wait(period):
            # The server counts from when it is asked, which is not before now.
            begin = time.monotonic()
            self._ws.renew(None, self._lost_after)
            self._last_answer = begin
            try:
                self._ws.store(report_of(self._id), write(self._report()))
            except NwsNoWorkSpaceException:
                raise
            except NwsOperationException as error:  # what room there is belongs to outcomes
                _log.warning("a report was refused: %s", error)

    def _report(self) -> HostReport:
        host = self._host
        return HostReport(
            id=self._id,
            name=host.name,
            machine=platform.node(),
            os_pid=os.getpid(),
            slots=self._slots,
            groups=host.groups,
            priority=host.priority,
            step=self._table.table.step,
            time=time.time(),
            jobs=self._running.describe(),
            **machine_use(),
        )

    def _obey(self) -> None:
        for text in self._ws.ifetch(control_of(self._id)):
            try:
                order = read(Order, text)
            except ValueError as error:
                _log.warning("what is no order is dropped: %s", error)
                continue
            self._running.kill(order.pid, order.signal)


class _EndedError(Exception):
    """A signal has asked for our end."""


def _raise_ended(number: int, _: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise _EndedError(f"it got {signal.Signals(number).name}")

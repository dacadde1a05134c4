"""A cluster: its codes, jobs and hosts, and what can be asked of them, in Python's own terms.

Jobs and outcomes are in the workspace. What is kept here can be found there again.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

from nws.client import Lease, NetWorkSpace
from nws.counted import counted
from nws.depalma.config import ClusterConfig, HostConfig
from nws.depalma.host_launcher import HostLauncher
from nws.depalma.job_queues import JobQueues
from nws.depalma.job_streams import JobStreams
from nws.depalma.jobs import JobRecord
from nws.depalma.joined_hosts import JoinedHosts
from nws.depalma.listings import describe_absent, describe_hosts, describe_jobs, describe_outcome
from nws.depalma.messages import (
    ABSENT,
    LAST_PID,
    STREAMS,
    HostReport,
    JobOutcome,
    Order,
    Queue,
    SubmittedJob,
    control_of,
    read,
    wake_of,
    write,
)
from nws.depalma.monitor import MAX_HOSTS, Monitor
from nws.depalma.parameters import CodeSpec, checked_arguments, checked_options
from nws.depalma.published_table import PublishedTable
from nws.errors import (
    DepalmaArgumentException,
    DepalmaException,
    DepalmaLookupException,
    DepalmaStateException,
    DepalmaStoppedException,
    NwsException,
    NwsOperationException,
)

__all__ = ["Cluster"]

_log = logging.getLogger("nws.depalma")

_MORE_SECONDS: Final = 0.5
"""Beyond the time after which hosts of a former master must have ended."""


class Cluster:
    """The jobs of a cluster, and the hosts that run them. All threads may use it.

    It does what `Methods` says, which has the arguments and exceptions.

    Attributes:
        failure: why it is over, if nobody has ended it.
    """

    def __init__(
        self,
        config: ClusterConfig,
        workspace: NetWorkSpace,
        server: str,
        on_failure: Callable[[], None],
    ) -> None:
        """Make one, or go on with that of a master that was killed; hosts are started by `start`.

        Args:
            config: of the cluster.
            workspace: of the cluster, of which we are the only master.
            server: where it is, for hosts: ``HOST:PORT`` or ``unix:/PATH``.
            on_failure: called when the server is gone, and the cluster with it.
        """
        self.failure = ""
        self._config = config
        self._on_failure = on_failure
        self._ws = workspace
        self._changed = threading.Condition(threading.RLock())  # and for all below
        self._jobs: dict[int, JobRecord] = {}
        self._last_pid = 0
        self._hosts = JoinedHosts(workspace)
        self._queues = JobQueues(workspace)
        self._streams = JobStreams(workspace)
        self._launcher = HostLauncher(config.name, server, self._is_alive)
        self._launching = threading.RLock()  # taken before the other one, if both are
        self._problems: dict[str, str] = {}
        self._configured: dict[str, HostConfig] = {}  # those that are started here, by name
        self._lost: dict[str, HostReport] = {}  # what the last one of each name has said
        self._ended = ""
        self._table = PublishedTable(workspace, self._hosts, config.lost_after, config.max_output)
        self._published_absent = ""
        for name in (LAST_PID, ABSENT):
            workspace.declare(name, "single")
        if not self._table.is_new:
            self._recover()
        self._former_pid = self._last_pid
        self._table.publish(lost_after=config.lost_after, max_output=config.max_output)
        self._monitor = Monitor(workspace, self)
        self._monitor.start()

    def _recover(self) -> None:
        """Find what a master has left that was killed. Outcomes come by themselves."""
        self._hosts.end_former(self._table.now.lost_after + _MORE_SECONDS)
        self._last_pid = int(self._ws.findTry(LAST_PID, "0"))
        for job in self._queues.jobs(self._table.now.queues):
            self._jobs[job.pid] = JobRecord(job, self._table.spec_of(job))
        _log.info("the cluster goes on, with %d waiting jobs", len(self._jobs))

    # The cluster

    @property
    def name(self) -> str:
        return self._config.name

    def start(self) -> list[str]:
        """Start the hosts of the configuration; see `Methods.init_server`."""
        self.add_hosts(self._config.host)
        wanted = {host.name for host in self._config.host}
        with self._changed:
            self._changed.wait_for(
                lambda: wanted <= self._hosts.names | self._problems.keys() or self._ended,
                self._config.start_timeout,
            )
            self._check_running()
            joined = sorted(self._hosts.names)
            if wanted and not joined:
                reasons = "; ".join(f"{name}: {text}" for name, text in self._problems.items())
                raise DepalmaStateException(
                    f"no host has joined within {counted(self._config.start_timeout, 'second')}: "
                    f"{reasons or 'they said nothing'}"
                )
            for host in self._absent():
                _log.warning("host %s is not there: %s", host["name"], host["problem"])
        return joined

    def close(self) -> None:
        """End all jobs and all hosts."""
        with self._changed:
            if self._ended:
                return
            self._ended = "it was shut down"
            self._changed.notify_all()
        with suppress(NwsException):  # the server is gone, and it with it
            self._ws.server.deleteWs(self._ws.currentWs())  # all wait in it, and end
        self._monitor.join()
        with self._launching:
            self._launcher.close()

    def _check_running(self) -> None:
        if self._ended:
            raise DepalmaStoppedException(f"the cluster is over: {self._ended}")

    # Codes

    def load_code(self, command: object, code_params: object) -> int:
        """Add a code, and return its number; when this returns no host runs a job without it."""
        spec = CodeSpec.checked(command, code_params)
        with self._changed:
            self._check_running()
            return self._table.add_code(spec)

    def remove_code(self, code: object) -> None:
        """Forget a code; see `Methods.remove_code`."""
        with self._changed:
            self._check_running()
            number = self._table.now.number_of(code)
            users = [
                record.pid
                for record in self._jobs.values()
                if record.job.code == number and record.outcome is None
            ]
            if users:
                raise DepalmaStateException(f"the code {code!r} has jobs: {users[:10]}")
            self._table.remove_code(number)

    # Jobs

    def exec_code(self, code: object, arguments: object, options: object) -> int:
        """Submit a job, and return its pid; see `Methods.exec_code`."""
        words, chosen = checked_arguments(arguments), checked_options(options)
        with self._changed:
            self._check_running()
            number, pid = self._table.now.number_of(code), self._last_pid + 1
            job = SubmittedJob(pid, number, self._table.now.step, words, chosen, time.time())
            record = JobRecord(job, self._table.spec_of(job))
            self._check_groups(record.spec.groups)
            self._table.open_queue(record.queue, self._used_queues)
            self._queues.add(record.queue, job)
            self._last_pid = pid
            self._jobs[pid] = record
            return pid

    def _check_groups(self, groups: Sequence[str]) -> None:
        """Refuse a job that would wait for ever, as when a name is mistyped."""
        named = (host.groups for host in self._configured.values())
        known = self._hosts.groups.union(self._config.groups, *named)
        if groups and known.isdisjoint(groups):
            raise DepalmaArgumentException(
                f"no host belongs to one of the groups {list(groups)}; there are {sorted(known)}. "
                "Groups of hosts that join later can be named by `groups` in the configuration"
            )

    def _used_queues(self) -> list[Queue]:
        return [record.queue for record in self._jobs.values() if record.outcome is None]

    def finished(self, pid: object, wait: float = 0.0) -> bool:
        """Tell whether a job has ended; wait for that for some seconds."""
        with self._changed:
            record = self._record(pid)
            self._changed.wait_for(lambda: record.outcome is not None or self._ended, wait)
            if record.outcome is None:
                self._check_running()
            return record.outcome is not None

    def pickup(self, pid: object) -> dict[str, Any]:
        """Return how a job has ended, and forget it; see `Methods.pickup`."""
        with self._changed:
            self._check_running()
            record = self._record(pid)
            if record.outcome is None or record.lease is None:
                (described,) = describe_jobs([record], self._hosts.reports())
                state = ", ".join(filter(None, (described["state"], described["problem"])))
                raise DepalmaStateException(f"job {pid} has not ended: it is {state}")
            outcome = describe_outcome(record.outcome)
            if record.spec.returns_output(record.outcome.status):
                outcome |= {stream: self._streams.read(record, stream) for stream in STREAMS}
            record.lease.settle()
            self._streams.discard(record, keep_last=False)
            del self._jobs[record.pid]
            return outcome

    def pickup_avail(self) -> list[int]:
        """Return the pids of the jobs that have ended and were not picked up."""
        with self._changed:
            self._check_running()
            return [record.pid for record in self._jobs.values() if record.outcome is not None]

    def stdin(self, pid: object, data: bytes, close: bool = False) -> None:
        """Write to a job, also before it runs; see `Methods.stdin`."""
        with self._changed:
            self._check_running()
            self._streams.write(self._record(pid), data, close)

    def output(self, pid: object, stream: str, offset: int = 0) -> bytes:
        """Return what a job has written to a stream, from a position on; see `Methods.stdout`."""
        with self._changed:
            self._check_running()
            record = self._record(pid)
            if not record.spec.io:
                raise DepalmaStateException(f"the output of job {pid} is not kept: it has no io")
            return self._streams.read(record, stream)[max(0, offset) :]

    def kill(self, pid: object, number: int = signal.SIGTERM) -> None:
        """Send a signal to all processes of a job; see `Methods.kill`."""
        with self._changed:
            self._check_running()
            record = self._record(pid)
            if record.outcome is not None:
                return
            record.killed = number
            if not self._queues.end_waiting(record.queue, record.pid, number):
                # All are told, since it may run again elsewhere.
                self._ws.settle([], self._hosts.orders(Order(record.pid, number)))

    def ps(self) -> list[dict[str, Any]]:
        """Return what is known of each job, by its keys; see docs/depalma.md."""
        with self._changed:
            self._check_running()
            return describe_jobs(self._jobs.values(), self._hosts.reports())

    def _record(self, pid: object) -> JobRecord:
        record = self._jobs.get(pid) if type(pid) is int else None  # True is no pid
        if record is None:
            raise DepalmaLookupException(f"there is no job {pid!r:.100}, or it was picked up")
        return record

    # Hosts

    def add_hosts(self, hosts: Iterable[HostConfig]) -> None:
        """Start hosts; one of a name that is there takes the place of that one."""
        with self._launching:
            for host in hosts:
                with self._changed:
                    former = self._hosts.called(host.name, groups=False)
                    self._put_out(former, "another one of its name takes its place")
                    self._configured[host.name] = host
                    self._lost.pop(host.name, None)
                self._launcher.start(host)

    def remove_hosts(self, name: str) -> list[str]:
        """End a host or group, and return the names; see `Methods.remove_hosts`."""
        with self._launching:
            with self._changed:
                self._check_running()
                started = [
                    host.name
                    for host in self._configured.values()
                    if name == host.name or name in host.groups
                ]
                for each in started:
                    del self._configured[each]
                names = {*started, *self._put_out(self._hosts.called(name), "it was removed")}
            if not names:
                raise DepalmaLookupException(f"there is no host and no group {name!r:.100}")
            self._launcher.stop(started)
        return sorted(names)

    def callback(self, name: str, callback_type: str) -> None:
        """Take note that a host is ``ready`` to be started, or ``gone``; see `Methods.callback`."""
        if callback_type not in ("ready", "gone"):
            raise DepalmaArgumentException(
                f"a callback is 'ready' or 'gone', not {callback_type!r:.100}"
            )
        if not isinstance(name, str):
            raise DepalmaArgumentException(f"a host is given by its name, not by {name!r:.100}")
        with self._launching:
            if callback_type == "ready":
                self._launcher.retry(name)
        with self._changed:
            self._check_running()
            there = self._hosts.called(name, groups=False)
            if not there and name not in self._configured:
                raise DepalmaLookupException(f"there is no host {name!r:.100}")
            if callback_type == "gone":
                self._put_out(there, "somebody has said that it is gone")

    def load(self) -> list[dict[str, Any]]:
        """Return what is known of each host, by its keys; see docs/depalma.md."""
        with self._changed:
            self._check_running()
            return describe_hosts(self._hosts.reports()) + self._absent()

    def _absent(self) -> list[dict[str, Any]]:
        names = self._configured.keys() - self._hosts.names
        return describe_absent(names, self._lost, self._problems)

    def overview(self) -> dict[str, Any]:
        """Return numbers: what the cluster holds, and how far its operations are."""
        with self._changed:
            self._check_running()
            ended = sum(record.outcome is not None for record in self._jobs.values())
            return {
                "name": self._config.name,
                "step": self._table.now.step,
                "codes": len(self._table.now.codes),
                "hosts": len(self._hosts),
                **self._queues.numbers(self._table.now.queues),
                "finished": ended,
            }

    def _is_alive(self, name: str) -> bool:
        with self._changed:
            return name in self._hosts.names

    def _put_out(self, hosts: Iterable[str], why: str) -> list[str]:
        """Put hosts out, by their ids; return their names."""
        names = []
        for id in list(hosts):
            report = self._hosts.put_out(id, why)
            names.append(report.name)
            if report.name in self._configured:
                self._lost[report.name] = report
            self._changed.notify_all()
        return names

    # What the monitor tells

    def joined_hosts(self) -> list[str]:
        """Return the ids of the hosts that are there; see `Monitor`."""
        with self._changed:
            return self._hosts.ids

    def on_outcomes(self, leases: Sequence[Lease]) -> None:
        """Keep the lease of each job until it is picked up: if we are killed nothing is lost."""
        with self._changed:
            for lease in leases:
                if not self._noted(lease):
                    lease.settle()
            self._changed.notify_all()

    def _noted(self, lease: Lease) -> bool:
        try:
            outcome = read(JobOutcome, lease.value)
        except ValueError as error:
            _log.warning("what is no outcome is dropped: %s", error)
            return False
        job = outcome.job
        if job.pid not in self._jobs and 0 < job.pid <= self._former_pid:  # it ended before we came
            self._jobs[job.pid] = JobRecord(job, self._table.spec_of(job))
        record = self._jobs.get(job.pid)
        if record is None or record.outcome is not None:
            _log.warning(
                "the outcome of a job that is not there, or has ended, is dropped: %s", job
            )
            return False
        record.finish(outcome, lease)
        has_output = record.spec.io or record.spec.returns_output(outcome.status)
        self._streams.discard(record, keep_last=has_output)
        return True

    def on_joined(self, host: object) -> None:
        """Let a host join; see `Monitor`."""
        with self._changed:
            if len(self._hosts) >= MAX_HOSTS:
                _log.error("host %r is not used: there are %d", host, MAX_HOSTS)
            elif isinstance(host, str) and self._hosts.join(host):
                self._changed.notify_all()
                killed = [each for each in self._jobs.values() if each.killed and not each.outcome]
                orders = [Order(record.pid, record.killed) for record in killed]
                stores = [(control_of(host), write(order)) for order in orders]
                # What it knows of the table may be old by now.
                self._ws.settle([], [*stores, (wake_of(host), "")])
                self._table.follow_hosts()

    def on_request(self, text: object) -> None:
        """Do what somebody has asked for in the workspace, such as a page; see `Monitor`."""
        try:
            order = read(Order, text)
            self.kill(order.pid, order.signal)
        except (ValueError, DepalmaException) as error:
            _log.warning("a request is dropped: %s", error)

    def on_gone(self, host: str) -> None:
        """Forget a host that is gone; see `Monitor`."""
        with self._changed:
            if host in self._hosts:
                self._put_out([host], "it has ended, or was silent for too long")

    def on_time(self) -> None:
        """Look after hosts; see `Monitor`."""
        with self._changed, suppress(NwsOperationException):  # there is no room; later, then
            self._table.follow_hosts()
        if not self._launching.acquire(blocking=False):
            return  # somebody is starting or ending hosts
        try:
            problems = dict(self._launcher.look_after())
        finally:
            self._launching.release()
        with self._changed:
            if problems != self._problems:
                self._problems = problems
                self._changed.notify_all()
            self._publish_absent()

    def _publish_absent(self) -> None:
        """Let a page show which hosts are not there."""
        absent = json.dumps({"hosts": self._absent()})
        if absent != self._published_absent:
            with suppress(NwsOperationException):  # there is no room; later, then
                self._ws.store(ABSENT, absent)
                self._published_absent = absent

    def on_failure(self, error: Exception) -> None:
        """Take note that nothing will come any more; see `Monitor`."""
        with self._changed:
            if not self._ended:
                _log.error("the cluster is over, its server is gone: %s", error)
                self._ended = self.failure = f"its server is gone: {error}"
            self._changed.notify_all()
        self._on_failure()

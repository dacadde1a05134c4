"""A cluster: its codes, jobs and hosts, and what can be asked of them, in Python's own terms."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from nws.client import NetWorkSpace
from nws.depalma.codes import Codes
from nws.depalma.config import ClusterConfig, HostConfig
from nws.depalma.dispatcher import ClusterHost, Dispatcher
from nws.depalma.host_launcher import HostLauncher
from nws.depalma.host_orders import HostOrders
from nws.depalma.job_streams import JobStreams
from nws.depalma.jobs import MAX_LOSSES, JobRecord, JobState, given_up
from nws.depalma.listings import describe_hosts, describe_jobs
from nws.depalma.messages import STREAMS, HostReport, JobOutcome, read_report
from nws.depalma.monitor import Monitor
from nws.depalma.parameters import CodeSpec, checked_arguments, checked_options
from nws.errors import (
    DepalmaArgumentException,
    DepalmaLookupException,
    DepalmaStateException,
    DepalmaStoppedException,
    NwsException,
    NwsOperationException,
)

__all__ = ["Cluster"]

_log = logging.getLogger("nws.depalma")


class Cluster:
    """The jobs of a cluster, and the hosts that run them. All threads may use it."""

    def __init__(self, config: ClusterConfig, workspace: NetWorkSpace, server: str) -> None:
        """Make one; hosts are started by `start`.

        Args:
            config: of the cluster.
            workspace: of the cluster, owned by us.
            server: where it is, for hosts: ``HOST:PORT`` or ``unix:PATH``.
        """
        self._config = config
        self._ws = workspace
        self._changed = threading.Condition(threading.RLock())  # and for all below
        self._codes = Codes()
        self._jobs: dict[int, JobRecord] = {}
        self._last_pid = 0
        self._hosts: dict[str, ClusterHost] = {}
        self._former: dict[str, float] = {}  # ids of hosts that were put out, and when
        self._dispatcher = Dispatcher()
        self._launcher = HostLauncher(config.name, server, self._is_alive)
        self._launching = threading.RLock()  # taken before the other one, if both are
        self._problems: dict[str, str] = {}
        self._ended = ""
        self._orders = HostOrders(workspace)
        self._publish_codes()
        self._streams = JobStreams(workspace)
        self._monitor = Monitor(workspace, self)
        self._monitor.start()

    # The cluster

    def start(self) -> list[str]:
        """Start the hosts of the configuration, and wait until they have joined.

        Returns:
            The names of those that have joined within the ``start_timeout``. Others may follow.

        Raises:
            DepalmaStateException: none has joined; the message says why.
        """
        self.add_hosts(self._config.hosts)
        wanted = {host.name for host in self._config.hosts}
        with self._changed:
            self._changed.wait_for(
                lambda: wanted <= self._names() | self._problems.keys() or self._ended,
                self._config.start_timeout,
            )
            self._check_running()
            joined = sorted(self._names())
            if wanted and not joined:
                reasons = "; ".join(f"{name}: {text}" for name, text in self._problems.items())
                raise DepalmaStateException(
                    f"no host has joined within {self._config.start_timeout:g} seconds: "
                    f"{reasons or 'they said nothing'}"
                )
        return joined

    def close(self) -> None:
        """End all jobs and all hosts."""
        with self._changed:
            if self._ended:
                return
            self._ended = "it was shut down"
            self._changed.notify_all()
        self._monitor.stop()
        try:
            self._ws.server.deleteWs(self._ws.currentWs())  # hosts wait in it, and end
        except NwsException:
            pass  # the server is gone, and it with it
        with self._launching:
            self._launcher.close()

    def _check_running(self) -> None:
        if self._ended:
            raise DepalmaStoppedException(f"the cluster is over: {self._ended}")

    # Codes

    def load_code(self, command: object, code_params: object) -> int:
        """Add a code, and return its number; see `CodeSpec` for the parameters.

        When this returns no host will run a job without knowing it.

        Raises:
            DepalmaArgumentException: the command or a parameter is wrong, or the label is taken.
        """
        spec = CodeSpec.checked(command, code_params)
        with self._changed:
            self._check_running()
            number = self._codes.add(spec)
            try:
                self._publish_codes()
            except NwsException:
                self._codes.withdraw(number)
                raise
            return number

    def remove_code(self, code: object) -> None:
        """Forget a code.

        Args:
            code: its number or label.

        Raises:
            DepalmaLookupException: there is none.
            DepalmaStateException: jobs of it wait or run.
        """
        with self._changed:
            self._check_running()
            number = self._codes.number_of(code)
            users = [
                job.pid
                for job in self._jobs.values()
                if job.code == number and job.state is not JobState.FINISHED
            ]
            if users:
                raise DepalmaStateException(f"the code {code!r} has jobs: {users[:10]}")
            self._codes.remove(number)
            self._publish_codes()

    def _publish_codes(self) -> None:
        """Let hosts know of a change. A host that is given a job reads them first, if it must."""
        table = self._codes.table(self._config.lost_after, self._config.max_output)
        self._orders.publish(table, self._hosts)

    # Jobs

    def exec_code(self, code: object, arguments: object, options: object) -> int:
        """Submit a job, and return its pid, which is the same wherever it runs.

        Args:
            code: its number or label.
            arguments: behind those of the code.
            options: other values of ``env``, ``cwd``, ``timeout``, ``retries``, ``memory``,
                ``cpu``, ``groups`` and ``priority``.

        Raises:
            DepalmaLookupException: there is no such code.
            DepalmaArgumentException: an argument or an option is wrong.
        """
        words, chosen = checked_arguments(arguments), checked_options(options)
        with self._changed:
            self._check_running()
            number = self._codes.number_of(code)
            spec = self._codes[number].with_options(chosen)
            self._last_pid += 1
            job = JobRecord(self._last_pid, number, spec, words, chosen)
            self._jobs[job.pid] = job
            self._dispatcher.add(job)
            self._dispatch()
            return job.pid

    def finished(self, pid: object, wait: float = 0.0) -> bool:
        """Tell whether a job has ended; wait for that for some seconds."""
        with self._changed:
            job = self._job(pid)
            self._changed.wait_for(lambda: job.outcome is not None or self._ended, wait)
            if job.outcome is None:
                self._check_running()
            return job.outcome is not None

    def pickup(self, pid: object) -> dict[str, Any]:
        """Return how a job has ended, with its output if its code has it so, and forget the job.

        Returns:
            The attributes of `JobOutcome`, ``host`` being a name; and ``stdout`` and ``stderr``.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up before.
            DepalmaStateException: it has not ended.
        """
        with self._changed:
            self._check_running()
            job = self._job(pid)
            if job.outcome is None:
                raise DepalmaStateException(f"job {pid} has not ended: it is {job.state.value}")
            outcome = {**vars(job.outcome), "host": job.host_name}
            if job.spec.returns_output(job.outcome.status):
                outcome |= {stream: self._streams.read(job, stream) for stream in STREAMS}
            self._streams.discard(job)
            del self._jobs[job.pid]
            return outcome

    def pickup_avail(self) -> list[int]:
        """Return the pids of jobs that have ended and were not picked up, in the order of pids."""
        with self._changed:
            return [job.pid for job in self._jobs.values() if job.outcome is not None]

    def stdin(self, pid: object, data: bytes, close: bool = False) -> None:
        """Write to a job, also before it runs; and close its stdin.

        Raises:
            DepalmaStateException: its code has no ``io``, or its stdin was closed, or it has ended.
        """
        with self._changed:
            self._check_running()
            self._streams.write(self._job(pid), data, close)

    def output(self, pid: object, stream: str, offset: int = 0) -> bytes:
        """Return what a job has written to a stream so far, from a position on.

        If a job is run again its output begins anew.

        Raises:
            DepalmaStateException: its code has no ``io``.
        """
        with self._changed:
            self._check_running()
            job = self._job(pid)
            if not job.spec.io:
                raise DepalmaStateException(f"the output of job {pid} is not kept: it has no io")
            return self._streams.read(job, stream)[max(0, offset) :]

    def kill(self, pid: object, number: int = signal.SIGTERM) -> None:
        """Send a signal to all processes of a job. One that waits ends without having run.

        A job that has ended stays as it is.
        """
        with self._changed:
            self._check_running()
            job = self._job(pid)
            job.killed = True
            if job.state is JobState.WAITING:
                self._finish(job, given_up(job, "it was killed before it ran", number))
            elif job.state is JobState.ASSIGNED:
                self._orders.send_signal(job, number)

    def ps(self) -> list[dict[str, Any]]:
        """Return what is known of each job, by its keys; see docs/depalma.md."""
        with self._changed:
            return describe_jobs(self._jobs.values(), self._hosts.values())

    def _job(self, pid: object) -> JobRecord:
        job = self._jobs.get(pid) if type(pid) is int else None  # True is no pid
        if job is None:
            raise DepalmaLookupException(f"there is no job {pid!r:.100}, or it was picked up")
        return job

    def _dispatch(self) -> None:
        """Give jobs to hosts that have room."""
        chosen: list[JobRecord] = []
        while (choice := self._dispatcher.next(self._hosts.values())) is not None:
            job, host = choice
            job.assign(host.id)
            host.jobs[job.pid] = job
            chosen.append(job)
        if not chosen:
            return
        try:
            self._orders.assign(chosen, self._codes.step)
        except NwsOperationException as error:  # there is no room on the server
            _log.error("jobs cannot be given to hosts now: %s", error)
            for job in chosen:
                job.attempt -= 1
                self._wait_again(job)

    def _wait_again(self, job: JobRecord) -> None:
        host = self._hosts.get(job.host)
        if host is not None:
            host.jobs.pop(job.pid, None)
        if job.killed:
            self._finish(job, given_up(job, "it was killed before it ran", signal.SIGTERM))
            return
        job.state = JobState.WAITING
        self._dispatcher.add(job)

    def _take_back(self, host: ClusterHost) -> None:
        """Take jobs from a host that it has not begun, as others may run them sooner."""
        host.forget_durations()
        while len(host.jobs) > host.report.slots:
            job = self._orders.take_back(host)
            if job is None:
                break  # it has begun all of them just now
            job.attempt -= 1
            self._wait_again(job)

    def _finish(self, job: JobRecord, outcome: JobOutcome) -> None:
        job.state = JobState.FINISHED
        job.outcome = outcome
        if not (job.spec.io or job.spec.returns_output(outcome.status)):
            self._streams.discard(job)
        self._changed.notify_all()

    # Hosts

    def add_hosts(self, hosts: Iterable[HostConfig]) -> None:
        """Start hosts; one of a name that is there takes the place of that one."""
        with self._launching:
            for host in hosts:
                self._launcher.start(host)

    def remove_hosts(self, name: str) -> list[str]:
        """End hosts. Their jobs run again elsewhere.

        Args:
            name: of a host, or of a group.

        Returns:
            The names of the hosts.

        Raises:
            DepalmaLookupException: there is none.
        """
        with self._launching:
            started = self._launcher.names_of(name)
            with self._changed:
                self._check_running()
                there = [host for host in self._hosts.values() if host.is_called(name)]
                if not there and not started:
                    raise DepalmaLookupException(f"there is no host and no group {name!r:.100}")
                for host in there:
                    self._put_out(host, "it was removed")
                self._dispatch()
            for each in started:
                self._launcher.stop(each)
        return sorted({host.name for host in there}.union(started))

    def callback(self, name: str, callback_type: str) -> None:
        """Take note that a host is ``ready`` to be started, or ``gone``.

        Raises:
            DepalmaLookupException: there is no such host.
            DepalmaArgumentException: the type is another one.
        """
        if callback_type not in ("ready", "gone"):
            raise DepalmaArgumentException(
                f"a callback is 'ready' or 'gone', not {callback_type!r}"
            )
        with self._launching:
            started = self._launcher.names_of(name)
            if callback_type == "ready":
                self._launcher.retry(name)
        with self._changed:
            self._check_running()
            there = [host for host in self._hosts.values() if host.name == name]
            if not there and not started:
                raise DepalmaLookupException(f"there is no host {name!r:.100}")
            for host in there if callback_type == "gone" else ():
                self._put_out(host, "somebody has said that it is gone")
            self._dispatch()

    def load(self) -> list[dict[str, Any]]:
        """Return what is known of each host, by its keys; see docs/depalma.md."""
        with self._changed:
            return describe_hosts(self._hosts.values(), self._problems)

    def overview(self) -> dict[str, Any]:
        """Return numbers: what the cluster holds, and how far its operations are."""
        with self._changed:
            states = [job.state for job in self._jobs.values()]
            return {
                "name": self._config.name,
                "step": self._codes.step,
                "codes": len(self._codes),
                "hosts": len(self._hosts),
                **{state.value: states.count(state) for state in JobState},
            }

    def _names(self) -> set[str]:
        return {host.name for host in self._hosts.values()}

    def _is_alive(self, name: str) -> bool:
        with self._changed:
            return name in self._names()

    def _put_out(self, host: ClusterHost, why: str) -> None:
        """Forget a host; its jobs wait again. Whatever it says later is refused by the server."""
        _log.warning("host %s is not used any more: %s", host.name, why)
        del self._hosts[host.id]
        self._former[host.id] = time.monotonic()
        self._monitor.forget(host.id)
        self._orders.end(host.id)
        for job in host.jobs.values():
            self._streams.discard(job)
            job.losses += 1
            if job.killed or job.losses >= MAX_LOSSES:
                error = f"given up: {job.losses} hosts were lost while they had it, the last one"
                self._finish(job, given_up(job, f"{error} was {host.name}: {why}"))
            else:
                self._wait_again(job)

    # What the monitor tells

    def on_reports(self, texts: Sequence[Any]) -> None:
        """Take note of reports; see `Monitor`."""
        with self._changed:
            for text in texts:
                try:
                    report = read_report(text)
                except ValueError as error:
                    _log.warning("a report that no host has written is dropped: %s", error)
                    continue
                if isinstance(report, JobOutcome):
                    self._note_outcome(report)
                else:
                    self._note_host(report)
            self._dispatch()

    def _note_outcome(self, outcome: JobOutcome) -> None:
        host = self._hosts.get(outcome.host)
        job = self._jobs.get(outcome.pid)
        if host is not None:
            host.note_outcome(outcome, time.monotonic())
            host.jobs.pop(outcome.pid, None)
        if job is None or not job.is_attempt(outcome):
            return  # of a host that was put out
        if job.wants_retry(outcome):
            job.failures += 1
            self._streams.discard(job)
            self._wait_again(job)
        else:
            self._finish(job, outcome)

    def _note_host(self, report: HostReport) -> None:
        if report.id in self._former:
            return  # it was on its way when the host was put out
        now = time.monotonic()
        host = self._hosts.get(report.id)
        if host is None:
            for other in [each for each in self._hosts.values() if each.name == report.name]:
                self._put_out(other, "another one of its name has joined")
            host = self._hosts[report.id] = ClusterHost(report, now)
            self._monitor.watch(report.id)
            _log.info("host %s has joined, with %d slots", report.name, report.slots)
            self._changed.notify_all()
        host.note_report(report, self._codes.step, now)

    def on_gone(self, host: str) -> None:
        """Put out a host that is gone; see `Monitor`."""
        with self._changed:
            if host in self._hosts:
                self._put_out(self._hosts[host], "it has ended, or was silent for too long")
                self._dispatch()

    def on_time(self) -> None:
        """Look after what goes by time; see `Monitor`."""
        with self._changed:
            now = time.monotonic()
            limit = now - self._config.lost_after
            self._former = {id: since for id, since in self._former.items() if since > limit}
            for host in list(self._hosts.values()):
                if host.is_behind(limit):
                    self._put_out(host, f"it is behind: at step {host.report.step}")
                elif host.is_slow(now):
                    self._take_back(host)
            self._dispatch()
        if self._launching.acquire(blocking=False):  # else somebody is starting or ending hosts
            try:
                problems = dict(self._launcher.look_after())
            finally:
                self._launching.release()
            with self._changed:
                if problems != self._problems:
                    self._problems = problems
                    self._changed.notify_all()

    def on_failure(self, error: Exception) -> None:
        """Take note that nothing will come any more; see `Monitor`."""
        _log.error("the cluster is over, its server is gone: %s", error)
        with self._changed:
            self._ended = self._ended or f"its server is gone: {error}"
            self._changed.notify_all()

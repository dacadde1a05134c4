"""A host, the original's "remote server": takes jobs from the workspace, and runs them."""

from __future__ import annotations

import logging
import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nws.client import Lease, NwsServer
from nws.depalma.job_process import JobProcess
from nws.depalma.machine import machine_use, use_of_groups
from nws.depalma.marks import CLUSTER_MARK, HOST_MARK, start_reaper
from nws.depalma.messages import (
    CODES,
    REPORT,
    Assignment,
    CodeTable,
    HostReport,
    JobOutcome,
    Order,
    control_of,
    jobs_of,
    output_of,
    read,
    workspace_of,
    write,
)
from nws.depalma.output_pump import OutputPump
from nws.depalma.parameters import CodeSpec
from nws.depalma.stdin_feeder import StdinFeeder
from nws.errors import (
    DepalmaException,
    DepalmaLookupException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
)
from nws.sleigh.shared.cores import available_cores
from nws.workspace.presence import Presence

__all__ = ["HostOptions", "RemoteServer"]

_log = logging.getLogger("nws.depalma")

_MAX_REPORT_SECONDS: Final = 1.0
"""Between reports."""

_REPORTS_PER_BOUND: Final = 4
"""Reports in the time after which a silent host is gone."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
"""They end a host."""

_NO_SUCH_PROGRAM: Final = 127
"""Exit status of a job that could not be started, as shells have it."""


@dataclass(frozen=True)
class HostOptions:
    """What a host is told when it is started.

    Attributes:
        server, port: where the cluster's workspace is; see `nws.client.NwsServer`.
        cluster: its name.
        name: of the host; empty for the name of the machine.
        slots: how many jobs run at a time; 0 for one for each core that this process may use.
        groups: of hosts, to which it belongs.
        priority: hosts with a higher one are given jobs first.
    """

    server: str
    port: int
    cluster: str
    name: str = ""
    slots: int = 0
    groups: Sequence[str] = ()
    priority: int = 0


class RemoteServer:
    """A host of a cluster. It ends when the master is gone or has put it out."""

    def __init__(self, options: HostOptions) -> None:
        """Join the cluster; jobs are taken by `run`.

        Raises:
            NwsException: the server cannot be reached or used.
            DepalmaLookupException: there is no such cluster.
        """
        self._options = options
        self._name = options.name or platform.node()
        self._id = f"{self._name} {uuid.uuid4().hex[:12]}"
        self._slots = options.slots or available_cores()
        start_reaper(self._id)
        server = NwsServer(options.server, options.port)
        try:
            self._ws = server.useWs(workspace_of(options.cluster), create=False)
        except NwsNoWorkSpaceException:
            server.close()
            raise DepalmaLookupException(
                f"no master of the cluster {options.cluster!r} is at {server}: start it, or look "
                "at --cluster and --server"
            ) from None
        self._codes = CodeTable(0, 0.0, 0, {})
        self._specs: dict[int, CodeSpec] = {}
        self._reading_codes = threading.Lock()
        self._read_codes()
        self._running: dict[int, tuple[Assignment, JobProcess]] = {}
        self._signalled: dict[tuple[int, int], int] = {}  # before they ran
        self._jobs_lock = threading.Lock()
        self._over = threading.Event()
        self._reason = ""
        self._last_answer = time.monotonic()
        self._environment = {
            **os.environ,
            CLUSTER_MARK: options.cluster,
            HOST_MARK: self._id,
        }

    def run(self) -> str:
        """Run jobs until the host has to end; then kill those that run.

        Returns:
            Why it has ended.
        """
        Presence(self._ws, self._id, self._name, self._lost_after)  # renewed with its jobs
        for number in _SIGNALS:
            signal.signal(number, _raise_ended)
        for work in (self._report_again_and_again, self._obey, *[self._run_jobs] * self._slots):
            threading.Thread(target=self._until_over, args=(work,), daemon=True).start()
        try:
            while not self._over.wait(self._time_left()):
                if self._time_left() <= 0:
                    self._end(f"the server did not answer for {self._lost_after:g} seconds")
        except _EndedError as error:
            self._end(str(error))
        pids = self._kill_all()
        if pids:
            _log.warning("these jobs were killed as the host ended: %s", pids)
        return self._reason

    @property
    def _lost_after(self) -> float:
        return self._codes.lost_after

    def _time_left(self) -> float:
        """Return for how many seconds the server may still be silent."""
        return max(0.0, self._last_answer + self._lost_after - time.monotonic())

    def _end(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._over.set()

    def _until_over(self, work: Any) -> None:
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

    def _kill_all(self) -> list[int]:
        with self._jobs_lock:
            for _, process in self._running.values():
                process.send_signal(signal.SIGKILL)
            return sorted(self._running)

    # Reports

    def _report_again_and_again(self) -> None:
        period = min(_MAX_REPORT_SECONDS, self._lost_after / _REPORTS_PER_BOUND)
        while not self._over.is_set():
            # The server counts from when it is asked, which is not before now.
            begin = time.monotonic()
            self._ws.renew(None, self._lost_after)
            self._last_answer = begin
            try:
                self._ws.store(REPORT, write(self._report()))
            except NwsNoWorkSpaceException:
                raise
            except NwsOperationException as error:  # what room there is belongs to outcomes
                _log.warning("a report was refused: %s", error)
            self._over.wait(period)

    def _report(self) -> HostReport:
        with self._jobs_lock:
            running = list(self._running.values())
        use = use_of_groups(process.pid for _, process in running)
        jobs = [
            {
                "pid": job.pid,
                "attempt": job.attempt,
                "os_pid": process.pid,
                "started": process.started,
                **(use[process.pid]._asdict() if process.pid in use else {}),
            }
            for job, process in running
        ]
        options = self._options
        return HostReport(
            id=self._id,
            name=self._name,
            machine=platform.node(),
            os_pid=os.getpid(),
            slots=self._slots,
            groups=list(options.groups),
            priority=options.priority,
            step=self._codes.step,
            time=time.time(),
            jobs=jobs,
            **machine_use(),
        )

    # Orders

    def _obey(self) -> None:
        for text in self._ws.ifetch(control_of(self._id)):
            try:
                order = read(Order, text)
            except ValueError as error:
                _log.warning("what is no order is dropped: %s", error)
                continue
            if order.signal:
                self._signal(order)
            else:
                self._read_codes()

    def _signal(self, order: Order) -> None:
        with self._jobs_lock:
            job, process = self._running.get(order.pid, (None, None))
            if process is None or job is None or job.attempt != order.attempt:
                self._signalled[order.pid, order.attempt] = order.signal
                return
        process.send_signal(order.signal)

    def _read_codes(self) -> None:
        with self._reading_codes:
            table = read(CodeTable, self._ws.find(CODES))
            if table.step > self._codes.step:
                specs = {int(code): CodeSpec.from_plain(p) for code, p in table.codes.items()}
                self._specs, self._codes = specs, table

    # Jobs

    def _run_jobs(self) -> None:
        while not self._over.is_set():
            self._run_job(self._ws.lease(jobs_of(self._id), duration=self._lost_after))

    def _run_job(self, lease: Lease) -> None:
        try:
            job = read(Assignment, lease.value)
        except ValueError as error:
            _log.warning("what is no job is dropped: %s", error)
            lease.settle()
            return
        try:
            outcome, stores = self._outcome_of(job, self._spec_of(job))
        except (DepalmaException, ValueError) as error:
            outcome, stores = self._failure(job, str(error)), []
        if self._over.is_set():
            return  # perhaps we have killed it; another host runs it again
        try:
            lease.settle([*stores, (REPORT, write(outcome))])
        except (NwsLeaseLostException, NwsNoWorkSpaceException):
            raise
        except NwsOperationException as error:  # there is no room for its output
            error_text = f"its output could not be kept: {error}"
            lease.settle([(REPORT, write(self._failure(job, error_text)))])

    def _spec_of(self, job: Assignment) -> CodeSpec:
        if self._codes.step < job.step:
            self._read_codes()
        spec = self._specs.get(job.code)
        if spec is None:
            raise DepalmaLookupException(f"the code {job.code} was removed")
        return spec.with_options(job.options)

    def _failure(self, job: Assignment, error: str) -> JobOutcome:
        now = time.time()
        return JobOutcome(
            job.pid,
            job.attempt,
            self._id,
            status=_NO_SUCH_PROGRAM,
            error=f"on host {self._name}: {error}",
            started=now,
            ended=now,
        )

    def _outcome_of(
        self, job: Assignment, spec: CodeSpec
    ) -> tuple[JobOutcome, list[tuple[str, bytes]]]:
        """Run a job to its end; return that, and the output that was not sent yet."""
        with self._jobs_lock:
            signalled = self._signalled.pop((job.pid, job.attempt), 0)
            if signalled or self._over.is_set():
                return JobOutcome(job.pid, job.attempt, self._id, signal=signalled), []
            try:
                process = JobProcess(spec, job.arguments, self._environment)
            except OSError as error:
                return self._failure(job, f"it cannot be started: {error}"), []
            self._running[job.pid] = (job, process)
        pump = self._pump(job, spec, process)
        if process.stdin is not None:
            StdinFeeder(process, self._ws, job.pid)
        end = process.wait()
        with self._jobs_lock:
            del self._running[job.pid]
        rest, dropped = pump.finish() if pump is not None else ({}, 0)
        process.close()
        outcome = JobOutcome(
            job.pid,
            job.attempt,
            self._id,
            end.status,
            end.signal,
            end.timed_out,
            dropped=dropped,
            started=process.started,
            ended=time.time(),
            cpu=end.cpu,
            memory=end.memory,
        )
        if not (spec.io or spec.returns_output(end.status)):
            rest = {}
        stores = [(output_of(stream, job.pid, job.attempt), data) for stream, data in rest.items()]
        return outcome, stores

    def _pump(self, job: Assignment, spec: CodeSpec, process: JobProcess) -> OutputPump | None:
        if not spec.keeps_output:
            return None

        def send(stream: str, data: bytes) -> bool:
            try:
                self._ws.store(output_of(stream, job.pid, job.attempt), data)
            except NwsException:
                return False  # there is no room; or the host is about to end
            return True

        return OutputPump(process, spec.buf, self._codes.max_output, send)


class _EndedError(Exception):
    """A signal has asked for our end."""


def _raise_ended(number: int, _: object) -> None:
    for other in _SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise _EndedError(f"it got {signal.Signals(number).name}")

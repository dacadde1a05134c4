"""The supervisor: starts workers on its machine, watches over them, and replaces those that die.

It is a process of one thread that never runs users' code, so nothing that tasks do can stop it.
Workers are forks of it: they start in milliseconds and share what it has imported. It waits for
several things at once: its life line (a pipe from the master, where there is one), the sleigh's
workspace (which goes when the master goes), what workers write, and their ends.

When a worker dies, the supervisor reads in the status cells which element was running, notes the
death for the call of that element, and only then gives back the worker's leases: so the next worker
that gets the task knows. Only the task that the worker was doing counts as attempted, whatever
calls its other tasks belong to. Twisted is never imported here.
"""

from __future__ import annotations

import gc
import os
import platform
import selectors
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, Final, TextIO

from nws.client import Lease, NwsServer
from nws.errors import (
    NwsConnectException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsUnpicklingException,
    SleighJoinException,
)
from nws.sleigh.shared.exit_status import MISMATCH, TOO_LATE
from nws.sleigh.shared.messages import (
    CONTROL,
    DEATHS,
    IN_INITIALIZER,
    JOIN_SECONDS,
    MIN_LOADING_SECONDS,
    RANK_COUNT,
    RESULT,
    TASK,
    WORKER_COUNT,
    Death,
    Lines,
    cancelled_results,
    control_from_wire,
    message_to_wire,
)
from nws.sleigh.shared.protocol import PROTOCOL, REFUSED, ProtocolMismatch, check_protocol
from nws.sleigh.shared.settings import Settings
from nws.sleigh.shared.status_cells import BUSY, FAILED, INITIALIZING, RUNNING
from nws.sleigh.supervisor.kept_ranks import former_ranks, store_of_ranks
from nws.sleigh.supervisor.kill_requests import KillRequests
from nws.sleigh.supervisor.output_relay import OutputRelay
from nws.sleigh.supervisor.process_setup import set_up_process
from nws.sleigh.supervisor.shipped_code import ShippedCode
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import Reports, WorkerReport, description, worker_report
from nws.workspace.presence import Presence

__all__ = ["Supervisor", "main"]

_TICK_SECONDS: Final = 0.05
"""Between looks at workers that may have to be killed."""

_END_POLL_SECONDS: Final = 0.005
"""Between looks at workers that are ending."""

_CANCEL_GRACE_SECONDS: Final = 0.25
"""For a running element of a dropped call to end by itself."""

_TRACEBACK_SECONDS: Final = 0.5
"""For a worker to write its traceback and end."""

_STOP_GRACE_SECONDS: Final = 1.0
"""For idle workers to end by themselves when the sleigh is over."""

_MAX_EARLY_DEATHS: Final = 5
"""Consecutive crashes of a rank soon after its start, before any task."""

_EARLY_SECONDS: Final = 0.5
"""After the start of a worker, in which its crash is an early one."""


def main(settings: Settings) -> int:
    """Run a supervisor until the sleigh is over. Return the exit status."""
    try:
        set_up_process(settings)
        gc.freeze()  # what was imported stays: no collection copies its memory in a worker
        supervisor = Supervisor(settings)
    except (NwsException, SleighJoinException, OSError) as error:
        why = _unreachable(settings, error) if _leads_elsewhere(settings, error) else error
        print(f"nws: a worker cannot join: {why}", file=sys.stderr)
        if isinstance(error, ProtocolMismatch):
            return MISMATCH
        return TOO_LATE if isinstance(error, SleighJoinException) else 1
    return supervisor.run()


def _leads_elsewhere(settings: Settings, error: Exception) -> bool:
    return isinstance(error, NwsConnectException) and not settings.life_line


def _unreachable(settings: Settings, error: Exception) -> str:
    where = settings.where
    return (
        f"from {platform.node()} it cannot connect to the sleigh's server at "
        f"{where.host}:{where.port}: {error.__cause__ or error}. A server listens to other "
        "machines if it is started so (`nws server start --interface ADDRESS`), and nwsHost= is "
        "its name there; or workers reach it through ssh (launch=sshforwardcmd)"
    )


class Supervisor:
    """Some workers on this machine."""

    def __init__(self, settings: Settings) -> None:
        """Join the group.

        Raises:
            NwsException: the server or the sleigh's workspace is not there.
            SleighJoinException: the group is closed, or the master is of another version.
        """
        self._settings = settings
        where = settings.where
        self._server = NwsServer(
            where.host, where.port, peer_timeout=where.lease_time, login=where.login
        )
        self._workspace = self._server.useWs(where.workspace, create=False)
        self._check_protocol()
        self._log = self._open_log(settings.log_folder)
        log_file = self._log.name if self._log is not None else ""
        self._common = description(settings.machine, log_file, settings.id, settings.job)
        self._reports = Reports(self._workspace)
        self._relays: dict[int, OutputRelay] = {}
        self._workers = self._join()
        self._shipped = ShippedCode(self._workspace)  # not before: joining may fail
        self._selector = selectors.DefaultSelector()
        self._life_pipe = os.pipe()  # ends with us: workers notice
        self._wakeups = os.pipe()
        self._over = False
        self._next_renewal = 0.0
        self._drop_until = 0.0  # until then, workers may still begin with a call that is dropped
        self._problem = ""

    # Joining

    def _check_protocol(self) -> None:
        try:
            check_protocol(self._workspace.findTry(PROTOCOL))
        except ProtocolMismatch as error:
            self._workspace.store(REFUSED, str(error))  # the master may have no other way to know
            raise

    def _join(self) -> list[WorkerProcess]:
        """Get ranks: new ones, or those of the supervisor that this one replaces. The reports then
        say that workers are started: a worker may kill us before we can say more."""
        settings, workspace = self._settings, self._workspace
        former = former_ranks(workspace, settings.id)
        if former:
            workers = [self._new_worker(each, worker_report(workspace, each)) for each in former]
            workspace.settle([], self._reports.stores())
            return workers
        lease = workspace.lease(RANK_COUNT, timeout=JOIN_SECONDS, duration=JOIN_SECONDS)
        first = lease.value
        if type(first) is not int or first < 0:
            lease.release(blame=False)
            raise SleighJoinException("the group is closed: it is too late to join it")
        end = first + settings.workers
        workers = [self._new_worker(rank) for rank in range(first, end)]
        ranks = store_of_ranks(settings.id, range(first, end))
        stores = [*self._reports.stores(), ranks]
        if settings.expected and end >= settings.expected:
            lease.settle([*stores, (WORKER_COUNT, end), (RANK_COUNT, -1)])
        else:
            lease.settle([*stores, (RANK_COUNT, end)])
        return workers

    def _new_worker(self, rank: int, former: Mapping[str, Any] | None = None) -> WorkerProcess:
        worker = WorkerProcess(rank, self._settings.where, fresh=self._settings.fresh)
        report = WorkerReport(worker, self._common, former or {})
        self._reports.add(rank, report)
        self._relays[rank] = OutputRelay(self._workspace, worker, report, self._log)
        return worker

    def _open_log(self, folder: str) -> TextIO | None:
        if not folder:
            return None
        path = os.path.join(folder, f"{self._settings.where.workspace}_{self._settings.id}.txt")
        return open(path, "a", encoding="utf-8", buffering=1)

    # The loop

    def run(self) -> int:
        """Watch over workers until the sleigh is over. Return the exit status."""
        for fd in self._wakeups:
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(self._wakeups[1], warn_on_full_buffer=False)
        former = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            ranks = [worker.rank for worker in self._workers]
            id, duration = self._settings.id, self._settings.where.lease_time
            self._presence = Presence(self._workspace, id, ranks, duration)
            self._control = self._workspace.watch(CONTROL)
            self._selector.register(self._control, selectors.EVENT_READ, self._read_control)
            self._kill_requests = KillRequests(self._workspace, id)
            self._selector.register(self._kill_requests, selectors.EVENT_READ, self._read_kills)
            self._selector.register(self._wakeups[0], selectors.EVENT_READ, self._read_wakeups)
            if self._settings.life_line:
                self._selector.register(0, selectors.EVENT_READ, self._read_life_line)
            for worker in self._workers:
                self._start(worker)
            while not self._over:
                for key, _ in self._selector.select(self._pause()):
                    key.data(key.fd)
                self._look_after_workers()
        except NwsNoWorkSpaceException:
            pass  # the sleigh is over: an operation of ours has come to know of it first
        except NwsException as error:
            self._problem = self._problem or f"the server is gone: {error}"
        finally:
            self._end_workers()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, former)
            self._close()
        return 1 if self._problem else 0

    def _pause(self) -> float:
        now = time.monotonic()
        if now < self._drop_until or any(map(self._needs_watching, self._workers)):
            return _TICK_SECONDS
        return max(0.0, min(self._next_renewal, self._reports.due) - now)

    def _needs_watching(self, worker: WorkerProcess) -> bool:
        may_have_to_end = worker.kill_at or worker.stopped_at or worker.cells.limit
        behind = self._relays[worker.rank].is_behind or worker.has_begun_line
        return bool(may_have_to_end or behind)

    def _read_control(self, fd: int) -> None:
        """Some calls are dropped, or the workspace is gone."""
        try:
            control = control_from_wire(self._control.next())
        except NwsUnpicklingException:
            return
        except NwsException:
            self._over = True
            return
        if control is not None:
            for worker in self._workers:
                worker.cells.drop(*control)
            # A worker may just be about to begin with one of them.
            self._drop_until = time.monotonic() + _CANCEL_GRACE_SECONDS

    def _read_kills(self, fd: int) -> None:
        """Kill workers, as others ask us to."""
        pids = self._kill_requests.take()
        for worker in self._workers:
            if worker.pid in pids:  # 0, if it has none, is killed nowhere
                worker.kill_on_request()

    def _read_wakeups(self, fd: int) -> None:
        os.read(fd, 4096)

    def _read_life_line(self, fd: int) -> None:
        self._over = not os.read(fd, 4096)

    def _look_after_workers(self) -> None:
        now = time.monotonic()
        if now >= self._next_renewal:
            self._renew()
            self._next_renewal = now + self._settings.where.lease_time / 3
        for worker in self._workers:
            if worker.pid:
                self._kill_if_due(worker, now)
                self._keep_up(worker, now)
                if worker.poll():
                    self._handle_end(worker)
                    if not self._over and worker.cells.state != FAILED:
                        self._start(worker)
        if not self._over:
            self._reports.look(now)

    def _renew(self) -> None:
        self._presence.renew()
        for worker in self._workers:
            if worker.pid:  # also if it is stopped: that is not for long, see `_kill_if_due`
                worker.workspace.renew(None, self._presence.duration)

    # Workers

    def _start(self, worker: WorkerProcess) -> None:
        worker.start(self._close_inherited)
        self._listen(worker)
        self._reports.publish(worker.rank)

    def _close_inherited(self) -> int:
        """In a worker: close the files of its supervisor. Return the end of our life pipe."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for worker in self._workers:
            for fd in worker.pipes:
                os.close(fd)
        for fd in (*self._wakeups, self._life_pipe[1]):
            os.close(fd)
        return self._life_pipe[0]

    def _listen(self, worker: WorkerProcess) -> None:
        for fd in worker.pipes:
            self._selector.register(fd, selectors.EVENT_READ, lambda _: self._read(worker))
        worker.is_heard = True

    def _ignore(self, worker: WorkerProcess) -> None:
        for fd in worker.pipes:
            self._selector.unregister(fd)
        worker.is_heard = False

    def _keep_up(self, worker: WorkerProcess, now: float) -> None:
        """Read no more of what a worker writes as long as the master has to catch up."""
        relay = self._relays[worker.rank]
        relay.catch_up(now)
        if worker.has_begun_line and (said := worker.end_lines()):
            relay.pass_on(said)
        waits = relay.makes_wait(now)
        if waits and worker.is_heard:
            self._ignore(worker)
        elif not waits and not worker.is_heard:
            self._listen(worker)

    def _read(self, worker: WorkerProcess) -> None:
        """Read and pass on what a worker has written."""
        former = list(worker.pipes)
        said = worker.read()
        for fd in former:
            if fd not in worker.pipes and worker.is_heard:
                self._selector.unregister(fd)
        if said:
            self._relays[worker.rank].pass_on(said)

    def _kill_if_due(self, worker: WorkerProcess, now: float) -> None:
        """Kill a worker that is stopped for too long, runs for a dropped call, or is overdue."""
        if worker.stopped_at and now - worker.stopped_at > self._settings.where.lease_time:
            worker.kill()
        elif worker.cells.runs_dropped:
            worker.kill_at = worker.kill_at or now + _CANCEL_GRACE_SECONDS
            if now > worker.kill_at:
                worker.kill()
        else:
            worker.kill_at = 0.0
            self._end_if_overdue(worker, now)

    def _end_if_overdue(self, worker: WorkerProcess, now: float) -> None:
        if worker.overdue_since:
            if now - worker.overdue_at > _TRACEBACK_SECONDS:
                worker.kill()
        elif since := self._overdue_since(worker):
            worker.end_overdue(since)

    def _overdue_since(self, worker: WorkerProcess) -> int:
        """Return when what the worker runs or reads began, if it takes too long; else 0."""
        cells = worker.cells
        limit, since, state = cells.limit, cells.since, cells.state
        if not limit or state not in BUSY:
            return 0
        if state != RUNNING:
            limit = max(limit, int(MIN_LOADING_SECONDS * 1e9))
        late = time.monotonic_ns() - since > limit and cells.since == since
        return since if late else 0

    # Deaths

    def _handle_end(self, worker: WorkerProcess) -> None:
        """Note why a worker has died, and give back what it had."""
        worker.kill_rest()
        try:
            self._read_the_last(worker)
            if not self._over:
                # What runs for a dropped call was killed by us, most likely.
                cells = worker.cells
                guilty = cells.was_cut_off or (cells.is_busy and not cells.runs_dropped)
                if guilty:
                    self._note_death(worker)
                self._give_back(worker)
                self._count_early_deaths(worker, guilty)
        finally:
            worker.close()  # also if the server is gone: nobody may look for this worker again
            self._reports.of(worker.rank).note_death()

    def _read_the_last(self, worker: WorkerProcess) -> None:
        self._read(worker)
        if worker.is_heard:
            self._ignore(worker)
        for fd in list(worker.pipes):  # a process that has left its group may hold them open
            worker.close_pipe(fd)

    def _note_death(self, worker: WorkerProcess) -> None:
        """Note what has killed a worker, and let the master know that there is a note."""
        death = self._death_of(worker)
        last = Lines(worker.rank, worker.lines, [], died=death.call)
        self._workspace.settle([], [(DEATHS, tuple(death)), (RESULT, message_to_wire(last))])

    def _death_of(self, worker: WorkerProcess) -> Death:
        cells = worker.cells
        text = worker.describe_end()
        if worker.kill_requested:
            text = f"it was killed on request, as by `nws sleigh kill`\n{text}"
        elif worker.stopped_at:
            seconds = self._settings.where.lease_time
            text = f"it was stopped for more than {seconds:g} seconds\n{text}"
        return Death(
            cells.call,
            cells.first,
            cells.size,
            IN_INITIALIZER if cells.state == INITIALIZING else cells.element,
            cells.begin,
            cells.end,
            worker.overdue_since == cells.since,
            text,
        )

    def _give_back(self, worker: WorkerProcess) -> None:
        """Give back leases: only that of the current task counts as attempted. If no death was
        noted for it, it had been done but not sent: perhaps sending its results is deadly."""
        cells = worker.cells
        current = Lease(worker.workspace, TASK, cells.lease, 0, None)
        try:
            if cells.runs_dropped:
                size = cells.end - cells.begin
                dropped = cancelled_results(cells.call, worker.rank, cells.begin, size)
                current.settle([(RESULT, message_to_wire(dropped))])
            else:
                current.release(blame=True)
            cells.barrier = 0  # its part of an eachWorker, if it was that, is not done
        except NwsLeaseLostException:
            pass  # it was settled already
        worker.workspace.release(None, blame=False)

    def _count_early_deaths(self, worker: WorkerProcess, guilty: bool) -> None:
        """Count workers that crash early, before they had any task; too many are the end."""
        early = time.monotonic() - worker.started_at < _EARLY_SECONDS and not worker.cells.call
        early = early and not guilty and not worker.kill_requested
        worker.early_deaths = worker.early_deaths + 1 if early else 0
        if worker.early_deaths >= _MAX_EARLY_DEATHS:
            self._over = True
            self._problem = f"workers crash before they do anything: {worker.describe_end()}"
            print(f"nws: {self._problem}", file=sys.stderr)

    def _end_workers(self) -> None:
        """Kill workers that are busy, and others that do not end by themselves."""
        self._over = True
        deadline = time.monotonic() + _STOP_GRACE_SECONDS
        living = [worker for worker in self._workers if worker.pid]
        while living:
            for worker in living:
                if worker.cells.is_busy or time.monotonic() > deadline:
                    worker.kill()
            time.sleep(_END_POLL_SECONDS)
            for worker in [worker for worker in living if worker.poll()]:
                living.remove(worker)
                worker.kill_rest()
                worker.close()

    def _close(self) -> None:
        """Close all that is ours: in a person's Python session, the process goes on."""
        self._selector.close()
        pipes = [fd for worker in self._workers for fd in worker.pipes]
        for fd in (*pipes, *self._wakeups, *self._life_pipe):
            os.close(fd)
        if self._log is not None:
            self._log.close()
        self._shipped.close()
        self._server.close()

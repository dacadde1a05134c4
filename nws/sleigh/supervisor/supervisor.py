"""The supervisor: starts workers on its machine, watches over them, and replaces those that die.

It is a process of one thread that never runs users' code, so nothing that tasks do can stop it.
Workers are forks of it: they start in milliseconds and share what it has imported. It waits for
several things at once: its life line (a pipe from the master, where there is one), the sleigh's
workspace (which goes when the master goes), what workers write, and their ends.

When a worker dies, the supervisor reads in the status cells which element was running, notes the
death for the call of that element, and only then gives back the worker's leases: so the next worker
that gets the task knows. Only the task that the worker was doing counts as attempted, whatever
calls its other tasks belong to. Twisted is never imported here.

It leaves in order when it gets one of `LEAVE_SIGNALS` or has stayed for long enough: its workers
take no more tasks, have some time to finish what they run, and end. Then it says that it has left.
"""

from __future__ import annotations

import gc
import math
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TextIO

from nws.client import NwsServer
from nws.errors import (
    NwsConnectException,
    NwsException,
    NwsNoWorkSpaceException,
    NwsUnpicklingException,
    SleighJoinException,
)
from nws.sleigh.shared.exit_status import LEFT, MISMATCH, TOO_LATE, name_of_end
from nws.sleigh.shared.leave_signals import LEAVE_SIGNALS
from nws.sleigh.shared.messages import (
    CONTROL,
    control_from_wire,
)
from nws.sleigh.shared.protocol import ProtocolMismatch
from nws.sleigh.shared.settings import Settings
from nws.sleigh.shared.status_cells import FAILED
from nws.sleigh.supervisor.after_worker import excuse, give_back, note_death
from nws.sleigh.supervisor.departure import Departure
from nws.sleigh.supervisor.joining import (
    check_master,
    known_ranks,
    new_ranks,
    note_back,
    note_left,
    why_not_joined,
)
from nws.sleigh.supervisor.kept_output import KeptOutput
from nws.sleigh.supervisor.kill_requests import KillRequests
from nws.sleigh.supervisor.output_relay import OutputRelay
from nws.sleigh.supervisor.process_setup import set_up_process
from nws.sleigh.supervisor.shipped_code import ShippedCode
from nws.sleigh.supervisor.time_limits import CANCEL_GRACE_SECONDS, TimeLimits
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import Reports, WorkerReport, description, worker_report
from nws.workspace.presence import Presence

__all__ = ["Supervisor", "main"]

_TICK_SECONDS: Final = 0.05
"""Between looks at workers that may have to be killed."""

_END_POLL_SECONDS: Final = 0.005
"""Between looks at workers that are ending."""

_STOP_GRACE_SECONDS: Final = 1.0
"""For idle workers to end by themselves when the sleigh is over."""

_MAX_EARLY_DEATHS: Final = 5
"""Consecutive crashes of a rank soon after its start, before any task."""

_RETRY_SECONDS: Final = 0.5
"""Between looks for a server that may come back."""

_EARLY_SECONDS: Final = 0.5
"""After the start of a worker, in which its crash is an early one."""


def main(settings: Settings) -> int:
    """Run a supervisor until the sleigh is over. Return the exit status."""
    try:
        set_up_process(settings)
        gc.freeze()  # what was imported stays: no collection copies its memory in a worker
        return _supervise(settings)
    except (NwsException, SleighJoinException, OSError) as error:
        print(f"nws: a worker cannot join: {why_not_joined(settings, error)}", file=sys.stderr)
        if isinstance(error, ProtocolMismatch):
            return MISMATCH
        return TOO_LATE if isinstance(error, SleighJoinException) else 1


def _supervise(settings: Settings) -> int:
    """Join and run, again and again while the server may come back.

    Raises:
        NwsException: the server is not there, or the sleigh.
        SleighJoinException: it is too late to join, or the master is of another version.
    """
    last_contact = time.monotonic()
    while True:
        try:
            supervisor = Supervisor(settings)
        except NwsConnectException:
            if time.monotonic() - last_contact >= settings.stay.death_timeout:
                raise
            time.sleep(_RETRY_SECONDS)
            continue
        status = supervisor.run()
        if not (supervisor.has_lost_server and settings.stay.death_timeout):
            return status
        print("nws: the server is gone; it is looked for again", file=sys.stderr)
        last_contact = time.monotonic()


class Supervisor:
    """Some workers on this machine.

    Attributes:
        has_lost_server: it has ended since the server is gone, or cannot be reached.
    """

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
        check_master(self._workspace)
        self._log = self._open_log(settings.log_folder)
        log_file = self._log.name if self._log is not None else ""
        self._common = description(settings, log_file)
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
        self.has_lost_server = False
        self._signal = 0  # that has told us to leave
        self._is_interrupted = False
        self._leaves = ""  # why it leaves, once it does
        self._limits = TimeLimits(where.lease_time, settings.stay.grace)
        self._departure = Departure(settings.stay, time.monotonic())

    # Joining

    def _join(self) -> list[WorkerProcess]:
        """Get ranks. The reports then say that workers are started: a worker may kill us before we
        can say more."""
        settings, workspace = self._settings, self._workspace
        if ranks := known_ranks(workspace, settings.id):
            workers = [self._new_worker(rank, worker_report(workspace, rank)) for rank in ranks]
            workspace.settle([], self._reports.stores())
            note_back(workspace, settings.id)
            return workers
        with new_ranks(workspace, settings) as (new, stores):
            workers = [self._new_worker(rank) for rank in new]
            stores.extend(self._reports.stores())
        return workers

    def _new_worker(self, rank: int, former: Mapping[str, Any] | None = None) -> WorkerProcess:
        settings = self._settings
        worker = WorkerProcess(rank, settings.where, fresh=settings.fresh, group=settings.group)
        kept = KeptOutput(self._workspace, rank, settings.expected)
        report = WorkerReport(worker, self._common, former or {}, kept)
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
        handlers: dict[int, Callable[[int, Any], object]]
        handlers = dict.fromkeys(LEAVE_SIGNALS, self._note_signal)
        handlers[signal.SIGCHLD] = lambda *_: None
        if signal.getsignal(signal.SIGINT) == signal.default_int_handler:
            handlers[signal.SIGINT] = self._interrupt
        former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
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
                if self._is_interrupted:
                    raise KeyboardInterrupt
                for key, _ in self._selector.select(self._pause()):
                    key.data(key.fd)
                self._look_after_workers()
        except NwsNoWorkSpaceException:
            pass  # the sleigh is over: an operation of ours has come to know of it first
        except NwsException as error:
            self._problem = self._problem or f"the server is gone: {error}"
            self.has_lost_server = True
        finally:
            self._end_workers()
            signal.set_wakeup_fd(-1)
            for number, handler in former.items():
                signal.signal(number, handler)
            self._close()
        return 1 if self._problem else LEFT if self._leaves else 0

    def _note_signal(self, number: int, _: object) -> None:
        self._signal = self._signal or number

    def _interrupt(self, *_: object) -> None:
        """Raise KeyboardInterrupt, and once more in the loop: Python drops the exception of a
        handler that runs in a finalizer, or as a fork begins or ends."""
        self._is_interrupted = True
        raise KeyboardInterrupt

    def _pause(self) -> float:
        now = time.monotonic()
        if now < self._drop_until or any(map(self._needs_watching, self._workers)):
            return _TICK_SECONDS
        return max(0.0, min(self._next_renewal, self._reports.due) - now)

    def _needs_watching(self, worker: WorkerProcess) -> bool:
        cells = worker.cells
        may_have_to_end = worker.kill_at or worker.stopped_at or cells.leaves or cells.limit
        behind = self._relays[worker.rank].is_behind or worker.has_begun_line
        return bool(may_have_to_end or behind)

    def _read_control(self, fd: int) -> None:
        """Some calls are dropped, or the workspace is gone."""
        try:
            control = control_from_wire(self._control.next())
        except NwsUnpicklingException:
            return
        except NwsException as error:
            self._over = True
            self.has_lost_server = not isinstance(error, NwsNoWorkSpaceException)
            return
        if control is not None:
            for worker in self._workers:
                worker.cells.drop(control.floor, control.cancelled)
            self._change_workers(control.ranks_of(self._settings.id))
            # A worker may just be about to begin with one of them.
            self._drop_until = time.monotonic() + CANCEL_GRACE_SECONDS

    # Leaving and coming

    def _change_workers(self, ranks: Sequence[int] | None) -> None:
        """Have just the workers with these ranks; None for those that there are."""
        if ranks is None or self._leaves:
            return
        if not ranks:
            self._leave("the sleigh wants fewer workers", math.inf)
            return
        for worker in self._workers:
            worker.is_wanted = worker.rank in ranks
            if worker.pid and not worker.is_wanted and not worker.is_told_to_leave:
                worker.leave(math.inf)
        new = set(ranks) - {worker.rank for worker in self._workers}
        self._workers += [self._new_worker(rank) for rank in sorted(new)]
        for worker in self._workers:
            if worker.is_wanted and not worker.pid and self._stays(worker):
                self._start(worker)
        self._say_who_is_here()

    def _say_who_is_here(self) -> None:
        here = [worker.rank for worker in self._workers if worker.pid or worker.is_wanted]
        self._presence.change_will(here)
        left = [worker.rank for worker in self._workers if worker.rank not in here]
        note_left(self._workspace, self._settings.id, left)

    def _leave(self, reason: str, deadline: float) -> None:
        """Let all workers leave, and then this supervisor."""
        self._leaves = reason
        print(f"nws: the workers here leave: {reason}", file=sys.stderr)
        for worker in self._workers:
            if worker.pid:
                worker.leave(deadline)
                if worker.cells.is_busy and deadline < math.inf:
                    excuse(self._workspace, worker)

    def _leave_if_due(self, now: float) -> None:
        workers = self._workers
        if not self._leaves:
            done = sum(worker.cells.tasks_done for worker in workers)
            busy = any(worker.cells.is_busy for worker in workers)
            signalled = f"it got {name_of_end(-self._signal)}" if self._signal else ""
            reason = signalled or self._departure.reason(now, done, busy=busy)
            if reason:
                self._leave(reason, now + self._settings.stay.grace)
        if self._leaves and not any(worker.pid for worker in workers):
            self._say_that_all_have_left()

    def _say_that_all_have_left(self) -> None:
        """Publish the last reports; nobody has to wait for us."""
        self._over = True
        for worker in self._workers:
            worker.has_left = True
        self._reports.publish_all()
        ranks = [worker.rank for worker in self._workers]
        note_left(self._workspace, self._settings.id, ranks)
        self._presence.end()

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
                self._limits.enforce(worker, now)
                self._keep_up(worker, now)
                if worker.poll():
                    self._handle_end(worker)
                    if self._stays(worker):
                        self._start(worker)
                    elif not self._over and worker.has_left:
                        self._say_who_is_here()
        self._leave_if_due(now)
        if not self._over:
            self._reports.look(now)

    def _stays(self, worker: WorkerProcess) -> bool:
        """Tell whether another worker takes the place of one that has ended."""
        leaves = self._over or self._leaves
        return not leaves and worker.is_wanted and worker.cells.state != FAILED

    def _renew(self) -> None:
        self._presence.renew()
        for worker in self._workers:
            if worker.pid:  # also if it is stopped: that is not for long, see `TimeLimits`
                worker.workspace.renew(None, self._presence.duration)

    # Workers

    def _start(self, worker: WorkerProcess) -> None:
        worker.start(self._close_inherited)
        self._listen(worker)
        self._reports.publish(worker.rank)

    def _close_inherited(self) -> int:
        """In a worker: close the files of its supervisor. Return the end of our life pipe."""
        signal.set_wakeup_fd(-1)
        if signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)
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
        if worker.has_begun_line and worker.is_heard:
            runs = worker.runs
            self._read(worker)  # all that was written before that
            if said := worker.end_lines(runs):
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
                    note_death(self._workspace, worker)
                give_back(worker)
                self._count_early_deaths(worker, guilty)
        finally:
            worker.close()  # also if the server is gone: nobody may look for this worker again
            if not worker.has_left:
                self._reports.of(worker.rank).note_death()

    def _read_the_last(self, worker: WorkerProcess) -> None:
        self._read(worker)
        if worker.is_heard:
            self._ignore(worker)
        for fd in list(worker.pipes):  # a process that has left its group may hold them open
            worker.close_pipe(fd)

    def _count_early_deaths(self, worker: WorkerProcess, guilty: bool) -> None:
        """Count workers that crash early, before they had any task; too many are the end."""
        early = time.monotonic() - worker.started_at < _EARLY_SECONDS and not worker.cells.call
        early = early and not guilty and not (worker.kill_requested or worker.has_left)
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

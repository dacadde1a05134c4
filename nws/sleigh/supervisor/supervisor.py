"""The supervisor: starts workers on its machine, watches over them, and replaces those that die.

It is a process of one thread that never runs users' code, so nothing that tasks do can stop it.
Workers are forks of it: they start in milliseconds and share what it has imported. It waits for
several things at once: its life line (a pipe from the master, where there is one), the sleigh's
workspace (which goes when the master goes), what workers write, and their ends.

When a worker dies, the supervisor tells by the mark which element was running, notes the death in
the workspace, and only then gives back the worker's leases: so whoever gets the task next knows.
Only the task at hand counts as attempted. Twisted is never imported here.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

from nws.client import Lease, NwsServer
from nws.errors import (
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    SleighJoinException,
)
from nws.sleigh.shared import status_cells
from nws.sleigh.shared.exit_status import TOO_LATE
from nws.sleigh.shared.messages import (
    CONTROL,
    DEATHS,
    FUNCTION_ITSELF,
    GONE,
    JOIN,
    RANK_COUNT,
    RESULT,
    TASK,
    WORKER_COUNT,
    Death,
    Lines,
    message_to_wire,
)
from nws.sleigh.shared.settings import Settings
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.sleigh.supervisor.worker_report import Reports, WorkerReport, description, worker_reports

__all__ = ["Supervisor", "main"]

_TICK: Final = 0.05
"""Seconds between looks at workers that are to end, or may take only so long."""

_MOMENT: Final = 0.005

_GRACE: Final = 0.25
"""Seconds that a running element of a cancelled call has to end by itself."""

_TELLING: Final = 0.5
"""Seconds that a worker has to write down where it is, and end."""

_FAREWELL: Final = 1.0
"""Seconds that idle workers have to end by themselves when the sleigh is over."""

_IN_VAIN: Final = 5
"""So many workers of one rank may die in a row, young and not of an element."""

_YOUNG: Final = 0.5
"""Seconds."""


_THREADS: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""By these, libraries are told how many threads to use. Without them each worker would use all
cores, and the workers would be in each other's way."""


def main(settings: Settings) -> int:
    """Be a supervisor until the sleigh is over. Return the exit status."""
    try:
        _prepare_process(settings)
        supervisor = Supervisor(settings)
    except (NwsException, SleighJoinException, OSError) as error:
        print(f"nws: a worker cannot join: {error}", file=sys.stderr)
        return TOO_LATE if isinstance(error, SleighJoinException) else 1
    return supervisor.run()


def _prepare_process(settings: Settings) -> None:
    """Set what workers are to inherit, before anything that depends on it is imported."""
    sys.path[:0] = settings.module_path
    if os.path.isdir(settings.working_folder):  # on another machine it may not be there
        os.chdir(settings.working_folder)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    for library in _THREADS:
        os.environ.setdefault(library, str(max(1, (cores or 1) // settings.neighbours)))


class Supervisor:
    """Some workers on this machine."""

    def __init__(self, settings: Settings) -> None:
        """Join the group.

        Raises:
            NwsException: the server or the sleigh's workspace is not there.
            SleighJoinException: the group is closed.
        """
        self._settings = settings
        where = settings.where
        self._server = NwsServer(where.host, where.port)
        self._workspace = self._server.useWs(where.workspace, create=False)
        self._log = self._open_log(settings.log_folder)
        self._common = description(
            settings.machine, self._log.name if self._log is not None else "", settings.id
        )
        self._reports = Reports(self._workspace)
        self._slots = self._join()
        self._selector = selectors.DefaultSelector()
        self._life_pipe = os.pipe()  # ends with us: workers notice
        self._wakeups = os.pipe()
        self._over = False
        self._next_renewal = 0.0
        self._problem = ""

    # Joining

    def _join(self) -> list[WorkerProcess]:
        """Get ranks: new ones, or those of the supervisor whose place we take."""
        settings, workspace = self._settings, self._workspace
        reports = worker_reports(workspace)
        former = [report for report in reports if report["id"] == settings.id]
        if former:
            return [self._slot(report["rank"], report) for report in former]
        lease = workspace.lease(RANK_COUNT, timeout=JOIN, duration=JOIN)
        first = lease.value
        if first < 0:
            lease.release(blame=False)
            raise SleighJoinException("the group is closed: it is too late to join it")
        end = first + settings.workers
        slots = [self._slot(rank, {}) for rank in range(first, end)]
        stores = self._reports.stores()
        if settings.expected and end >= settings.expected:
            lease.settle([*stores, (WORKER_COUNT, end), (RANK_COUNT, -1)])
        else:
            lease.settle([*stores, (RANK_COUNT, end)])
        return slots

    def _slot(self, rank: int, former: Mapping[str, Any]) -> WorkerProcess:
        slot = WorkerProcess(rank, self._settings.where)
        self._reports.add(rank, WorkerReport(slot, self._common, former))
        return slot

    def _leave_a_will(self) -> None:
        """Leave a value that others get when our session ends, and only then."""
        will = f"{GONE} {self._settings.id}"
        self._workspace.declare(will, "single")
        self._workspace.store(will, [slot.rank for slot in self._slots])
        self._will = self._workspace.lease(will, duration=self._settings.where.lease_time)

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
            self._leave_a_will()
            self._watch = self._workspace.watch(CONTROL)
            self._selector.register(self._watch, selectors.EVENT_READ, self._hear)
            self._selector.register(self._wakeups[0], selectors.EVENT_READ, self._wake)
            if self._settings.life_line:
                self._selector.register(0, selectors.EVENT_READ, self._feel_life_line)
            for slot in self._slots:
                self._start(slot)
            while not self._over:
                for key, _ in self._selector.select(self._pause()):
                    key.data(key.fd)
                self._look_around()
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
        if any(self._needs_a_look(slot) for slot in self._slots):
            return _TICK
        return max(0.0, min(self._next_renewal, self._reports.due) - now)

    def _needs_a_look(self, slot: WorkerProcess) -> bool:
        return bool(slot.deadline or slot.stopped_at or slot.cells[status_cells.LIMIT])

    def _hear(self, fd: int) -> None:
        """The master has cancelled a call, or the workspace is gone."""
        try:
            cancelled = self._watch.next()
        except NwsException:
            self._over = True
            return
        for slot in self._slots:
            slot.cells[status_cells.CANCELLED] = cancelled
            slot.deadline = time.monotonic() + _GRACE  # it may be about to begin

    def _wake(self, fd: int) -> None:
        os.read(fd, 4096)

    def _feel_life_line(self, fd: int) -> None:
        self._over = not os.read(fd, 4096)

    def _look_around(self) -> None:
        now = time.monotonic()
        if now >= self._next_renewal:
            self._renew()
            self._next_renewal = now + self._settings.where.lease_time / 3
        for slot in self._slots:
            self._enforce(slot, now)
            if slot.pid and slot.look():
                self._bury(slot)
                if not self._over:
                    self._start(slot)
        if not self._over:
            self._reports.look(now)

    def _renew(self) -> None:
        duration = self._settings.where.lease_time
        try:
            self._will.renew(duration)
        except NwsLeaseLostException:
            self._leave_a_will()  # we were stopped for so long: the master thinks that we are gone
        for slot in self._slots:
            if slot.pid:  # also if it is stopped: that is not for long, see `_enforce`
                slot.workspace.renew(None, duration)

    # Workers

    def _start(self, slot: WorkerProcess) -> None:
        slot.start(self._let_go)
        for fd in slot.pipes:
            self._selector.register(fd, selectors.EVENT_READ, lambda fd: self._read(slot, fd))
        self._reports.publish(slot.rank)

    def _let_go(self) -> int:
        """In a worker: close what it has of ours. Return the end of our life pipe."""
        signal.set_wakeup_fd(-1)
        self._selector.close()
        for slot in self._slots:
            for fd in slot.pipes:
                os.close(fd)
        for fd in (*self._wakeups, self._life_pipe[1]):
            os.close(fd)
        return self._life_pipe[0]

    def _read(self, slot: WorkerProcess, fd: int) -> None:
        if fd in slot.pipes:
            self._pass_on(slot, slot.read(fd))
            if fd not in slot.pipes:
                self._selector.unregister(fd)

    def _pass_on(
        self, slot: WorkerProcess, read: Iterable[tuple[bool, int, int, str, str]]
    ) -> None:
        lines = list(read)
        if lines:
            pid, count = slot.passed_on
            slot.passed_on = (pid, count + sum(line[0] for line in lines))
            if self._log is not None:
                self._log.writelines(f"[{slot.rank}:{line[2]}] {line[4]}\n" for line in lines)
            message = Lines(slot.rank, slot.passed_on, [line[1:] for line in lines])
            self._reports.of(slot.rank).note_lines(message.texts)
            try:
                self._workspace.store(RESULT, message_to_wire(message))
            except NwsNoWorkSpaceException:
                raise
            except NwsOperationException:
                pass  # the server is full: what room there is belongs to results

    def _enforce(self, slot: WorkerProcess, now: float) -> None:
        """Kill a worker that is stopped for too long, at a cancelled call, or overdue."""
        if not slot.pid:
            return
        if slot.stopped_at and now - slot.stopped_at > self._settings.where.lease_time:
            slot.kill()
        elif slot.deadline:
            if now > slot.deadline:
                slot.deadline = 0.0
                if self._at_cancelled(slot):
                    slot.kill()
        elif slot.told:
            if now - slot.told_at > _TELLING:
                slot.kill()
        elif since := self._overdue_since(slot):
            slot.tell(since)

    def _at_cancelled(self, slot: WorkerProcess) -> bool:
        cells = slot.cells
        return (
            slot.is_at(status_cells.LOADING, status_cells.AT_WORK)
            and cells[status_cells.CALL] <= cells[status_cells.CANCELLED]
        )

    def _overdue_since(self, slot: WorkerProcess) -> int:
        """Return since when the element runs if it takes too long; else 0."""
        limit, since = slot.cells[status_cells.LIMIT], slot.cells[status_cells.SINCE]
        if not limit or not slot.is_at(status_cells.AT_WORK):
            return 0
        late = time.monotonic_ns() - since > limit and slot.cells[status_cells.SINCE] == since
        return since if late else 0

    # Deaths

    def _bury(self, slot: WorkerProcess) -> None:
        """Note why a worker has died, and give back what it had."""
        slot.kill_rest()
        try:
            self._read_the_last(slot)
            if not self._over:
                guilty = self._is_guilty(slot)
                if guilty:
                    self._note_death(slot)
                self._give_back(slot)
                self._count(slot, guilty)
        finally:
            slot.end()  # also if the server is gone: nobody is to look for this worker again
            self._reports.of(slot.rank).note_death()

    def _read_the_last(self, slot: WorkerProcess) -> None:
        for fd in list(slot.pipes):
            self._read(slot, fd)
        for fd in list(slot.pipes):  # somebody may have escaped with them
            self._selector.unregister(fd)
            slot.close_pipe(fd)

    def _is_guilty(self, slot: WorkerProcess) -> bool:
        """Whether the element that ran is to be counted as what killed the worker."""
        return slot.is_at(status_cells.LOADING, status_cells.AT_WORK) and not self._at_cancelled(
            slot
        )

    def _note_death(self, slot: WorkerProcess) -> None:
        """Note what has killed a worker, and let the master know that there is a note."""
        last = Lines(slot.rank, slot.passed_on, [], died=True)
        self._workspace.settle(
            [], [(DEATHS, tuple(self._death_of(slot))), (RESULT, message_to_wire(last))]
        )

    def _death_of(self, slot: WorkerProcess) -> Death:
        cells = slot.cells
        loading = slot.is_at(status_cells.LOADING)
        text = slot.how_it_died()
        if slot.stopped_at:
            seconds = self._settings.where.lease_time
            text = f"it was stopped for more than {seconds:g} seconds\n{text}"
        return Death(
            cells[status_cells.CALL],
            cells[status_cells.FIRST],
            cells[status_cells.SIZE],
            FUNCTION_ITSELF if loading else cells[status_cells.TAG],
            cells[status_cells.BEGIN],
            cells[status_cells.END],
            slot.told == cells[status_cells.SINCE],
            text,
        )

    def _give_back(self, slot: WorkerProcess) -> None:
        """Give back leases: only the task at hand counts as attempted. If no death was noted for
        it, it had been done but not sent: maybe its results are what is deadly."""
        cells = slot.cells
        at_hand = Lease(slot.workspace, TASK, cells[status_cells.LEASE], 0, None)
        try:
            if self._at_cancelled(slot):
                at_hand.settle()
            else:
                at_hand.release(blame=True)
            cells[status_cells.BARRIER] = (
                0  # its part of an eachWorker, if it was that, is not done
            )
        except NwsLeaseLostException:
            pass  # it was settled already
        slot.workspace.release(None, blame=False)

    def _count(self, slot: WorkerProcess, guilty: bool) -> None:
        """Count workers that die young, before they had any task; too many are the end."""
        young = time.monotonic() - slot.started_at < _YOUNG and not slot.cells[status_cells.CALL]
        slot.in_vain = slot.in_vain + 1 if young and not guilty else 0
        if slot.in_vain >= _IN_VAIN:
            self._over = True
            self._problem = f"workers die before they do anything: {slot.how_it_died()}"
            print(f"nws: {self._problem}", file=sys.stderr)

    def _end_workers(self) -> None:
        """Kill workers that are busy, and others that do not end by themselves."""
        self._over = True
        deadline = time.monotonic() + _FAREWELL
        living = [slot for slot in self._slots if slot.pid]
        while living:
            for slot in living:
                if (
                    slot.is_at(status_cells.LOADING, status_cells.AT_WORK)
                    or time.monotonic() > deadline
                ):
                    slot.kill()
            time.sleep(_MOMENT)
            for slot in [slot for slot in living if slot.look()]:
                living.remove(slot)
                slot.kill_rest()
                slot.end()

    def _close(self) -> None:
        """Close all that is ours: at a person's prompt, the process goes on."""
        self._selector.close()
        pipes = [fd for slot in self._slots for fd in slot.pipes]
        for fd in (*pipes, *self._wakeups, *self._life_pipe):
            os.close(fd)
        if self._log is not None:
            self._log.close()
        self._server.close()

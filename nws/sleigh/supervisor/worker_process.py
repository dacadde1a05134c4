"""One worker as its supervisor has it: the process, its mark, its session, and what it writes."""

from __future__ import annotations

import atexit
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable, Iterator
from typing import Final

from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsException
from nws.sleigh.shared import status_cells
from nws.sleigh.shared.exit_status import name_of_end
from nws.sleigh.shared.output import LineSplitter, OutputWriter
from nws.sleigh.shared.settings import Where
from nws.sleigh.shared.stderr_file import StderrFile
from nws.sleigh.worker.runner import Runner
from nws.sleigh.worker.worker import Worker

__all__ = ["WorkerProcess"]

_BLOCK: Final = 64 * 1024
_OWN_FRAMES: Final = (f'File "{os.path.dirname(__file__)}', 'File "<string>"')
_NO_ELEMENT: Final = 2**63

_TELL: Final = signal.SIGUSR2 if hasattr(signal, "SIGUSR2") else None
"""Makes a worker write down where it is, even amid C code, and end."""


class WorkerProcess:
    """A rank, and the worker that has it at present.

    Attributes:
        words: what it writes down at its end.
        rank: of the worker; a worker that takes another's place has the same.
        pid: of the worker's process; 0 when there is none.
        cells: the mark.
        pipes: for each pipe that the worker writes into, its number and who reads it.
        passed_on: process id, and how many of its own lines were passed on.
        stopped_at: when it was stopped, as by Ctrl-Z; 0.0 if it runs.
        deadline: when it is to be killed, if it is still at the same task; 0.0 for never.
        told: since when the element had been running for which it was told to end; 0 if it was not.
        told_at: when it was told.
        started_at: when the worker was started.
        in_vain: how many died in a row, young and not of an element.
    """

    def __init__(self, rank: int, where: Where) -> None:
        """Prepare; `start` starts a worker."""
        self.rank = rank
        self.pid = 0
        self.cells = status_cells.new_cells()
        self.pipes: dict[int, LineSplitter] = {}
        self.passed_on = (0, 0)
        self.stopped_at = self.deadline = 0.0
        self.told, self.told_at = 0, 0.0
        self.in_vain = 0
        self._where = where
        self._replaces = False
        self._how = ""
        self._peak = 0

    # Life

    def start(self, let_go: Callable[[], int]) -> None:
        """Start a worker.

        Args:
            let_go: called in the worker; closes what it has of its supervisor's, and returns the
                pipe that ends when the supervisor does.
        """
        self.server = NwsServer(self._where.host, self._where.port)
        self.workspace = NetWorkSpace(self._where.workspace, server=self.server)
        session = self.server.session
        for cell in range(status_cells.BARRIER):
            self.cells[cell] = 0
        self.words = StderrFile()
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for new, old in ((0, nothing), (1, out_end), (2, err_end)):
                os.dup2(old, new)
            for fd in (out, out_end, err, err_end, nothing):
                os.close(fd)
            _be_a_worker(self, self._where, session, self._replaces, let_go)
        self._replaces = True
        for fd, name in ((out, "stdout"), (err, "stderr")):
            os.set_blocking(fd, False)
            self.pipes[fd] = LineSplitter(name)
        os.close(out_end)
        os.close(err_end)
        self.passed_on = (self.pid, 0)
        self.started_at = time.monotonic()
        self.stopped_at = self.deadline = 0.0
        self.told = 0

    def look(self) -> bool:
        """Look whether the worker has ended, or was stopped. Return whether it has ended."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if not pid:
            return False
        if os.WIFSTOPPED(status):
            self.stopped_at = time.monotonic()
            return False
        if os.WIFCONTINUED(status):
            self.stopped_at = 0.0
            return False
        self._how = name_of_end(os.waitstatus_to_exitcode(status))
        # Kilobytes on Linux, bytes on macOS.
        self._peak = usage.ru_maxrss // (1024 if sys.platform != "darwin" else 1024 * 1024)
        return True

    def kill(self) -> None:
        """Kill the worker, whose end was not seen yet, and all that is with it."""
        os.kill(self.pid, signal.SIGKILL)  # just forked, it is not in a group of its own
        self.kill_rest()

    def kill_rest(self) -> None:
        """Kill all that the worker has started and that is still with it."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left, or (macOS) nobody but a zombie

    def tell(self, since: int) -> None:
        """Let the worker write down where it is, and end: the element that has been running since
        this time takes too long. One that does not end is to be killed a little later."""
        self.told, self.told_at = since, time.monotonic()
        if _TELL is None:
            self.kill()
        else:
            os.kill(self.pid, _TELL)

    def end(self) -> None:
        """Have done with a worker that is dead."""
        self.pid = 0
        self.words.close()
        self.server.close()

    # What it is at, and has left

    def is_at(self, *states: int) -> bool:
        """Tell whether the worker is in one of these states of the mark."""
        return self.cells[status_cells.STATE] in states

    def how_it_died(self) -> str:
        """Say how it ended in one line, and below it what is known of why."""
        lines = [self._how, f"peak memory of that worker: {self._peak:,} MB"]
        return "\n".join([*lines, self.last_words()]).rstrip() + "\n"

    def last_words(self) -> str:
        """Return what it wrote down at its end: where it was, if the system gave it the time. What
        is above the user's function is ours, and left out."""
        lines = self.words.read().split("\n")
        return "\n".join(line for line in lines if not any(own in line for own in _OWN_FRAMES))

    def read(self, fd: int) -> Iterator[tuple[bool, int, int, str, str]]:
        """Read what there is in one of the pipes. A pipe that has ended is closed."""
        splitter = self.pipes[fd]
        call, tag = self.cells[status_cells.CALL], _element(self.cells)
        while True:
            try:
                data = os.read(fd, _BLOCK)
            except BlockingIOError:
                return
            if not data:
                yield from splitter.rest(call, tag)
                self.close_pipe(fd)
                return
            yield from splitter.feed(data, call, tag)

    def close_pipe(self, fd: int) -> None:
        """Read no more from a pipe."""
        del self.pipes[fd]
        os.close(fd)


def _be_a_worker(
    slot: WorkerProcess, where: Where, session: str, replaces: bool, let_go: Callable[[], int]
) -> None:
    """Do a worker's work in a process that was just forked, and end it."""
    status = 1
    try:
        _prepare_process(slot, let_go())
        server = NwsServer(where.host, where.port, session=session)
        workspace = server.useWs(where.workspace, create=False)
        names = {
            "SleighRank": slot.rank,
            "SleighNws": workspace,
            "SleighUserNws": server.useWs(where.user_workspace, create=False),
        }
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        runner = Runner(names, main.__dict__)
        cells = slot.cells
        writer = OutputWriter(lambda: (cells[status_cells.CALL], _element(cells)))
        writer.take_over(where.log_level)
        Worker(workspace, cells, slot.rank, runner, writer, where.lease_time, replaces).work()
    except NwsException:
        status = 0  # the sleigh is over, or its server is gone: the master knows
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            atexit._run_exitfuncs()
        finally:
            os._exit(status)


def _prepare_process(slot: WorkerProcess, life_line: int) -> None:
    """Leave what is the supervisor's alone."""
    atexit._clear()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.enable(slot.words, all_threads=False)
    if _TELL is not None:
        # It ends the process as soon as all is written.
        faulthandler.register(_TELL, slot.words, all_threads=False, chain=True)
    threading.Thread(target=_end_with_supervisor, args=(life_line,), daemon=True).start()
    if sys.platform == "linux":
        _let_the_system_end_us_with(life_line)


def _end_with_supervisor(life_line: int) -> None:
    while os.read(life_line, 1):
        pass
    os.killpg(0, signal.SIGKILL)


def _let_the_system_end_us_with(life_line: int) -> None:
    """Have this process and what it starts killed when a pipe ends, even while C code keeps the
    interpreter and no other thread can run."""
    import fcntl  # which not all systems have

    try:
        # Opened anew: what is set here would else be set for all workers together.
        own = os.open(f"/proc/self/fd/{life_line}", os.O_RDONLY)
    except OSError:
        return  # without /proc
    fcntl.fcntl(own, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_ASYNC)


def _element(cells: memoryview) -> int:
    """Return the element that runs, or the one that ran last; -1 before the first."""
    tag: int = cells[status_cells.TAG]
    return tag if cells[status_cells.SINCE] and tag < _NO_ELEMENT else -1

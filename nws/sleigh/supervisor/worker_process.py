"""One worker, for its supervisor: its process, status cells and session, and what it writes."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nws.client import NetWorkSpace, NwsServer
from nws.counted import counted
from nws.errors import NwsException
from nws.processes.groups import peak_bytes, signal_group
from nws.processes.life_line import end_with
from nws.session.sockets import is_closed_here
from nws.sleigh.shared.exit_status import name_of_end
from nws.sleigh.shared.generation import note_worker
from nws.sleigh.shared.output import LineReader, OutputWriter, Said, new_mark
from nws.sleigh.shared.settings import Where
from nws.sleigh.shared.status_cells import CUT_OFF, StatusCells
from nws.sleigh.shared.stderr_file import StderrFile
from nws.sleigh.worker.exit_functions import run_exit_functions, take_over_exit_functions
from nws.sleigh.worker.fork import end_forks_of
from nws.sleigh.worker.initializer import InitializerFailedError
from nws.sleigh.worker.leaving import LeaveError
from nws.sleigh.worker.runner import Runner
from nws.sleigh.worker.shared_memory import track_no_shared_memory
from nws.sleigh.worker.worker import OutdatedError, Worker

__all__ = ["WorkerProcess"]

_READ_BYTES: Final = 64 * 1024
_MAX_READS: Final = 16
"""Of a pipe in a row, for a worker may write faster than we read. A pipe holds less than that."""

_OWN_FRAMES: Final = (
    f'File "{Path(__file__).parents[1]}{os.sep}',
    'File "<string>", line 1 in <module>',
)
"""How lines of a traceback begin that are not the user's."""

_CUT_OFF: Final = (
    "its connection to the server was closed by the task, or one before it, which has closed file "
    "descriptors that are not its own (os.closerange?)"
)

_TRACEBACK_SIGNAL: Final = signal.SIGVTALRM if hasattr(signal, "SIGVTALRM") else None
"""Makes a worker write a traceback to its file, even while C code runs, and end."""


class WorkerProcess:
    """A rank, and the worker that has it at present.

    Attributes:
        rank: of the worker; a worker that replaces another has the same.
        pid: of the worker's process; 0 when there is none.
        cells: shared with the worker.
        stderr_file: for its last traceback.
        is_heard: whether the supervisor waits for what comes through its pipes.
        pipes: for each pipe that the worker writes into, its number and who reads it.
        stopped_at: when it was stopped, as by Ctrl-Z; 0.0 if it runs.
        kill_at: when it is killed if it is still running for a dropped call; 0.0 for never.
        kill_requested: somebody has asked for it to be killed.
        overdue_since: when the element began for which the worker was told to end; 0 for none.
        overdue_at: when it was told so.
        leave_by: when it is killed if it has not left yet; 0.0 unless it was told to leave.
        is_wanted: there is to be a worker of this rank.
        is_told_to_leave: by its supervisor; others may send it the signal too.
        has_left: it has ended after that.
        started_at: when the worker was started; before that, when this was made.
        early_deaths: how many workers in a row have died before any task.
        fresh: a worker does one task only.
        group: to which it belongs; empty for none.
        replaces: the next worker replaces one that has died.
    """

    def __init__(self, rank: int, where: Where, *, fresh: bool = False, group: str = "") -> None:
        """Prepare; `start` starts a worker.

        Args:
            rank: of the worker.
            where: the sleigh is.
            fresh: a worker does one task only.
            group: to which it belongs; empty for none.
        """
        self.rank = rank
        self.pid = 0
        self.cells = StatusCells()
        self.is_heard = False
        self.pipes: dict[int, LineReader] = {}
        self._said: dict[bytes, int] = {}  # how many lines of each stream were read
        self.started_at = time.monotonic()
        self.stopped_at = self.kill_at = self.leave_by = 0.0
        self.kill_requested = False
        self.overdue_since, self.overdue_at = 0, 0.0
        self.early_deaths = 0
        self._where = where
        self.is_wanted = True
        self.fresh = fresh
        self.group = group
        self.replaces = self.has_left = self.is_told_to_leave = False
        self._end = ""
        self._peak_mb = 0

    # Life

    def start(self, close_inherited: Callable[[], int]) -> None:
        """Start a worker.

        Args:
            close_inherited: called in the worker; closes the supervisor's files, and returns the
                pipe that ends when the supervisor does.
        """
        where = self._where
        self.server = NwsServer(
            where.host, where.port, peer_timeout=where.lease_time, login=where.login
        )
        self.workspace = NetWorkSpace(self._where.workspace, server=self.server)
        session = self.server.session
        self.cells.reset()
        self.stderr_file = StderrFile()
        (out, out_end), (err, err_end) = os.pipe(), os.pipe()
        mark = new_mark()
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            nothing = os.open(os.devnull, os.O_RDONLY)
            for new, old in ((0, nothing), (1, out_end), (2, err_end)):
                os.dup2(old, new)
            for fd in (out, out_end, err, err_end, nothing):
                os.close(fd)
            _be_a_worker(self, self._where, session, mark, close_inherited)
        self.replaces = True
        self.has_left = self.is_told_to_leave = False
        self._said = {}
        for fd, end, name in ((out, out_end, "stdout"), (err, err_end, "stderr")):
            os.close(end)
            os.set_blocking(fd, False)
            self.pipes[fd] = LineReader(name, mark, self._said)
        self.started_at = time.monotonic()
        self.stopped_at = self.kill_at = self.leave_by = 0.0
        self.kill_requested = False
        self.overdue_since = 0

    def leave(self, deadline: float) -> None:
        """Tell the worker to end when what it runs is done; by then it has to be killed."""
        self.leave_by, self.is_told_to_leave = deadline, True
        self.cells.leaves = 1
        os.kill(self.pid, signal.SIGTERM)

    def poll(self) -> bool:
        """Ask the system whether the worker was stopped, and return whether it has ended."""
        pid, status, usage = os.wait4(self.pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
        if not pid:
            return False
        if os.WIFSTOPPED(status):
            self.stopped_at = time.monotonic()
            return False
        if os.WIFCONTINUED(status):
            self.stopped_at = 0.0
            return False
        self.has_left = self.is_told_to_leave
        self._end = name_of_end(os.waitstatus_to_exitcode(status))
        self._peak_mb = peak_bytes(usage) // 2**20
        return True

    def kill(self) -> None:
        """Kill the worker, whose end was not seen yet, and all that is with it."""
        os.kill(self.pid, signal.SIGKILL)  # just forked, it is not in a group of its own
        self.kill_rest()

    def kill_on_request(self) -> None:
        """Kill the worker since somebody has asked for that."""
        self.kill_requested = True
        self.kill()

    def kill_rest(self) -> None:
        """Kill all that the worker has started and that is still with it."""
        signal_group(self.pid, signal.SIGKILL)

    def end_overdue(self, since: int) -> None:
        """Have the worker write a traceback and end: the element that began then takes too long.
        A worker that does not end has to be killed a little later."""
        self.overdue_since, self.overdue_at = since, time.monotonic()
        if _TRACEBACK_SIGNAL is None:
            self.kill()
        else:
            os.kill(self.pid, _TRACEBACK_SIGNAL)

    def close(self) -> None:
        """Close what belonged to a worker that is dead."""
        self.pid = 0
        self.stderr_file.close()
        self.server.close()

    # What it has left

    def describe_end(self) -> str:
        """Say how it ended in one line, and below it what is known of why."""
        end = _CUT_OFF if self.cells.state == CUT_OFF else self._end
        if self.kill_requested:
            end = f"it was killed on request, as by `nws sleigh kill`\n{end}"
        elif self.stopped_at:
            end = f"it was stopped for more than {counted(self._where.lease_time, 'second')}\n{end}"
        lines = [end, f"peak memory of that worker: {self._peak_mb:,} MB"]
        return "\n".join([*lines, self._last_traceback()]).rstrip() + "\n"

    def _last_traceback(self) -> str:
        """Return the traceback that it wrote as it ended, if it had the time. Frames above the
        user's function are ours, and left out."""
        lines = self.stderr_file.read().split("\n")
        return "\n".join(line for line in lines if not any(own in line for own in _OWN_FRAMES))

    @property
    def lines(self) -> tuple[int, int]:
        """The process id, and how many lines that it has printed or logged were read."""
        return self.pid, sum(self._said.values())

    def read(self) -> list[Said]:
        """Read what there is in the pipes. Those that have ended are closed."""
        return [each for fd in list(self.pipes) for each in self._read(fd)]

    def _read(self, fd: int) -> list[Said]:
        reader = self.pipes[fd]
        call, element = self.cells.call, self.cells.element
        said: list[Said] = []
        for _ in range(_MAX_READS):
            try:
                data = os.read(fd, _READ_BYTES)
            except BlockingIOError:
                return said
            if not data:
                self.close_pipe(fd)
                return said + reader.rest()
            said += reader.feed(data, call, element)
        return said

    @property
    def has_begun_line(self) -> bool:
        """Whether a child process or C code has written a line without its end."""
        return any(reader.has_begun for reader in self.pipes.values())

    @property
    def runs(self) -> tuple[int, int] | None:
        """The call and the element that run."""
        return (self.cells.call, self.cells.element) if self.cells.is_busy else None

    def end_lines(self, runs: tuple[int, int] | None) -> list[Said]:
        """Return what elements have left without a newline that had ended when `runs` was this."""
        return [each for reader in self.pipes.values() for each in reader.end_line(runs)]

    def close_pipe(self, fd: int) -> None:
        """Read no more from a pipe."""
        del self.pipes[fd]
        os.close(fd)


def _be_a_worker(
    process: WorkerProcess,
    where: Where,
    session: str,
    mark: bytes,
    close_inherited: Callable[[], int],
) -> None:
    """Do a worker's work in a process that was just forked, and end it."""
    status = 1
    try:
        _prepare_process(process.stderr_file, close_inherited())
        server = NwsServer(
            where.host,
            where.port,
            session=session,
            peer_timeout=where.lease_time,
            login=where.login,
        )
        workspace = server.useWs(where.workspace, create=False)
        names = {
            "SleighRank": process.rank,
            "SleighNws": workspace,
            "SleighUserNws": server.useWs(where.user_workspace, create=False),
        }
        main = types.ModuleType("__main__")
        sys.modules["__main__"] = sys.modules["__mp_main__"] = main  # as with multiprocessing
        runner = Runner(names, main.__dict__)
        cells = process.cells
        writer = OutputWriter(lambda: (cells.call, cells.element), mark)
        writer.take_over(where.log_level)
        end_forks_of(runner, writer)
        worker = Worker(
            workspace,
            cells,
            process.rank,
            runner,
            writer,
            where.lease_time,
            process.replaces,
            process.group,
        )
        worker.work(once=process.fresh)
    except (LeaveError, OutdatedError, InitializerFailedError):
        status = 0  # the supervisor starts another one, or does not
    except NwsException as error:
        if is_closed_here(error):
            process.cells.state = CUT_OFF
        status = 0  # else the sleigh is over, or its server is gone: the master knows
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            run_exit_functions()
        finally:
            os._exit(status)


def _prepare_process(stderr_file: StderrFile, life_line: int) -> None:
    """Undo what the supervisor has set up for itself, and set up what a worker needs."""
    note_worker()
    take_over_exit_functions()
    track_no_shared_memory()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    faulthandler.enable(stderr_file, all_threads=False)
    if _TRACEBACK_SIGNAL is not None:
        # It ends the process as soon as all is written.
        faulthandler.register(_TRACEBACK_SIGNAL, stderr_file, all_threads=False, chain=True)
    end_with(life_line)

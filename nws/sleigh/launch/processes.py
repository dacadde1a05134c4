"""The processes that a sleigh starts for its workers: supervisors here, or commands that lead to
supervisors elsewhere. One that ends too early is started again."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import BinaryIO, Final, Protocol, TypeVar

from nws.errors import SleighScriptException
from nws.sleigh.launch.child_process import ChildProcess, kill_group
from nws.sleigh.shared.exit_status import LEFT, MISMATCH, TOO_LATE, name_of_end
from nws.sleigh.shared.interpreter import interpreter_flags
from nws.sleigh.shared.leave_signals import LEAVE_SIGNALS
from nws.sleigh.shared.settings import Settings
from nws.sleigh.shared.stderr_file import StderrFile

__all__ = ["Command", "LocalSupervisor", "Process", "Processes"]

_log = logging.getLogger("nws")

_SILENT: Final = (
    "the supervisor of the workers on this machine did not answer for long and was killed: it was "
    "stopped, most likely"
)

_HINDERED: Final = "a sitecustomize or a .pth file, which Python runs first, may wait for something"

_IMPORTS: Final = "import psutil; from nws.sleigh.supervisor.supervisor import Settings, main"
_CODE: Final = "sys.exit(main(Settings.from_plain(arguments)))"

_MAX_ENDS: Final = 3
"""Consecutive ends of a process before any result has come."""

_MAX_KILLS: Final = 100
"""Consecutive ends of one that was killed at work, before any result has come. An element that does
that is given up long before."""

_FIRST_PAUSE_SECONDS: Final = 0.1
"""Before a process that has ended early is started again; each further pause is twice as long."""

_MAX_PAUSE_SECONDS: Final = 30.0

_MAX_JOINING_SECONDS: Final = 60.0
"""From the start of a process until its workers have joined."""

_EARLY_SECONDS: Final = 5.0
"""After the start of a process, in which its end is an early one."""


class Process(Protocol):
    """What has started a supervisor, or is one."""

    @property
    def status(self) -> int | None:
        """Its exit status; the number of a signal, negative; None as long as it runs."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is in a queue, or a part of it, and will begin sooner or later."""

    def last_output(self) -> str:
        """Return the end of what it wrote."""

    def request_end(self) -> None:
        """Tell it to end, if that is possible."""

    def wait(self, grace: float) -> None:
        """Wait for at most ``grace`` seconds until it has ended; then kill it."""

    def kill(self) -> bool:
        """Kill it, and all that it has started. Return False if it leads elsewhere."""


Started = TypeVar("Started", bound=Process)


class Supervisors(Protocol):
    """What is known of supervisors, by their ids."""

    def is_there(self, supervisor: str) -> bool:
        """Tell whether one lives, perhaps without its process here, as happens to a command that
        leads elsewhere."""

    def last_start(self, supervisor: str) -> float:
        """Return when it, or one that it replaces, has last started a worker; 0.0 for never."""


class LocalSupervisor:
    """A supervisor on this machine; it ends when we do."""

    is_waiting = False

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it, with these variables or ours. It imports what it needs, and waits to be told
        the rest."""
        self._stderr_file = StderrFile()
        self._child = ChildProcess(
            _IMPORTS,
            _CODE,
            flags=interpreter_flags(),
            env=os.environ if environment is None else environment,
            stdout=subprocess.DEVNULL,
            stderr=self._stderr_file,
        )

    def send_settings(self, settings: Settings) -> None:
        """Give it its settings; then it starts workers."""
        self._child.send(settings)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.process.pid

    @property
    def status(self) -> int | None:
        return self._child.process.poll()

    def last_output(self) -> str:
        return self._stderr_file.read()

    def request_end(self) -> None:
        self._child.close_stdin()

    def wait(self, grace: float) -> None:
        self._child.wait(grace)
        self._stderr_file.close()

    def kill(self) -> bool:
        import psutil  # takes 10 ms, and is seldom needed

        try:
            supervisor = psutil.Process(self._child.process.pid)
            workers = supervisor.children(recursive=True)
            supervisor.kill()
            for worker in workers:  # one that is stopped would not see the end of its supervisor
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
        except psutil.NoSuchProcess:
            pass  # it has just ended
        return True


class Command:
    """A command that leads to a supervisor elsewhere; that one ends when the workspace does."""

    is_waiting = False

    def __init__(self, words: Sequence[str], text: str = "") -> None:
        """Start it, with this text on its stdin: others can see the words.

        Raises:
            OSError: it cannot be started, or the text is too long.
        """
        self._stderr_file = StderrFile()
        read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        data = text.encode()
        is_written = not data or os.write(write_end, data) == len(data)
        os.close(write_end)
        with open(read_end, "rb") as stdin:
            if not is_written:
                raise OSError(f"{len(data)} bytes for its stdin are more than a pipe holds here")
            self._process = self._start(words, stdin)

    def _start(self, words: Sequence[str], stdin: BinaryIO) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            words,
            stdin=stdin,
            stdout=self._stderr_file.fd,
            stderr=self._stderr_file.fd,
            start_new_session=sys.platform != "win32",
        )

    @property
    def status(self) -> int | None:
        return self._process.poll()

    def last_output(self) -> str:
        return self._stderr_file.read()

    def request_end(self) -> None:
        pass

    def kill(self) -> bool:
        return False

    def wait(self, grace: float) -> None:
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            kill_group(self._process)
            self._process.wait()
        self._stderr_file.close()


class _KeptProcess:
    """A process that is started again when it has ended.

    Attributes:
        id: of its supervisor, or the first of them.
        supervisors: the ids of all, if it starts several.
        place: what it is and where, for messages.
        process: as it is now.
        ends: how many have ended in a row.
        kills: how many have been killed in a row when they had started workers.
        last_end: how the last one has ended; empty if none has.
    """

    def __init__(
        self,
        id: str,
        place: str,
        process: Process,
        start: Callable[[], Process],
        others: Sequence[_KeptProcess],
        warn: Callable[[str], None],
        supervisors: Collection[str],
    ) -> None:
        self._others = others
        self._warn = warn
        self.id = id
        self.supervisors = {id, *supervisors}
        self.place = place
        self.process = process
        self.ends = self.kills = 0
        self.last_end = ""
        self._start = start
        self._last_start = 0.0
        self._began = time.monotonic()
        self._pause = 0.0
        self._due = 0.0  # when it is started again; 0.0 as long as it runs
        self._killed_for = ""  # what it did not do
        self._is_awaited = True  # until it has joined, or that it has not was logged

    def restart(self, status: int, last_start: float) -> str:
        """Start it again, now that it has ended, or after a pause. How it has ended is logged,
        unless the last one, or that of another place, has ended in the same way.

        Args:
            status: with which it has ended.
            last_start: when its supervisor has last started a worker.

        Returns:
            What is wrong, if it ends again and again; else an empty text.
        """
        now = time.monotonic()
        if not self._due:
            killed = status < 0 and last_start > self._last_start
            self._last_start = last_start
            if status != LEFT and -status not in LEAVE_SIGNALS:  # one may come before it is ready
                self.kills += killed
                self.ends += not killed
                self._note_end(self._describe_end(status), is_news=not killed)
            early = now - self._began < _EARLY_SECONDS and not killed
            self._pause = _next_pause(self._pause) if early else 0.0
            self._due = now + self._pause
        hopeless = self.ends > _MAX_ENDS or self.kills > _MAX_KILLS
        problem = self.last_end if hopeless else ""
        if now >= self._due:
            former, self.process = self.process, started(self._start)
            self._began, self._due, self._is_awaited = now, 0.0, True
            former.wait(0)
        return problem

    def await_joining(self, supervisors: Supervisors) -> None:
        """Kill it if it runs here and its workers have not joined in time. If it leads elsewhere,
        they may wait in a queue: then that is logged."""
        seconds = time.monotonic() - self._began
        if self.process.is_waiting or not self._is_awaited or seconds < _MAX_JOINING_SECONDS:
            return
        self._is_awaited = False
        if supervisors.last_start(self.id) > self._last_start:
            return
        has_not_joined = f"{self.place} has run for {seconds:.0f} seconds and has not joined"
        said = self.process.last_output()
        if self.process.kill():
            self._killed_for = f"{has_not_joined}: {said or _HINDERED}"
        elif isinstance(self.process, Command):
            self._warn(f"{has_not_joined}: {said or 'it has said nothing'}")

    def kill_silent(self, since: float) -> bool:
        """Kill it if it was there before this time and runs here. Return whether it was."""
        if self._began < since and self.process.status is None and self.process.kill():
            self._killed_for = _SILENT
            self._warn(f"{_SILENT}; another one takes its place")
            return True
        return False

    def _describe_end(self, status: int) -> str:
        output = self.process.last_output() or "it said nothing"
        reason, self._killed_for = self._killed_for, ""
        return reason or f"{self.place} ends early, with {name_of_end(status)}: {output}"

    def _note_end(self, described: str, *, is_news: bool) -> None:
        known = {_SILENT, self.last_end, *(other.last_end for other in self._others)}
        if is_news and described not in known:
            self._warn(f"{described}; it is started again")
        self.last_end = described

    def note_progress(self) -> None:
        """Take note that workers do their work."""
        self.ends = self.kills = 0

    def reset_backoff(self) -> None:
        """Count from zero again, and make no pause."""
        self.ends, self.kills, self._pause = 0, 0, 0.0
        self._due = min(self._due, time.monotonic())


class Processes:
    """All processes of a sleigh, each with what starts it, the first time and again."""

    def __init__(self, warn: Callable[[str], None] = _log.warning) -> None:
        """Begin with none; ``warn`` logs a text."""
        self._warn = warn
        self._all: list[_KeptProcess] = []
        self._parting: list[_KeptProcess] = []

    def add(
        self,
        id: str,
        place: str,
        process: Process,
        start: Callable[[], Process],
        supervisors: Collection[str] = (),
    ) -> None:
        """Restart the process of the supervisor with this id from now on, when it has ended.

        Args:
            id: of the supervisor.
            place: what it is and where, for messages.
            process: as it is now.
            start: starts another one.
            supervisors: ids of all, if it starts and replaces several.
        """
        kept = _KeptProcess(id, place, process, start, self._all, self._warn, supervisors)
        self._all.append(kept)

    def start(
        self,
        id: str,
        place: str,
        start: Callable[[], Process],
        supervisors: Collection[str] = (),
    ) -> None:
        """Start a process, and restart it when it has ended; see `add`.

        Raises:
            SleighScriptException: it cannot be started.
        """
        self.add(id, place, started(start), start, supervisors)

    def end(self, id: str) -> None:
        """Kill one for good."""
        for kept in [kept for kept in self._all if kept.id == id]:
            self._all.remove(kept)
            kept.process.wait(0)

    def let_end(self, id: str) -> None:
        """Do not start one again, whose supervisor leaves."""
        parting = [kept for kept in self._all if kept.id == id]
        self._all = [kept for kept in self._all if kept.id != id]
        self._parting += parting

    def keep(self, id: str) -> bool:
        """Start one again after all when it has ended, though its supervisor leaves. Return False
        if there is none."""
        self._all += [kept for kept in self._parting if kept.id == id]
        self._parting = [kept for kept in self._parting if kept.id != id]
        return self.restarts(id)

    def restarts(self, id: str) -> bool:
        """Tell whether a supervisor is started again when it has ended."""
        return any(id in kept.supervisors for kept in self._all)

    def leaves(self, id: str) -> bool:
        """Tell whether one is not started again because its supervisor leaves."""
        return any(kept.id == id for kept in self._parting)

    def leading_to(self, ids: Collection[str]) -> list[str]:
        """Return the places of commands that run and lead to these supervisors elsewhere."""
        return [
            kept.place
            for kept in self._all
            if kept.id in ids and kept.process.status is None and isinstance(kept.process, Command)
        ]

    def note_progress(self) -> None:
        """Take note that workers do their work."""
        for kept in self._all:
            if kept.ends or kept.kills:
                kept.note_progress()

    def last_end(self) -> str:
        """Say how the last process of each that had to be restarted has ended."""
        return "; ".join(sorted({kept.last_end for kept in self._all if kept.last_end}))

    def described(self) -> list[dict[str, str]]:
        """Describe each: the id of its supervisor, what it is and where, and how the last one has
        ended that had to be restarted; empty if none had."""
        return [{"id": kept.id, "place": kept.place, "end": kept.last_end} for kept in self._all]

    def reset_backoff(self) -> None:
        """Start those at once that end again and again, and count from zero again."""
        for kept in self._all:
            kept.reset_backoff()

    def kill_silent(self, silent: Mapping[str, float]) -> set[str]:
        """Kill supervisors that run here but do not answer.

        Args:
            silent: their ids, and since when. One that was started later has time to come.

        Returns:
            The ids of those that were killed.
        """
        return {
            kept.id for kept in self._all if kept.id in silent and kept.kill_silent(silent[kept.id])
        }

    def waiting(self) -> set[str]:
        """Return the ids of those that are in a queue, or some of which are."""
        waiting = (kept.supervisors for kept in self._all if kept.process.is_waiting)
        return set().union(*waiting)

    @property
    def are_coming(self) -> bool:
        """Whether one runs that has never ended: its workers may still join."""
        return any(kept.process.status is None and not kept.ends for kept in self._all)

    def restart_ended(self, supervisors: Supervisors) -> str:
        """Start those again that have ended.

        Args:
            supervisors: knows what has become of those that they have led to.

        Returns:
            What is wrong, if one ends again and again and there was no progress.

        Raises:
            SleighScriptException: one cannot be started.
        """
        problem = ""
        for kept in [kept for kept in self._parting if kept.process.status is not None]:
            kept.process.wait(0)
            self._parting.remove(kept)
        for kept in list(self._all):
            status = kept.process.status
            if status == TOO_LATE:
                kept.process.wait(0)
                self._all.remove(kept)
            elif status == MISMATCH:  # the next one would be of the same version
                problem = kept.last_end = kept.process.last_output()
            elif status is not None and not supervisors.is_there(kept.id):
                problem = kept.restart(status, supervisors.last_start(kept.id)) or problem
            elif status is None:
                kept.await_joining(supervisors)
        return problem

    def stop(self, grace: float) -> None:
        """End all: they are told to end, and killed ``grace`` seconds later."""
        deadline = time.monotonic() + grace
        with ExitStack() as steps:  # from the last to the first, even if one is interrupted
            for kept in (*self._all, *self._parting):
                steps.callback(_wait_until, kept.process, deadline)
            for kept in (*self._all, *self._parting):
                steps.callback(kept.process.request_end)
        self._all.clear()
        self._parting.clear()


def _wait_until(process: Process, deadline: float) -> None:
    process.wait(max(0.0, deadline - time.monotonic()))


def _next_pause(pause: float) -> float:
    return min(max(_FIRST_PAUSE_SECONDS, 2 * pause), _MAX_PAUSE_SECONDS)


def started(start: Callable[[], Started]) -> Started:
    """Start a process.

    Raises:
        SleighScriptException: it cannot be started.
    """
    try:
        return start()
    except OSError as error:
        raise SleighScriptException(f"a worker cannot be started: {error}") from error

"""The jobs of one sleigh in a batch system: submitted, watched, and cancelled in the end.

A thread of its own talks to the batch system, for its commands may take seconds. It asks for all
jobs at once, every few seconds, and submits jobs in arrays: those that are to be replaced wait for
each other, so that there are never more than `MAX_SUBMISSIONS` in a minute. It ends when no job is
wanted any more. What people should know (jobs that wait, are held or were ended) is logged once and
told to the sleigh's page.
"""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any, Final, NamedTuple

from nws.counted import counted
from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import (
    ENDED,
    HELD,
    RUNNING,
    WAITING,
    BatchSystem,
    JobKey,
    JobRequest,
    JobState,
)
from nws.sleigh.launch.job_folder import JobFolder
from nws.sleigh.launch.pace import Pace

__all__ = ["BatchJob", "JobQueue", "Slot"]

_log = logging.getLogger("nws")

_QUERY_SECONDS: Final = 2.0
"""Between questions about all jobs."""

_GATHER_SECONDS: Final = 0.1
"""For jobs that are to be replaced at the same time, before they are submitted."""

_STOP_QUERY_SECONDS: Final = 0.25
"""Likewise, while a sleigh that ends waits for its jobs."""

_COMMAND_SECONDS: Final = 30.0
"""For a command of the batch system."""

_STOP_COMMAND_SECONDS: Final = 10.0
"""Likewise, while a sleigh that ends waits for it."""

_MAX_SHOWN_CHARS: Final = 200
"""Of what a command has printed."""

_UNSEEN_SECONDS: Final = 15.0
"""After a submission, in which the batch system need not yet know of a job."""

MAX_SUBMISSIONS: Final = 10
_SPAN_SECONDS: Final = 60.0

_KILLED: Final = -9
"""The exit status of a job that has left none: the batch system has ended it. It has not left in
order, so it counts among those that fail."""

_SUBMITTING: Final = "to be submitted"

_NOT_BEGUN: Final = (WAITING, HELD)


class Slot(NamedTuple):
    """The place of a supervisor, taken by one job after the other."""

    id: str
    """Of the supervisor."""
    workers: int


class BatchJob:
    """A job, from the wish for it to its end; a `nws.sleigh.launch.processes.Process`.

    Attributes:
        slot: that it takes.
        key: by which the batch system knows it; None until it is submitted.
        submission: the number of that.
        submitted_at: when that was.
        was_seen: whether the batch system has told of it, or it has begun.
        state: what the batch system said last.
        end: its exit status, None as long as it has not ended.
        problem: why it could not be submitted; empty if it could.
        is_released: whether it is to end.
    """

    def __init__(self, queue: JobQueue, slot: Slot) -> None:
        self.slot = slot
        self.key: JobKey | None = None
        self.submission = 0
        self.submitted_at = 0.0
        self.was_seen = False
        self.state = JobState(WAITING, _SUBMITTING)
        self.end: int | None = None
        self.problem = ""
        self.is_released = False
        self._queue = queue

    @property
    def status(self) -> int | None:
        return self.end

    @property
    def is_waiting(self) -> bool:
        return self.end is None and self.state.kind in (WAITING, HELD)

    def last_output(self) -> str:
        return self._queue.describe(self)

    def request_end(self) -> None:
        self._queue.release(self)

    def wait(self, grace: float) -> None:
        self._queue.finish(self, grace)

    def kill(self) -> bool:
        return False


class JobQueue:
    """All jobs of a sleigh."""

    def __init__(
        self,
        system: BatchSystem,
        folder: JobFolder,
        request: Callable[[int, Sequence[Slot]], JobRequest],
        publish: Callable[[list[dict[str, Any]]], None],
        leaves: Callable[[str], bool],
    ) -> None:
        """Begin without jobs.

        Args:
            system: the batch system.
            folder: of the sleigh's jobs. It is removed behind the last job.
            request: makes the request for jobs of these slots, with the number of the submission.
            publish: is told of all jobs when something has changed. It may not raise.
            leaves: tells whether the supervisor with an id leaves. Its job is cancelled if it has
                not begun.
        """
        self._system = system
        self._folder = folder
        self._request = request
        self._publish = publish
        self._leaves = leaves
        self._pace = Pace(MAX_SUBMISSIONS, _SPAN_SECONDS)
        self._jobs: list[BatchJob] = []
        self._submissions = 0
        self._name = ""
        self._said: set[str] = set()
        self._published: list[dict[str, Any]] = []
        self._changing = threading.Condition()
        self._talking = threading.Lock()  # with the batch system
        self._thread: threading.Thread | None = None

    # For the sleigh's threads

    def add(self, slot: Slot) -> BatchJob:
        """Return a job for a slot, which is submitted soon."""
        job = BatchJob(self, slot)
        with self._changing:
            self._jobs.append(job)
            self._changing.notify()
        return job

    def start(self) -> None:
        """Submit what was added, and begin to watch.

        Raises:
            SleighScriptException: the batch system refuses it, or is not there.
        """
        self.submit()
        for job in self._jobs:
            if job.problem:
                raise SleighScriptException(job.problem)
        self._thread = threading.Thread(target=self._run, name="nws batch jobs", daemon=True)
        self._thread.start()

    def describe(self, job: BatchJob) -> str:
        """Say for people how a job has ended, and the last that it wrote; not which, as others may
        have ended alike."""
        if job.problem:
            return job.problem
        if job.key is None:
            return "the job was not submitted"
        said = self._folder.read_output(job.submission, job.key[1])
        silent = f"it wrote nothing (is {self._folder.path} on a file system that all share?)"
        return f"{job.state.reason}: {said or silent}" if job.state.reason else said or silent

    def release(self, job: BatchJob) -> None:
        """Give up the wish for a job. One that is just being submitted is waited for."""
        with self._talking, self._changing:
            job.is_released = True
            if job.key is None and job.end is None:
                job.end = 0

    def finish(self, job: BatchJob, grace: float) -> None:
        """Wait for at most ``grace`` seconds until a job has ended; then cancel it, and with it all
        others that are released."""
        deadline = time.monotonic() + grace
        if job.end is None:
            self.look(_STOP_COMMAND_SECONDS)
        while job.end is None and job.state.kind == RUNNING and time.monotonic() < deadline:
            time.sleep(_STOP_QUERY_SECONDS)
            self.look(_STOP_COMMAND_SECONDS)
        if job.end is None and job.key is not None:
            with self._changing:
                released = [each for each in self._jobs if each is job or each.is_released]
            self._cancel(released)
        with self._changing:
            job.end = job.end if job.end is not None else _KILLED
            if job in self._jobs:
                self._jobs.remove(job)
            is_last = not self._jobs
            self._changing.notify()
        if is_last:
            self._folder.remove()

    def _cancel(self, jobs: Sequence[BatchJob]) -> None:
        """Cancel those of these jobs that have not ended."""
        together = [job for job in jobs if job.end is None]
        keys = [job.key for job in together if job.key is not None]
        with self._talking:
            try:
                if keys:
                    self._ask(self._system.cancel_command(keys), "", _STOP_COMMAND_SECONDS)
            except SleighScriptException as error:
                _log.warning("jobs cannot be cancelled: %s", error)
        with self._changing:
            for job in together:
                job.end = _KILLED

    # The thread

    def _run(self) -> None:
        next_look = time.monotonic() + _QUERY_SECONDS
        while True:
            with self._changing:
                if not self._jobs:
                    return
                pause = max(0.0, next_look - time.monotonic())
                if any(map(_is_wanted, self._jobs)):
                    pause = min(pause, self._pace.wait(time.monotonic()))
                self._changing.wait(pause)
            time.sleep(_GATHER_SECONDS)
            self._cancel_unwanted()
            self.submit()
            if time.monotonic() >= next_look:
                self.look(_COMMAND_SECONDS)
                self._say_who_waits()
                next_look = time.monotonic() + _QUERY_SECONDS

    def _cancel_unwanted(self) -> None:
        """Cancel jobs that wait, but are not to begin any more. Those that run leave."""
        if self._unwanted():
            self.look(_COMMAND_SECONDS)  # some may have begun
            self._cancel(self._unwanted())

    def _unwanted(self) -> list[BatchJob]:
        with self._changing:
            waiting = [
                job for job in self._jobs if job.end is None and job.state.kind in _NOT_BEGUN
            ]
        return [job for job in waiting if self._leaves(job.slot.id)]

    def submit(self) -> None:
        """Submit all jobs that are wanted as one array, unless there were too many submissions."""
        with self._talking:
            with self._changing:
                wanted = [job for job in self._jobs if _is_wanted(job)]
            now = time.monotonic()
            if not wanted or self._pace.wait(now):
                return
            self._pace.note(now)
            self._submissions += 1
            try:
                self._submit(wanted, self._submissions)
            except (SleighScriptException, OSError) as error:
                for job in wanted:
                    job.problem = f"{self._system.name}: {error}"
                    job.end = 1
        self._tell()

    def _submit(self, jobs: Sequence[BatchJob], number: int) -> None:
        request = self._request(number, [job.slot for job in jobs])
        self._name = request.name
        printed = self._ask(
            self._system.submit_command(), self._system.script(request), _COMMAND_SECONDS
        )
        id = self._system.job_id(printed)
        if not id:
            raise SleighScriptException(f"it does not say which job was submitted: {printed!r}")
        with self._changing:
            for index, job in enumerate(jobs, self._system.first_index):
                job.submission, job.submitted_at = number, time.monotonic()
                job.state = JobState(WAITING)
                job.key = (id, index)

    def look(self, timeout: float) -> None:
        """Ask the batch system about all jobs.

        Args:
            timeout: seconds for its answer.
        """
        with self._talking:
            with self._changing:
                jobs = [job for job in self._jobs if job.key is not None and job.end is None]
            if not jobs:
                return
            ids = sorted({job.key[0] for job in jobs if job.key is not None})
            try:
                printed = self._ask(self._system.query_command(self._name, ids), "", timeout)
            except SleighScriptException as error:
                self._say(f"{self._system.name} does not tell about jobs: {error}")
                return
            try:
                states = self._system.read_states(printed)
            except ValueError:
                shown = shorten(printed, _MAX_SHOWN_CHARS, placeholder=" …")
                self._say(f"what {self._system.name} tells about jobs cannot be read: {shown!r}")
                return
            with self._changing:
                self._note_states(jobs, states)
        self._tell()

    def _note_states(self, jobs: Sequence[BatchJob], states: Mapping[JobKey, JobState]) -> None:
        now = time.monotonic()
        killed = []
        for job in jobs:
            assert job.key is not None
            place = job.submission, job.key[1]
            state = states.get(job.key)
            status = self._folder.read_end(*place)
            job.was_seen = job.was_seen or state is not None or self._folder.has_begun(*place)
            if status is not None:
                job.state = state if state and state.kind == ENDED else JobState(ENDED)
                job.end = status
            elif state is not None and state.kind != ENDED:
                job.state = state
            elif state is not None or job.was_seen or now - job.submitted_at > _UNSEEN_SECONDS:
                job.state, job.end = state or JobState(ENDED), _KILLED
                killed.append(job)
        if killed:
            self._say_who_was_killed(killed)

    # For people

    def _say_who_waits(self) -> None:
        with self._changing:
            jobs = [job for job in self._jobs if job.was_seen and job.end is None]
        for kind, text in ((WAITING, "wait"), (HELD, "are held")):
            found = [
                job for job in jobs if job.was_seen and job.end is None and job.state.kind == kind
            ]
            if found:
                reasons = ", ".join(sorted({job.state.reason for job in found} - {""}))
                why = f": {reasons}" if reasons else ""
                count = f"{len(found)} of {len(jobs)} jobs"
                self._say(f"{self._system.name}: {count} {text}{why}", once_for=f"{kind} {reasons}")

    def _say_who_was_killed(self, jobs: Sequence[BatchJob]) -> None:
        how = ", ".join(sorted({job.state.reason for job in jobs} - {""})) or "it does not say how"
        names = ", ".join(self._system.job_name(job.key) for job in jobs if job.key)
        self._say(f"{self._system.name} has ended jobs ({how}): {names}")

    def _described(self, job: BatchJob) -> dict[str, Any]:
        return {
            "id": job.slot.id,
            "job": "" if job.key is None else self._system.job_name(job.key),
            "state": job.state.kind if job.end is None else ENDED,
            "reason": job.problem or job.state.reason,
        }

    def _say(self, text: str, *, once_for: str = "") -> None:
        if (once_for or text) not in self._said:
            self._said.add(once_for or text)
            _log.warning("%s", text)

    def _tell(self) -> None:
        with self._changing:
            known = [self._described(job) for job in self._jobs]
            if known == self._published:
                return
            self._published = known
        self._publish(known)

    # Commands

    def _ask(self, command: Sequence[str], text: str, timeout: float) -> str:
        """Run a command of the batch system, and return what it prints.

        Raises:
            SleighScriptException: it is not there, fails, or takes too long.
        """
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, timeout=timeout, check=False
            )
        except OSError as error:
            raise SleighScriptException(f"`{command[0]}` cannot be run: {error}") from error
        except subprocess.TimeoutExpired as error:
            raise SleighScriptException(
                f"`{command[0]}` has not answered for {counted(timeout, 'second')}"
            ) from error
        if done.returncode:
            said = (done.stderr or done.stdout).strip() or "it said nothing"
            raise SleighScriptException(
                f"`{command[0]}` failed with exit status {done.returncode}: {said}"
            )
        return done.stdout


def _is_wanted(job: BatchJob) -> bool:
    return job.key is None and job.end is None

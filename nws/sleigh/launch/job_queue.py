"""The jobs of one sleigh, in a system with a queue: submitted, watched, and cancelled in the end.

A thread of its own talks to the system, whose answers may take seconds. It asks for all jobs at
once, every few seconds, and submits jobs in arrays: those that are to be replaced wait for each
other, so that there are never more than `MAX_SUBMISSIONS` in a minute. It ends when no job is
wanted any more. What people should know (jobs that wait, are held or were ended) is logged once and
told to the sleigh's page.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import ENDED, HELD, RUNNING, WAITING, JobKey, JobState
from nws.sleigh.launch.pace import Pace

__all__ = ["BatchJob", "JobQueue", "JobSystem", "Slot"]

_log = logging.getLogger("nws")

_QUERY_SECONDS: Final = 2.0
"""Between questions about all jobs."""

_GATHER_SECONDS: Final = 0.1
"""For jobs that are to be replaced at the same time, before they are submitted."""

_STOP_QUERY_SECONDS: Final = 0.25
"""Likewise, while a sleigh that ends waits for its jobs."""

_ANSWER_SECONDS: Final = 30.0
"""For an answer of the system."""

_STOP_ANSWER_SECONDS: Final = 10.0
"""Likewise, while a sleigh that ends waits for it."""

_UNSEEN_SECONDS: Final = 15.0
"""After a submission, in which the system need not yet know of a job."""

MAX_SUBMISSIONS: Final = 10
_SPAN_SECONDS: Final = 60.0

_KILLED: Final = -9
"""The exit status of a job that has left none: the system has ended it. It has not left in
order, so it counts among those that fail."""

_SUBMITTING: Final = "to be submitted"

_NOT_BEGUN: Final = (WAITING, HELD)


class Slot(NamedTuple):
    """The place of a supervisor, taken by one job after the other."""

    id: str
    """Of the supervisor."""
    workers: int


class JobSystem(Protocol):
    """The system in which the jobs of one sleigh are.

    Attributes:
        name: of its launcher.
        first_index: of an array.
    """

    name: str
    first_index: int

    def submit(self, number: int, slots: Sequence[Slot], timeout: float) -> str:
        """Submit an array of jobs, one for each slot, and return its id.

        Args:
            number: of this submission.
            slots: that the jobs take.
            timeout: seconds for an answer.

        Raises:
            SleighScriptException: the system refuses, or does not answer.
            OSError: what the jobs need cannot be written.
        """

    def states(self, keys: Sequence[JobKey], timeout: float) -> Mapping[JobKey, JobState]:
        """Return the states of those of these jobs that the system knows, perhaps others too.

        Raises:
            SleighScriptException: it does not tell.
        """

    def cancel(self, keys: Sequence[JobKey], timeout: float) -> None:
        """Cancel these jobs.

        Raises:
            SleighScriptException: the system refuses, or does not answer.
        """

    def job_name(self, key: JobKey) -> str:
        """Return what the system, and people, call a job."""

    def last_output(self, key: JobKey) -> str:
        """Return the end of what a job wrote, as far as its state does not have that."""

    def remove(self) -> None:
        """Remove what is left of all jobs, which have ended. It may not raise."""


class BatchJob:
    """A job, from the wish for it to its end; a `nws.sleigh.launch.processes.Process`.

    Attributes:
        slot: that it takes.
        key: by which the system knows it; None until it is submitted.
        submitted_at: when that was.
        was_seen: whether the system has told of it.
        state: what the system said last.
        end: its exit status, None as long as it has not ended.
        problem: why it could not be submitted; empty if it could.
        is_released: whether it is to end.
    """

    def __init__(self, queue: JobQueue, slot: Slot) -> None:
        self.slot = slot
        self.key: JobKey | None = None
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
        system: JobSystem,
        publish: Callable[[list[dict[str, Any]]], None],
        leaves: Callable[[str], bool],
    ) -> None:
        """Begin without jobs.

        Args:
            system: in which the jobs are.
            publish: is told of all jobs when something has changed. It may not raise.
            leaves: tells whether the supervisor with an id leaves. Its job is cancelled if it has
                not begun.
        """
        self._system = system
        self._publish = publish
        self._leaves = leaves
        self._pace = Pace(MAX_SUBMISSIONS, _SPAN_SECONDS)
        self._jobs: list[BatchJob] = []
        self._submissions = 0
        self._said: set[str] = set()
        self._published: list[dict[str, Any]] = []
        self._changing = threading.Condition()
        self._talking = threading.Lock()  # with the system
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
            SleighScriptException: the system refuses it, or is not there.
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
        return ": ".join(filter(None, (job.state.why, self._system.last_output(job.key))))

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
            self.look(_STOP_ANSWER_SECONDS)
        while job.end is None and job.state.kind == RUNNING and time.monotonic() < deadline:
            time.sleep(_STOP_QUERY_SECONDS)
            self.look(_STOP_ANSWER_SECONDS)
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
            self._system.remove()

    def _cancel(self, jobs: Sequence[BatchJob]) -> None:
        """Cancel those of these jobs that have not ended."""
        together = [job for job in jobs if job.end is None]
        keys = [job.key for job in together if job.key is not None]
        with self._talking:
            try:
                if keys:
                    self._system.cancel(keys, _STOP_ANSWER_SECONDS)
            except SleighScriptException as error:
                _log.warning("%s: jobs cannot be cancelled: %s", self._system.name, error)
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
                self.look(_ANSWER_SECONDS)
                self._say_who_waits()
                next_look = time.monotonic() + _QUERY_SECONDS

    def _cancel_unwanted(self) -> None:
        """Cancel jobs that wait, but are not to begin any more. Those that run leave."""
        if self._unwanted():
            self.look(_ANSWER_SECONDS)  # some may have begun
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
        id = self._system.submit(number, [job.slot for job in jobs], _ANSWER_SECONDS)
        with self._changing:
            for index, job in enumerate(jobs, self._system.first_index):
                job.submitted_at = time.monotonic()
                job.state = JobState(WAITING)
                job.key = (id, index)

    def look(self, timeout: float) -> None:
        """Ask the system about all jobs.

        Args:
            timeout: seconds for its answer.
        """
        with self._talking:
            with self._changing:
                jobs = [job for job in self._jobs if job.key is not None and job.end is None]
            if not jobs:
                return
            try:
                states = self._system.states([job.key for job in jobs if job.key], timeout)
            except SleighScriptException as error:
                self._say(f"{self._system.name} does not tell about jobs: {error}")
                return
            with self._changing:
                self._note_states(jobs, states)
        self._tell()

    def _note_states(self, jobs: Sequence[BatchJob], states: Mapping[JobKey, JobState]) -> None:
        now = time.monotonic()
        killed = []
        for job in jobs:
            assert job.key is not None
            state = states.get(job.key)
            job.was_seen = job.was_seen or state is not None
            if state is not None and state.kind != ENDED:
                job.state = state
            elif state is not None and state.status is not None:
                job.state, job.end = state, state.status
            elif job.was_seen or now - job.submitted_at > _UNSEEN_SECONDS:
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
                known = ", ".join(sorted({job.state.why for job in found} - {""}))
                why = f": {known}" if known else ""
                count = f"{len(found)} of {len(jobs)} jobs"
                self._say(f"{self._system.name}: {count} {text}{why}", once_for=f"{kind} {reasons}")

    def _say_who_was_killed(self, jobs: Sequence[BatchJob]) -> None:
        how = ", ".join(sorted({job.state.why for job in jobs} - {""})) or "it does not say how"
        names = ", ".join(self._system.job_name(job.key) for job in jobs if job.key)
        self._say(f"{self._system.name} has ended jobs ({how}): {names}")

    def _described(self, job: BatchJob) -> dict[str, Any]:
        return {
            "id": job.slot.id,
            "job": "" if job.key is None else self._system.job_name(job.key),
            "state": job.state.kind if job.end is None else ENDED,
            "reason": job.problem or job.state.why,
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


def _is_wanted(job: BatchJob) -> bool:
    return job.key is None and job.end is None

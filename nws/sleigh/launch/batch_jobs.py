"""The jobs of one sleigh in a batch system, by its commands and the sleigh's folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Final

from nws.counted import counted
from nws.errors import SleighScriptException
from nws.sleigh.launch.batch_system import ENDED, BatchSystem, JobKey, JobRequest, JobState
from nws.sleigh.launch.job_folder import JobFolder
from nws.sleigh.launch.job_queue import Slot

__all__ = ["BatchJobs"]

_MAX_SHOWN_CHARS: Final = 200
"""Of what a command has printed."""


class BatchJobs:
    """A `nws.sleigh.launch.job_queue.JobSystem`."""

    def __init__(
        self,
        system: BatchSystem,
        folder: JobFolder,
        request: Callable[[int, Sequence[Slot]], JobRequest],
    ) -> None:
        """Begin without jobs.

        Args:
            system: the batch system.
            folder: of the sleigh's jobs. It is removed behind the last job.
            request: makes the request for jobs of these slots, with the number of the submission.
        """
        self.name = system.name
        self.first_index = system.first_index
        self._system = system
        self._folder = folder
        self._request = request
        self._name = ""
        self._submissions: dict[str, int] = {}  # their numbers, by the ids of the arrays

    def submit(self, number: int, slots: Sequence[Slot], timeout: float) -> str:
        request = self._request(number, slots)
        self._name = request.name
        script = self._system.script(request)
        printed = _ask(self._system.submit_command(), script, timeout)
        id = self._system.job_id(printed)
        if not id:
            raise SleighScriptException(f"it does not say which job was submitted: {printed!r}")
        self._submissions[id] = number
        return id

    def states(self, keys: Sequence[JobKey], timeout: float) -> Mapping[JobKey, JobState]:
        ids = sorted({id for id, _ in keys})
        printed = _ask(self._system.query_command(self._name, ids), "", timeout)
        try:
            told = self._system.read_states(printed)
        except ValueError as error:
            shown = shorten(printed, _MAX_SHOWN_CHARS, placeholder=" …")
            raise SleighScriptException(f"its answer cannot be read: {shown!r}") from error
        states = {key: self._state(key, told.get(key)) for key in keys}
        return {key: state for key, state in states.items() if state is not None}

    def _state(self, key: JobKey, told: JobState | None) -> JobState | None:
        """Return the state of a job; None if it has left no trace yet.

        Args:
            key: of the job.
            told: by the batch system; most forget at once what has ended.
        """
        place = self._submissions[key[0]], key[1]
        status = self._folder.read_end(*place)
        if status is not None:
            reason = told.reason if told is not None and told.kind == ENDED else ""
            return JobState(ENDED, reason, status=status)
        if told is None and self._folder.has_begun(*place):
            return JobState(ENDED)
        return told

    def cancel(self, keys: Sequence[JobKey], timeout: float) -> None:
        _ask(self._system.cancel_command(keys), "", timeout)

    def job_name(self, key: JobKey) -> str:
        return self._system.job_name(key)

    def last_output(self, key: JobKey) -> str:
        said = self._folder.read_output(self._submissions[key[0]], key[1])
        return said or f"it wrote nothing (is {self._folder.path} on a file system that all share?)"

    def remove(self) -> None:
        self._folder.remove()


def _ask(command: Sequence[str], text: str, timeout: float) -> str:
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

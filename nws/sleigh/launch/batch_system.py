"""The contract of a batch system: how it is asked for jobs, about them, and to cancel them.

All of it is text, made and read without running anything; ``batch_jobs.py`` runs the commands. Jobs
are submitted as arrays. An entry of an array is known by the job's id and its index, a `JobKey`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

__all__ = [
    "ENDED",
    "HELD",
    "RUNNING",
    "WAITING",
    "BatchSystem",
    "JobKey",
    "JobRequest",
    "JobState",
    "Needs",
    "hours_minutes_seconds",
    "shell_script",
]

JobKey = tuple[str, int]

WAITING: Final = "waiting"
HELD: Final = "held"
RUNNING: Final = "running"
ENDED: Final = "ended"


_NOT_FOUND: Final = 127
"""What a shell has as the exit status of a program that is not there."""


class JobState(NamedTuple):
    """What the system says of a job."""

    kind: str
    """`WAITING`, `HELD`, `RUNNING` or `ENDED`."""
    reason: str = ""
    """Why it waits or has ended, in the system's words; empty if it does not say."""
    details: str = ""
    """More about that. Other details are no news to people."""
    status: int | None = None
    """The exit status of one that has ended by itself."""

    @property
    def why(self) -> str:
        """The reason and all that is known about it."""
        return ": ".join(filter(None, (self.reason, self.details)))


class Needs(NamedTuple):
    """What each job of an array asks for. What is empty or 0 is left to the system."""

    queue: str = ""
    """Or partition."""
    account: str = ""
    walltime: int = 0
    """In seconds."""
    memory: int = 0
    """In megabytes."""
    cores: int = 1
    lines: Sequence[str] = ()
    """Further lines of the script: directives, or commands that are run before the workers."""


class JobRequest(NamedTuple):
    """An array of jobs to be submitted."""

    name: str
    size: int
    needs: Needs
    folder: str
    """Where each job runs and leaves what it writes, as ``<number>.<index>.out``."""
    number: int
    """Of this submission."""
    program: Sequence[str]
    """Words, quoted for a shell, to which the index and the name of the job are added."""


class BatchSystem(Protocol):
    """A batch system.

    Attributes:
        name: of its launcher.
        first_index: of an array.
    """

    name: str
    first_index: int

    def script(self, request: JobRequest) -> str:
        """Return what is submitted."""

    def submit_command(self) -> Sequence[str]:
        """Return the command that submits the script on its stdin."""

    def job_id(self, printed: str) -> str:
        """Return the id of the array in what that command has printed; empty if there is none."""

    def job_name(self, key: JobKey) -> str:
        """Return what the batch system, and people, call a job."""

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        """Return the command that tells the states of all jobs with this name and these ids."""

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        """Return the states in what that command has printed, perhaps those of other jobs too.

        Raises:
            ValueError: it cannot be read.
        """

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        """Return the command that cancels these jobs."""


def shell_script(
    request: JobRequest, directives: Sequence[str], prefix: str, index: str, name: str
) -> str:
    """Return a job script for the shell.

    Args:
        request: what is to be run.
        directives: options of the batch system, one a line.
        prefix: begins each of them.
        index: what the shell makes the index of, such as ``${SLURM_ARRAY_TASK_ID}``.
        name: likewise, what people call the job.
    """
    python = request.program[0]
    program = " ".join([*request.program, f'"{index}"', f'"{name}"'])
    lines = [
        "#!/bin/sh",
        *(f"{prefix} {directive}" for directive in directives),
        *request.needs.lines,
        f"cd {request.folder} || exit",
        f'exec >"{request.number}.{index}.out" 2>&1',
        f"command -v {python} >/dev/null || {{",
        f'  echo "there is no {python} on $(uname -n)"',
        f'  echo {_NOT_FOUND} >"{request.number}.{index}.end"',
        f"  exit {_NOT_FOUND}",
        "}",
        f"exec {program}",
    ]
    return "\n".join(lines) + "\n"


def hours_minutes_seconds(seconds: int) -> str:
    """Return a walltime as most batch systems take it."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"

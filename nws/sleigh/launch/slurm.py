"""``launch="slurm"``: workers are jobs of Slurm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from nws.sleigh.launch.batch import BatchLauncher
from nws.sleigh.launch.batch_system import (
    ENDED,
    HELD,
    RUNNING,
    WAITING,
    JobKey,
    JobRequest,
    JobState,
    hours_minutes_seconds,
    shell_script,
)
from nws.sleigh.launch.walltime import margin_within

__all__ = ["Slurm"]

_INDEX: Final = "${SLURM_ARRAY_TASK_ID}"

_WAITING_STATES: Final = ("PENDING", "REQUEUED", "CONFIGURING")
_HELD_STATES: Final = ("REQUEUE_HOLD", "SPECIAL_EXIT")
_RUNNING_STATES: Final = ("RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING")
_HELD_REASON: Final = "JobHeld"
"""Begins the reasons of jobs that somebody holds."""


class Slurm(BatchLauncher):
    """Jobs of Slurm, 20.02 or later. Its queues are partitions."""

    name = "slurm"
    first_index = 0

    def script(self, request: JobRequest) -> str:
        return shell_script(
            request,
            list(_directives(request)),
            "#SBATCH",
            _INDEX,
            f"${{SLURM_ARRAY_JOB_ID}}_{_INDEX}",
        )

    def submit_command(self) -> Sequence[str]:
        return ["sbatch", "--parsable"]

    def job_id(self, printed: str) -> str:
        job = printed.strip().partition(";")[0]  # behind that there may be the name of a cluster
        return job if job.isdecimal() else ""

    def job_name(self, key: JobKey) -> str:
        return "{}_{}".format(*key)

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        form = "%F %K %T %r"
        return ["squeue", "--noheader", "--array", "--states=all", f"--name={name}", "-o", form]

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        rows = (line.split(None, 3) for line in printed.splitlines())
        return {
            (job, int(index)): _state(state, reason)
            for job, index, state, reason in rows
            if index.isdecimal()
        }

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        return ["scancel", *map(self.job_name, keys)]


def _directives(request: JobRequest) -> list[str]:
    needs = request.needs
    options = {
        "job-name": request.name,
        "array": f"0-{request.size - 1}",
        "output": "/dev/null",
        "ntasks": 1,
        "cpus-per-task": needs.cores,
        "partition": needs.queue,
        "account": needs.account,
        # That of the partition; before one of ours, workers leave by themselves.
        "signal": "" if needs.walltime else f"B:TERM@{margin_within(needs.walltime):.0f}",
        "time": hours_minutes_seconds(needs.walltime) if needs.walltime else "",
        "mem": f"{needs.memory}M" if needs.memory else "",
    }
    return [f"--{name}={value}" for name, value in options.items() if value != ""]


def _state(state: str, reason: str) -> JobState:
    if state in _HELD_STATES or (state == "PENDING" and reason.startswith(_HELD_REASON)):
        return JobState(HELD, reason)
    if state in _WAITING_STATES:
        return JobState(WAITING, "" if reason == "None" else reason)
    return JobState(RUNNING) if state in _RUNNING_STATES else JobState(ENDED, state)

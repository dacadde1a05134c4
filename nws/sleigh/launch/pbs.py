"""``launch="pbs"``: workers are jobs of PBS."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

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

__all__ = ["Pbs"]

_INDEX: Final = "${PBS_ARRAY_INDEX:-0}"
"""A single job is none of an array: PBS refuses an array of one."""

_ENTRY: Final = re.compile(r"(\d+)(?:\[(\d+)\])?\.(.+)")

_STATES: Final = {"Q": WAITING, "W": WAITING, "T": WAITING, "H": HELD, "F": ENDED, "X": ENDED}
"""A job in any other state runs."""


class Pbs(BatchLauncher):
    """Jobs of OpenPBS or PBS Professional."""

    name = "pbs"
    first_index = 0

    def script(self, request: JobRequest) -> str:
        return shell_script(request, list(_directives(request)), "#PBS", _INDEX, "${PBS_JOBID}")

    def submit_command(self) -> Sequence[str]:
        return ["qsub"]

    def job_id(self, printed: str) -> str:
        job = printed.strip()
        return job if re.fullmatch(r"\d+(\[\])?\..+", job) else ""

    def job_name(self, key: JobKey) -> str:
        return key[0].replace("[]", f"[{key[1]}]")

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        return ["qstat", "-x", "-t", "-f", "-F", "json", *jobs]

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        jobs: dict[str, dict[str, Any]] = json.loads(printed).get("Jobs", {})
        states = {}
        for name, job in jobs.items():
            if found := _ENTRY.fullmatch(name):
                number, index, server = found.groups()
                id = f"{number}.{server}" if index is None else f"{number}[].{server}"
                kind = _STATES.get(job.get("job_state", ""), RUNNING)
                states[id, int(index or 0)] = JobState(kind, _reason(kind, job))
        return states

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        return ["qdel", *map(self.job_name, keys)]


def _directives(request: JobRequest) -> list[str]:
    needs = request.needs
    memory = f":mem={needs.memory}mb" if needs.memory else ""
    options = [
        f"-N {request.name}",
        f"-J 0-{request.size - 1}" if request.size > 1 else "",
        "-o /dev/null",
        "-j oe",
        f"-l select=1:ncpus={needs.cores}{memory}",
        f"-q {needs.queue}" if needs.queue else "",
        f"-A {needs.account}" if needs.account else "",
        f"-l walltime={hours_minutes_seconds(needs.walltime)}" if needs.walltime else "",
    ]
    return [option for option in options if option]


def _reason(kind: str, job: Mapping[str, Any]) -> str:
    if kind == ENDED:
        return f"exit status {job['Exit_status']}" if "Exit_status" in job else ""
    return str(job.get("comment", "")) if kind in (WAITING, HELD) else ""

"""``launch="sge"``: workers are jobs of Grid Engine."""

from __future__ import annotations

import getpass
from collections.abc import Mapping, Sequence
from typing import Final
from xml.etree import ElementTree

from nws.sleigh.launch.batch import BatchLauncher
from nws.sleigh.launch.batch_system import (
    HELD,
    RUNNING,
    WAITING,
    JobKey,
    JobRequest,
    JobState,
    shell_script,
)

__all__ = ["GridEngine"]

_INDEX: Final = "${SGE_TASK_ID}"


class GridEngine(BatchLauncher):
    """Jobs of Grid Engine (Sun, Son of, Univa, Open, Altair). Accounts are projects; several cores
    are asked for by the parallel environment ``smp``."""

    name = "sge"
    first_index = 1

    def script(self, request: JobRequest) -> str:
        return shell_script(
            request, list(_directives(request)), "#$", _INDEX, f"${{JOB_ID}}.{_INDEX}"
        )

    def submit_command(self) -> Sequence[str]:
        return ["qsub", "-terse"]

    def job_id(self, printed: str) -> str:
        job = printed.rstrip().rpartition("\n")[2].partition(".")[0]
        return job if job.isdecimal() else ""

    def job_name(self, key: JobKey) -> str:
        return "{}.{}".format(*key)

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        return ["qstat", "-xml", "-g", "d", "-u", getpass.getuser()]

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        try:
            rows = ElementTree.fromstring(printed).iter("job_list")
        except ElementTree.ParseError as error:
            raise ValueError(printed) from error
        states = {}
        for row in rows:
            job, index = row.findtext("JB_job_number", ""), row.findtext("tasks", "")
            if index.isdecimal():
                states[job, int(index)] = _state(job, row.findtext("state", ""))
        return states

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        return ["qdel", *map(self.job_name, keys)]


def _directives(request: JobRequest) -> list[str]:
    needs = request.needs
    options = [
        f"-N {request.name}",
        f"-t 1-{request.size}",
        "-S /bin/sh",
        "-o /dev/null",
        "-j y",
        "-notify",
        f"-pe smp {needs.cores}" if needs.cores > 1 else "",
        f"-q {needs.queue}" if needs.queue else "",
        f"-P {needs.account}" if needs.account else "",
        f"-l h_rt={needs.walltime}" if needs.walltime else "",
        f"-l h_vmem={needs.memory}M" if needs.memory else "",
    ]
    return [option for option in options if option]


def _state(job: str, letters: str) -> JobState:
    if "E" in letters:
        return JobState(HELD, f"error state {letters}, see qstat -j {job}")
    if "h" in letters:
        return JobState(HELD, letters)
    return JobState(WAITING) if "q" in letters else JobState(RUNNING)

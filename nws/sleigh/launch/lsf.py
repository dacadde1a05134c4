"""``launch="lsf"``: workers are jobs of LSF."""

from __future__ import annotations

import re
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
    shell_script,
)

__all__ = ["Lsf"]

_INDEX: Final = "${LSB_JOBINDEX}"

_STATES: Final = {"PEND": WAITING, "WAIT": WAITING, "PSUSP": HELD, "DONE": ENDED, "EXIT": ENDED}
"""A job in any other state runs."""

_FORM: Final = "jobid jobindex stat exit_reason pend_reason delimiter='|'"


class Lsf(BatchLauncher):
    """Jobs of IBM Spectrum LSF, 10.1 or later. Accounts are projects."""

    name = "lsf"
    first_index = 1

    def script(self, request: JobRequest) -> str:
        name = f"${{LSB_JOBID}}[{_INDEX}]"
        return shell_script(request, list(_directives(request)), "#BSUB", _INDEX, name)

    def submit_command(self) -> Sequence[str]:
        return ["bsub"]

    def job_id(self, printed: str) -> str:
        found = re.search(r"Job <(\d+)> is submitted", printed)
        return found[1] if found else ""

    def job_name(self, key: JobKey) -> str:
        return "{}[{}]".format(*key)

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        return ["bjobs", "-a", "-noheader", "-o", _FORM, *jobs]

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        states = {}
        for line in printed.splitlines():
            job, index, state, *reasons = line.split("|")
            if index.isdecimal():
                kind = _STATES.get(state, RUNNING)
                given = [reason.strip() for reason in reasons if reason.strip() not in ("", "-")]
                states[job, int(index)] = JobState(
                    kind, "" if kind == RUNNING else "; ".join(given)
                )
        return states

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        return ["bkill", *map(self.job_name, keys)]


def _directives(request: JobRequest) -> list[str]:
    needs = request.needs
    minutes = -(-needs.walltime // 60)
    options = [
        f"-J {request.name}[1-{request.size}]",
        "-o /dev/null",
        f"-n {needs.cores}",
        '-R "span[hosts=1]"' if needs.cores > 1 else "",
        f"-q {needs.queue}" if needs.queue else "",
        f"-P {needs.account}" if needs.account else "",
        f"-W {minutes // 60}:{minutes % 60:02}" if needs.walltime else "",
        f"-M {needs.memory}MB" if needs.memory else "",
    ]
    return [option for option in options if option]

"""``launch="htcondor"``: workers are jobs of HTCondor."""

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
)

__all__ = ["HTCondor"]

_NAME: Final = "$(Cluster).$(Process)"

_STATES: Final = {"1": WAITING, "2": RUNNING, "3": ENDED, "4": ENDED, "5": HELD, "6": RUNNING}
"""By ``JobStatus``. A job in any other state runs."""

_RUNNING_STATUS: Final = 2


class HTCondor(BatchLauncher):
    """Jobs of HTCondor, on machines that share a file system. Accounts are accounting groups; a
    queue is an expression for ``requirements``."""

    name = "htcondor"
    first_index = 0

    def script(self, request: JobRequest) -> str:
        """Return a submit description: HTCondor runs no script."""
        program, *words = request.program
        return "\n".join(
            [
                f"executable = {program}",
                f'arguments = "{" ".join(words)} $(Process) {_NAME}"',
                f"initialdir = {request.folder}",
                f"output = {request.number}.$(Process).out",
                f"error = {request.number}.$(Process).out",
                "should_transfer_files = NO",
                f"batch_name = {request.name}",
                *_commands(request),
                *request.needs.lines,
                f"queue {request.size}",
                "",
            ]
        )

    def submit_command(self) -> Sequence[str]:
        return ["condor_submit", "-terse", "-"]

    def job_id(self, printed: str) -> str:
        found = re.match(r"\s*(\d+)\.\d+", printed)  # as in "12.0 - 12.3"
        return found[1] if found else ""

    def job_name(self, key: JobKey) -> str:
        return "{}.{}".format(*key)

    def query_command(self, name: str, jobs: Sequence[str]) -> Sequence[str]:
        form = ["ClusterId", "ProcId", "JobStatus", "HoldReason"]
        return ["condor_q", *jobs, "-autoformat", *form]

    def read_states(self, printed: str) -> Mapping[JobKey, JobState]:
        states = {}
        for line in printed.splitlines():
            job, index, status, reason = line.split(None, 3)
            kind = _STATES.get(status, RUNNING)
            states[job, int(index)] = JobState(kind, reason if kind == HELD else "")
        return states

    def cancel_command(self, keys: Sequence[JobKey]) -> Sequence[str]:
        return ["condor_rm", *map(self.job_name, keys)]


def _commands(request: JobRequest) -> list[str]:
    needs = request.needs
    late = f"(JobStatus == {_RUNNING_STATUS}) && (time() - EnteredCurrentStatus > {needs.walltime})"
    commands = [
        f"request_cpus = {needs.cores}",
        f"request_memory = {needs.memory}" if needs.memory else "",
        f"accounting_group = {needs.account}" if needs.account else "",
        f"requirements = {needs.queue}" if needs.queue else "",
        f"periodic_remove = {late}" if needs.walltime else "",
    ]
    return [command for command in commands if command]

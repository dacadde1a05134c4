"""A batch system for tests that runs each job here and at once, under the commands of several.

It is called as `qsub`, `bsub`, `condor_submit` and so on. What it knows of jobs is in files of a
folder, each with the process that runs a job. It knows no more of the systems than what is written
in their manuals.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pytest

FOLDER: Final = "NWS_TESTS_BATCH_STUB"
"""The variable that names the folder."""

COMMANDS: Final = {
    "pbs": ("qsub", "qstat", "qdel"),
    "lsf": ("bsub", "bjobs", "bkill"),
    "htcondor": ("condor_submit", "condor_q", "condor_rm"),
}

_SERVER: Final = "stub"
"""Of PBS, in the names of its jobs."""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let its commands be found first, and return the folder of the jobs, within this one."""
    jobs = folder / "jobs"
    programs = jobs / "bin"
    programs.mkdir(parents=True)
    for name in [name for names in COMMANDS.values() for name in names]:
        (programs / name).write_text(
            f'#!/bin/sh\nexec {sys.executable} -S {__file__} {name} "$@"\n'
        )
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(programs), os.environ["PATH"])))
    monkeypatch.setenv(FOLDER, str(jobs))
    return jobs


def running_jobs(folder: Path) -> dict[tuple[str, int], int]:
    """Return the processes of the jobs that run."""
    return {key: pid for key, pid in _jobs(folder) if _runs(pid)}


def _jobs(folder: Path) -> Iterator[tuple[tuple[str, int], int]]:
    for path in sorted(folder.glob("*.pid")):
        job, index, _ = path.name.split(".")
        yield (job, int(index)), int(path.read_text())


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _submit(folder: Path, script: str, indices: range, variables: Mapping[str, str]) -> str:
    """Run the jobs of an array; what stands in braces in the variables is filled in."""
    job = str(1 + len(list(folder.glob("*.script"))))
    (folder / f"{job}.script").write_text(script)
    for index in indices:
        filled = {name: value.format(job=job, index=index) for name, value in variables.items()}
        command = ["/bin/sh", str(folder / f"{job}.script")]
        if script.startswith("executable"):
            command = _described_command(script, job, index)
        process = subprocess.Popen(
            command,
            env={**os.environ, **filled},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        (folder / f"{job}.{index}.pid").write_text(str(process.pid))
    return job


def _described_command(description: str, job: str, index: int) -> list[str]:
    """Return the command that a submit description stands for."""
    text = description.replace("$(Process)", str(index)).replace("$(Cluster)", job)
    entries = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
    words = shlex.split(entries["arguments"].strip('"'))
    program = shlex.join([entries["executable"], *words])
    there = shlex.quote(entries["initialdir"])
    return ["/bin/sh", "-c", f"cd {there} && exec {program} >{entries['output']} 2>&1"]


def _cancel(folder: Path, key: tuple[str, int]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(dict(_jobs(folder))[key], signal.SIGTERM)


def main(command: str, words: list[str]) -> None:
    """Do what a command of a batch system does."""
    folder = Path(os.environ[FOLDER])
    {
        "qsub": _qsub,
        "qstat": _qstat,
        "qdel": _delete,
        "bsub": _bsub,
        "bjobs": _bjobs,
        "bkill": _delete,
        "condor_submit": _condor_submit,
        "condor_q": _condor_q,
        "condor_rm": _delete,
    }[command](folder, words)


def _delete(folder: Path, words: list[str]) -> None:
    for word in words:
        job, index = re.findall(r"\d+", word)
        _cancel(folder, (job, int(index)))


def _qsub(folder: Path, words: list[str]) -> None:
    script = sys.stdin.read()
    found = re.search(r"^#PBS -J 0-(\d+)$", script, re.MULTILINE)
    if found is None:
        job = _submit(folder, script, range(1), {"PBS_JOBID": f"{{job}}.{_SERVER}"})
        print(f"{job}.{_SERVER}")
        return
    variables = {"PBS_JOBID": f"{{job}}[{{index}}].{_SERVER}", "PBS_ARRAY_INDEX": "{index}"}
    job = _submit(folder, script, range(int(found[1]) + 1), variables)
    print(f"{job}[].{_SERVER}")


def _qstat(folder: Path, words: list[str]) -> None:
    asked = {word.partition(".")[0] for word in words[5:]}
    jobs = {}
    for (job, index), pid in _jobs(folder):
        name = f"{job}[{index}]" if f"{job}[]" in asked else job
        if {f"{job}[]", job} & asked:
            jobs[f"{name}.{_SERVER}"] = {"job_state": "R" if _runs(pid) else "F"}
    print(json.dumps({"Jobs": jobs}))


def _bsub(folder: Path, words: list[str]) -> None:
    script = sys.stdin.read()
    found = re.search(r"^#BSUB -J .*\[1-(\d+)\]$", script, re.MULTILINE)
    assert found is not None
    variables = {"LSB_JOBID": "{job}", "LSB_JOBINDEX": "{index}"}
    job = _submit(folder, script, range(1, int(found[1]) + 1), variables)
    print(f"Job <{job}> is submitted to default queue <normal>.")


def _bjobs(folder: Path, words: list[str]) -> None:
    for (job, index), pid in _jobs(folder):
        if job in words:
            print(
                f"{job}|{index}|RUN|-|-"
                if _runs(pid)
                else f"{job}|{index}|EXIT|TERM_OWNER: by us|-"
            )


def _condor_submit(folder: Path, words: list[str]) -> None:
    description = sys.stdin.read()
    size = int(description.split()[-1])
    job = _submit(folder, description, range(size), {})
    print(f"{job}.0 - {job}.{size - 1}")


def _condor_q(folder: Path, words: list[str]) -> None:
    for (job, index), pid in _jobs(folder):
        if job in words and _runs(pid):
            print(job, index, 2, "undefined")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

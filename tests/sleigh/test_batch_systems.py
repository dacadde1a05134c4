"""What is said to batch systems, and what they answer, as text."""

from __future__ import annotations

import re

import pytest

from nws.sleigh.launch.batch import BatchLauncher
from nws.sleigh.launch.batch_system import ENDED, HELD, RUNNING, WAITING, JobKey, JobState
from nws.sleigh.launch.elsewhere import slots_for
from nws.sleigh.launch.launchers import launcher_named
from nws.sleigh.launch.mpi import Mpi
from nws.sleigh.launch.pace import Pace
from tests.support.server import ROOT

SYSTEMS = ["slurm", "sge", "pbs", "lsf", "htcondor"]

SQUEUE = """\
7 0 PENDING Resources
7 1 PENDING JobHeldUser
7 2 RUNNING None
7 3 COMPLETING None
7 4 CANCELLED None
8 N/A RUNNING None
"""

QSTAT_JOB = """<job_list state="any">
<JB_job_number>7</JB_job_number><state>{}</state><tasks>{}</tasks></job_list>"""

QSTAT_XML = f"""<?xml version='1.0'?>
<job_info><queue_info>{QSTAT_JOB.format("r", 1)}</queue_info><job_info>
{QSTAT_JOB.format("qw", 2)}{QSTAT_JOB.format("hqw", 3)}{QSTAT_JOB.format("Eqw", 4)}
<job_list state="pending"><JB_job_number>8</JB_job_number><state>qw</state></job_list>
</job_info></job_info>
"""

QSTAT_JSON = """{"Jobs": {
"7[].pbs1": {"job_state": "B"},
"7[0].pbs1": {"job_state": "Q", "comment": "Not Running: Insufficient amount of ncpus"},
"7[1].pbs1": {"job_state": "R", "comment": "Job run at Fri"},
"7[2].pbs1": {"job_state": "X", "Exit_status": 271},
"8.pbs1": {"job_state": "H"}}}
"""

BJOBS = """\
7|1|PEND|-|Job slot limit reached
7|2|RUN|-|-
7|3|EXIT|TERM_RUNLIMIT: job killed after reaching LSF run time limit|-
7|4|PSUSP|-|-
"""

CONDOR_Q = """\
7 0 1 undefined
7 1 2 undefined
7 2 5 The job attribute PeriodicHold expression was true
7 3 3 undefined
"""


def made(name: str, **options: object) -> BatchLauncher:
    launcher = launcher_named(name)(**options)
    assert isinstance(launcher, BatchLauncher)
    return launcher


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_page_has_the_script(name: str) -> None:
    launcher = made(
        name,
        queue="long",
        account="physics",
        walltime=7200,
        memory=4000,
        workers_per_job=4,
        python="/opt/nws/bin/python",
    )
    page = (ROOT / f"docs/launchers/{name}.md").read_text()
    assert re.findall(r"```sh\n(.*?)```", page, re.DOTALL) == [launcher.shown_script(8)]


def test_the_page_has_the_command_of_mpi() -> None:
    launcher = Mpi(command=["mpiexec", "--hostfile", "machines"], python="/opt/nws/bin/python")
    command = launcher.command(4, "/home/you/.local/state/nws/jobs/example/0.json")
    assert f"```sh\n{' '.join(command)}\n```" in (ROOT / "docs/launchers/mpi.md").read_text()


@pytest.mark.parametrize("name", SYSTEMS)
def test_lines_of_the_user(name: str) -> None:
    script = made(name, lines=["# one", "two = 2"]).shown_script(1)
    assert "# one\ntwo = 2\n" in script


@pytest.mark.parametrize(
    ("name", "printed", "states"),
    [
        (
            "slurm",
            SQUEUE,
            {
                ("7", 0): (WAITING, "Resources"),
                ("7", 1): (HELD, "JobHeldUser"),
                ("7", 2): (RUNNING, ""),
                ("7", 3): (RUNNING, ""),
                ("7", 4): (ENDED, "CANCELLED"),
            },
        ),
        (
            "sge",
            QSTAT_XML,
            {
                ("7", 1): (RUNNING, ""),
                ("7", 2): (WAITING, ""),
                ("7", 3): (HELD, "hqw"),
                ("7", 4): (HELD, "error state Eqw, see qstat -j 7"),
            },
        ),
        (
            "pbs",
            QSTAT_JSON,
            {
                ("7[].pbs1", 0): (WAITING, "Not Running: Insufficient amount of ncpus"),
                ("7[].pbs1", 1): (RUNNING, ""),
                ("7[].pbs1", 2): (ENDED, "exit status 271"),
                ("8.pbs1", 0): (HELD, ""),
            },
        ),
        (
            "lsf",
            BJOBS,
            {
                ("7", 1): (WAITING, "Job slot limit reached"),
                ("7", 2): (RUNNING, ""),
                ("7", 3): (
                    ENDED,
                    "TERM_RUNLIMIT: job killed after reaching LSF run time limit",
                ),
                ("7", 4): (HELD, ""),
            },
        ),
        (
            "htcondor",
            CONDOR_Q,
            {
                ("7", 0): (WAITING, ""),
                ("7", 1): (RUNNING, ""),
                ("7", 2): (HELD, "The job attribute PeriodicHold expression was true"),
                ("7", 3): (ENDED, ""),
            },
        ),
    ],
)
def test_states(name: str, printed: str, states: dict[JobKey, tuple[str, str]]) -> None:
    found = made(name).read_states(printed)
    assert found == {key: JobState(*state) for key, state in states.items()}


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("printed", ["garbage", "<", "{}}", "7 x"])
def test_garbage(name: str, printed: str) -> None:
    """It is an error, or tells of no job."""
    try:
        assert made(name).read_states(printed) == {}
    except ValueError:
        pass


@pytest.mark.parametrize(
    ("name", "printed", "id", "first"),
    [
        ("slurm", "7\n", "7", "7_0"),
        ("slurm", "7;cluster\n", "7", "7_0"),
        ("sge", "warning: of a plug-in\n7.1-4:1\n", "7", "7.0"),
        ("sge", "7\n", "7", "7.0"),
        ("pbs", "7[].pbs1\n", "7[].pbs1", "7[0].pbs1"),
        ("pbs", "7.pbs1\n", "7.pbs1", "7.pbs1"),
        ("lsf", "Job <7> is submitted to default queue <normal>.\n", "7", "7[0]"),
        ("htcondor", "7.0 - 7.3\n", "7", "7.0"),
    ],
)
def test_ids(name: str, printed: str, id: str, first: str) -> None:
    launcher = made(name)
    assert launcher.job_id(printed) == id
    assert launcher.job_name((id, 0)) == first
    assert [launcher.job_id(garbage) for garbage in ("", "\n", "error")] == ["", "", ""]


def test_jobs_for_workers() -> None:
    assert slots_for(10, 4) == [("0", 4), ("1", 4), ("2", 2)]


def test_a_pace() -> None:
    pace = Pace(2, 60.0)
    assert pace.wait(100.0) == 0.0
    pace.note(100.0)
    pace.note(110.0)
    assert pace.wait(120.0) == 40.0
    assert pace.wait(160.0) == 0.0
    pace.note(160.0)
    assert pace.wait(161.0) == 9.0

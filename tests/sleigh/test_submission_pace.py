"""A batch system whose jobs always fail: it is not flooded, and a call does not wait for ever."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nws.sleigh import Sleigh, SleighJoinException
from nws.sleigh.launch.job_queue import MAX_SUBMISSIONS
from tests.support.processes import until

_SBATCH = """\
#!/bin/sh
cat >/dev/null
echo >>{submissions}
wc -l <{submissions}
"""

_SQUEUE = """\
#!/bin/sh
job=$(($(wc -l <{submissions})))
echo "$job 0 FAILED NonZeroExitCode"
echo "$job 1 FAILED NonZeroExitCode"
"""

_SECONDS = 130


class Clock:
    """Stands for the module `time`. Only the test moves it."""

    sleep: ClassVar[Any] = staticmethod(lambda _: time.sleep(0.001))
    time = staticmethod(time.time)

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def submissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Has a line for each array of jobs that was submitted to a Slurm in which all fail."""
    file = tmp_path / "submissions"
    file.touch()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"sbatch": _SBATCH, "squeue": _SQUEUE, "scancel": "#!/bin/sh\n"}.items():
        (programs / name).write_text(text.format(submissions=file))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join((str(programs), os.environ["PATH"])))
    monkeypatch.setattr("nws.sleigh.launch.job_queue._QUERY_SECONDS", 0.0)
    return file


def count(submissions: Path) -> int:
    return len(submissions.read_text().splitlines())


def test_submissions(
    submissions: Path, on_server: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are never more than ten in a minute, and they go on."""
    clock = Clock()
    monkeypatch.setattr("nws.sleigh.launch.job_queue.time", clock)
    monkeypatch.setattr("nws.sleigh.launch.processes.time", clock)
    monkeypatch.setattr("nws.sleigh.launch.processes._MAX_PAUSE_SECONDS", 1.0)
    counts: list[int] = []
    with Sleigh(**on_server, launch="slurm", workerCount=2) as sleigh:
        jobs = sleigh._home.processes._all

        def settled() -> bool:
            """Each job has failed, or may not be submitted yet."""
            full = count(submissions) - ([0] * 60 + counts)[-60] >= MAX_SUBMISSIONS
            return all(
                each.process.status is not None or (full and each.process.is_waiting)
                for each in jobs
            )

        for _ in range(_SECONDS):
            clock.now += 1.0
            sleigh.status(timeout=0.001)  # starts those again that have failed
            until(settled, "the end of jobs that were submitted")
            counts.append(count(submissions))
    in_a_minute = [later - sooner for sooner, later in zip(counts, counts[59:], strict=False)]
    assert max(in_a_minute) == MAX_SUBMISSIONS
    assert counts[-1] > MAX_SUBMISSIONS


def test_a_call(submissions: Path, on_server: dict[str, Any]) -> None:
    """It ends, also if jobs leave no trace but what the batch system says."""
    with (
        Sleigh(**on_server, launch="slurm", workerCount=2) as sleigh,
        pytest.raises(SleighJoinException, match="FAILED"),
    ):
        sleigh.eachElem(abs, [1])

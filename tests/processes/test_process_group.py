"""A command as a process group of the system."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nws.processes.process_group import SHELL, ProcessEnd, ProcessGroup, with_limits
from tests.support.processes import until_file, until_gone


def start(command: str | list[str], *, memory: int = 0, cpu: int = 0, **more: Any) -> ProcessGroup:
    """Start a list of words, or a text for the shell."""
    words = [SHELL, "-c", command] if isinstance(command, str) else command
    return ProcessGroup(with_limits(words, memory, cpu), os.environ, **more)


def run(command: str | list[str], **more: Any) -> ProcessEnd:
    return start(command, **more).wait()


def test_exit_status_and_signal_are_apart() -> None:
    assert run("exit 3")[:3] == (3, 0, False)
    assert run("kill -TERM $$")[:3] == (-1, signal.SIGTERM, False)
    assert run(["true"])[:3] == (0, 0, False)


def test_what_cannot_be_started_raises() -> None:
    with pytest.raises(FileNotFoundError):
        start(["no-such-program"])
    with pytest.raises(FileNotFoundError):
        start("true", cwd="/no/such/folder")


def test_a_signal_reaches_all_of_the_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    process = start(f"sleep 1000 & sleep 1000 & echo $! > {pids}.new; mv {pids}.new {pids}; wait")
    grandchild = int(until_file(pids))
    process.send_signal(signal.SIGTERM)
    assert process.wait().signal == signal.SIGTERM
    until_gone([grandchild])
    process.send_signal(signal.SIGTERM)  # nobody is there any more


def test_what_a_job_leaves_in_its_group_ends_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert run(f"sleep 1000 & echo $! > {pids}").status == 0
    until_gone([int(pids.read_text())])


def test_a_job_whose_time_is_over_is_killed() -> None:
    assert run("trap '' TERM; sleep 1000", timeout=0.05)[:3] == (-1, signal.SIGKILL, True)
    assert run("true", timeout=1000)[:3] == (0, 0, False)


def test_limits_of_memory_and_processor_time_hold() -> None:
    python = [sys.executable, "-c"]
    assert run([*python, "b'x' * 10**9"], memory=300 * 10**6).status == 1
    assert run([*python, "b'x' * 10**6"], memory=300 * 10**6).status == 0
    limits = run("ulimit -v; exec ulimit -t", memory=2**30, cpu=7)
    assert limits.status in (0, 127)
    assert (
        run("test $(ulimit -v) = 1048576 && test $(ulimit -S -t) = 7", memory=2**30, cpu=7)[0] == 0
    )


@pytest.mark.slow
@pytest.mark.nightly  # that the limit is set is above
def test_processor_time_beyond_the_limit_ends_a_job() -> None:
    end = run([sys.executable, "-c", "while True: pass"], cpu=1)
    assert end.signal == signal.SIGXCPU
    assert end.cpu > 0.5  # the system counts in ticks

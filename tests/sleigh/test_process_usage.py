"""What a worker's process uses, looked at from its supervisor."""

from __future__ import annotations

import os
import time

import pytest

from nws.sleigh.supervisor.process_usage import ProcessUsage, UsageMeter, is_similar


def spin(seconds: float) -> None:
    """Use processor time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_process_that_works_and_rests() -> None:
    meter = UsageMeter()
    first = meter.look(os.getpid(), 100.0)
    assert first.memory is not None
    assert first.memory > 1_000_000
    assert first.cpu is None
    spin(0.1)
    second = meter.look(os.getpid(), 101.0)
    assert second.cpu is not None
    assert second.cpu_seconds is not None
    assert first.cpu_seconds is not None
    assert second.cpu >= 0.05, "the system counts in ticks"
    assert second.cpu_seconds >= first.cpu_seconds + 0.05
    assert meter.look(os.getpid(), 101.1).cpu == second.cpu, "it is too early to say"
    assert meter.look(os.getpid(), 1e9).cpu == 0.0


def test_no_process() -> None:
    assert UsageMeter().look(0, 1.0) == ProcessUsage()
    assert UsageMeter().look(2**22 + 1, 1.0) == ProcessUsage()


def test_another_process_is_not_compared_with_the_one_before() -> None:
    meter = UsageMeter()
    meter.look(os.getppid(), 1.0)
    assert meter.look(os.getpid(), 2.0).cpu is None


@pytest.mark.parametrize(
    ("one", "other", "similar"),
    [
        (ProcessUsage(), ProcessUsage(), True),
        (ProcessUsage(100, None), ProcessUsage(109, None), True),
        (ProcessUsage(100, None), ProcessUsage(112, None), False),
        (ProcessUsage(100, None), ProcessUsage(100, 0.5), False),
        (ProcessUsage(100, 0.5, 1.0), ProcessUsage(100, 0.59, 2.0), True),
        (ProcessUsage(100, 0.5), ProcessUsage(100, 0.7), False),
        (ProcessUsage(100, 0.05), ProcessUsage(100, 0.0), False),
        (ProcessUsage(100, 0.0), ProcessUsage(100, 0.05), False),
        (ProcessUsage(100, 0.0), ProcessUsage(100, 0.0), True),
    ],
)
def test_what_is_worth_a_report(one: ProcessUsage, other: ProcessUsage, similar: bool) -> None:
    assert is_similar(one, other) is similar

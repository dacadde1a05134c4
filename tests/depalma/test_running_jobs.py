"""The jobs that run on a host: how they start and are killed. Their processes are fakes."""

from __future__ import annotations

import signal
import threading
from functools import partial
from typing import Any

import pytest

from nws.depalma.messages import SubmittedJob
from nws.depalma.running_jobs import RunningJobs
from tests.support.processes import Aside
from tests.support.server import PATIENCE


class Process:
    """Stands for a process that takes signals."""

    def __init__(self, signals: list[int]) -> None:
        self._signals = signals

    def send_signal(self, number: int) -> None:
        self._signals.append(number)


class SlowStart:
    """Makes a process, but not before it is let; notes the signals that this gets."""

    def __init__(self) -> None:
        self.signals: list[int] = []
        self.begun = threading.Event()
        self.let = threading.Event()

    def __call__(self) -> Any:
        self.begun.set()
        assert self.let.wait(PATIENCE)
        process: Any = Process(self.signals)
        return process


def job(pid: int) -> SubmittedJob:
    return SubmittedJob(pid, 1, 1)


@pytest.fixture
def running() -> RunningJobs:
    return RunningJobs()


def test_jobs_start_at_the_same_time(running: RunningJobs) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def start() -> Any:
        both.wait()
        return Process([])

    ends = [Aside(partial(running.start, job(pid), 1, start)) for pid in (1, 2)]
    assert all(isinstance(end.result(), Process) for end in ends)


def test_a_job_that_is_killed_while_it_starts_gets_the_signal(running: RunningJobs) -> None:
    start = SlowStart()
    end = Aside(lambda: running.start(job(7), 1, start))
    assert start.begun.wait(PATIENCE)
    running.kill(7, signal.SIGTERM)
    start.let.set()
    assert isinstance(end.result(), Process)
    assert start.signals == [signal.SIGTERM]
    assert running.remove(7) == signal.SIGTERM


def test_the_end_waits_for_jobs_that_are_being_started(running: RunningJobs) -> None:
    start = SlowStart()
    started = Aside(lambda: running.start(job(7), 1, start))
    assert start.begun.wait(PATIENCE)
    ended = Aside(running.end)
    start.let.set()
    started.result()
    assert ended.result() == [7]
    assert signal.SIGKILL in start.signals
    assert running.start(job(8), 1, start) == signal.SIGKILL


def test_a_job_that_cannot_start_keeps_nothing_waiting(running: RunningJobs) -> None:
    def start() -> Any:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        running.start(job(7), 1, start)
    assert running.end() == []

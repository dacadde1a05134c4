"""One server with a sleigh of 2,000 workers on 200 machines, which are played by some processes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from time import perf_counter
from typing import Final

import psutil

from nws.client import NetWorkSpace
from nws.sleigh.master.members import Members
from nws.sleigh.master.team import Team
from nws.sleigh.shared.functions import INVOKE, Function
from nws.sleigh.shared.messages import Call, Results, Task
from scripts.benchmarks.contenders import Contender
from scripts.benchmarks.crowd import (
    FUNCTION,
    FUNCTION_VARIABLE,
    JOIN,
    REPORT,
    WORKERS_PER_MACHINE,
)
from scripts.benchmarks.inspector import page
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST, our_server_with_inspector
from scripts.benchmarks.rounds import Aim, Comparison

ABOUT: Final = "2,000 workers, each line beside its limit"

_AIM: Final = Aim(1, is_cost=True)
_CROWDS: Final = 4
_WORKERS: Final = 1000
"""They join twice."""

_JOIN_SECONDS: Final = 10.0
_WORKER_BYTES: Final = 30_000
_PAGE_SECONDS: Final = 0.3
_TASKS: Final = 10_000
_TASKS_PER_MESSAGE: Final = 1000
_TASKS_SECONDS: Final = 1.0
_FUNCTION_BYTES: Final = 10_000_000
_FUNCTION_MACHINES: Final = 100
_STALL_SECONDS: Final = 0.1
_REPORT_SECONDS: Final = 0.1
"""Of the server's time, for what all workers report in a second."""


def run(rounds: int) -> Iterator[Comparison]:
    """Let the workers join, and measure what they cost at work and at rest."""
    with ExitStack() as stack:
        port, web_port = stack.enter_context(our_server_with_inspector())
        space = stack.enter_context(NetWorkSpace(SPACE, HOST, port))
        server = psutil.Process(space.server.status()["pid"])
        team = Team(space, Members(space, logging.getLogger().warning, 0), None, None)
        stack.callback(team.close)
        command = [sys.executable, "-m", "scripts.benchmarks.crowd", str(port)]
        crowds = _Crowds([stack.enter_context(Contender(command)) for _ in range(_CROWDS)], stack)

        before = server.memory_info().rss
        machines = _WORKERS // WORKERS_PER_MACHINE
        joined = [crowds.do(JOIN, machines) for _ in range(2)]
        memory = (server.memory_info().rss - before) / (2 * _WORKERS)
        yield _beside("1,000 workers join", joined[:1], _JOIN_SECONDS)
        yield _beside("1,000 more join", joined[1:], _JOIN_SECONDS)
        yield _beside("memory of an idle worker", [memory], _WORKER_BYTES, unit="B")
        show = page(web_port, f"/sleigh?name={SPACE}")
        yield _beside("page of the sleigh", [show() for _ in range(rounds)], _PAGE_SECONDS)
        tasks = [_do_tasks(team) for _ in range(rounds + 1)]
        yield _beside("10,000 tasks", tasks[1:], _TASKS_SECONDS)
        space.store(FUNCTION_VARIABLE, bytes(_FUNCTION_BYTES))
        stalls = [
            _longest_wait(space, lambda: crowds.do(FUNCTION, _FUNCTION_MACHINES))
            for _ in range(rounds)
        ]
        yield _beside("store, beside 100 x 10 MB", stalls, _STALL_SECONDS)
        reports = [_server_time(server, lambda: crowds.do(REPORT, 1)) for _ in range(rounds)]
        yield _beside("reports of a second", reports, _REPORT_SECONDS)


def _beside(work: str, measured: list[float], limit: float, unit: str = "s") -> Comparison:
    return Comparison(work, "a limit", measured, [limit] * len(measured), _AIM, unit)


class _Crowds:
    """Processes that each play a part of the machines, all at the same time."""

    def __init__(self, crowds: list[Contender], stack: ExitStack) -> None:
        self._crowds = crowds
        self._threads = stack.enter_context(ThreadPoolExecutor(len(crowds)))
        for started in [self._threads.submit(crowd.start) for crowd in crowds]:
            started.result()

    def do(self, piece: str, amount: int) -> float:
        """Let them share a piece of work; return the seconds until the last one is done."""
        start = perf_counter()
        shares: list[Future[float]] = [
            self._threads.submit(crowd.measure, piece, amount // len(self._crowds))
            for crowd in self._crowds
        ]
        for share in shares:
            share.result()
        return perf_counter() - start


def _do_tasks(team: Team) -> float:
    """Submit tasks as the master does, and wait for all results."""
    call = Call(1, team.provide(Function(INVOKE, abs, (), {}, None)), 1)
    start = perf_counter()
    for first in range(0, _TASKS, _TASKS_PER_MESSAGE):
        numbers = range(first, first + _TASKS_PER_MESSAGE)
        team.submit([Task(call, number, [number]) for number in numbers])
    arrived = 0
    while arrived < _TASKS:
        arrived += sum(isinstance(message, Results) for message in team.receive(1.0))
    seconds = perf_counter() - start
    team.release(call.function)
    return seconds


def _longest_wait(space: NetWorkSpace, work: Callable[[], object]) -> float:
    """Store small values until some work is done; return how long the slowest one took."""
    done = threading.Event()
    longest = 0.0

    def measure() -> None:
        nonlocal longest
        while not done.is_set():
            start = perf_counter()
            space.store("small", 0)
            longest = max(longest, perf_counter() - start)
            done.wait(0.001)

    space.declare("small", "single")
    thread = threading.Thread(target=measure)
    thread.start()
    try:
        work()
    finally:
        done.set()
        thread.join()
    return longest


def _server_time(server: psutil.Process, work: Callable[[], object]) -> float:
    """Return the processor time that the server takes for some work, in seconds."""
    before = server.cpu_times()
    work()
    after = server.cpu_times()
    return (after.user + after.system) - (before.user + before.system)

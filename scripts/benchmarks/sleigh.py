"""The sleigh beside other parallel maps, all with two workers on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from time import perf_counter
from typing import Final, NamedTuple

from scripts.benchmarks import environment, pieces
from scripts.benchmarks.contenders import Contender, Turns
from scripts.benchmarks.maps import (
    DASK,
    EXECUTOR,
    IPYPARALLEL,
    JOBLIB,
    LOKY,
    MAPS,
    OURS,
    POOL,
    RAY,
)
from scripts.benchmarks.rounds import Aim, Comparison, Failure, Result, Round, interleave

_PEERS: Final = (POOL, EXECUTOR, LOKY, JOBLIB, DASK, RAY, IPYPARALLEL)
_SLOW: Final = frozenset({DASK, RAY, IPYPARALLEL})


class _Work(NamedTuple):
    """What is measured in one line of the table, or in several beside different peers.

    Attributes:
        label: what it is called.
        piece: see `pieces`.
        tasks: how many.
        aims: for those peers for which there is one.
        slow_tasks: how many for those that need long; 0 if as many.
    """

    label: str
    piece: str
    tasks: int
    aims: Mapping[str, Aim]
    slow_tasks: int = 0

    def tasks_for(self, name: str) -> int:
        return self.slow_tasks if self.slow_tasks and name in _SLOW else self.tasks

    def title_of(self, name: str) -> str:
        tasks = self.tasks_for(name)
        return name if tasks == self.tasks else f"{name}, {tasks:,} tasks"


MANY_ABOUT: Final = "20,000 tasks that return their argument; figures per task"
_MANY: Final = _Work(
    "eachElem",
    pieces.MANY,
    20_000,
    {JOBLIB: Aim(0.5), **dict.fromkeys((DASK, RAY, IPYPARALLEL), Aim(50))},
    slow_tasks=2000,
)

SINGLE_ABOUT: Final = "20,000 tasks that return their argument, one message each; figures per task"
_SINGLE: Final = _Work("eachElem(chunkSize=1)", pieces.SINGLE, 20_000, {EXECUTOR: Aim(1.0)})

SUBMIT_ABOUT: Final = "20,000 single calls with futures, and their results; figures per call"
_SUBMIT: Final = _Work("submit", pieces.SUBMITTED, 20_000, {EXECUTOR: Aim(2.0)})

ONE_ABOUT: Final = "one task, from the call to its result"
_ONE: Final = _Work("one task", pieces.ONE, 100, {EXECUTOR: Aim(0.67), RAY: Aim(5)})

LARGE_ABOUT: Final = "50 tasks, each with 1 MB in and the same out; figures per task"
_LARGE: Final = (
    _Work("1 MB of bytes", pieces.BYTES, 50, {EXECUTOR: Aim(1.0)}),
    _Work("NumPy array of 1 MB", pieces.ARRAYS, 50, {EXECUTOR: Aim(1.0)}),
)

START_ABOUT: Final = "a new Python process, from its start to the first result of two workers"
_START_AIMS: Final = {DASK: Aim(1.0), RAY: Aim(4)}

IMAP_ABOUT: Final = "imap(abs, range(1000000)), beside eachElem of the same; dearer by"

OUTPUT_ABOUT: Final = "tasks that print a megabyte in 320,000 pieces, beside one piece; dearer by"

KEPT_ABOUT: Final = "one of 100 arrays of 80 KB is kept, beside a copy of it; larger by"

MILLION_ABOUT: Final = "eachElem(abs, range(1000000)), beside a limit"
_MILLION: Final = {"with the defaults": pieces.ABS, "with loadFactor=3": pieces.ABS_SPARING}
_MILLION_ELEMENTS: Final = 1_000_000
_LIMIT_SECONDS: Final = 10.0
_LIMIT_AIM: Final = Aim(1, is_cost=True)


def many(rounds: int) -> Iterator[Result]:
    """Run many small tasks, with the defaults of each contender."""
    return _compare([_MANY], _PEERS, rounds)


def single(rounds: int) -> Iterator[Result]:
    """Run many small tasks, with the contenders that can send each in a message of its own."""
    return _compare([_SINGLE], (POOL, EXECUTOR, LOKY), rounds)


def submit(rounds: int) -> Iterator[Result]:
    """Submit single calls, beside peers and beside a map of as many tasks."""
    yield from _compare([_SUBMIT], (EXECUTOR, LOKY), rounds)
    yield from _beside_itself(
        "submit",
        (pieces.SUBMITTED, pieces.SINGLE),
        "eachElem(chunkSize=1)",
        _SUBMIT.tasks,
        rounds,
        Aim(1.5, is_cost=True),
    )


def imap(rounds: int) -> Iterator[Result]:
    """Iterate over the results of a great many tasks, beside a list of them."""
    aim = Aim(3, is_cost=True)
    for more, works in (
        ("", (pieces.ABS_ITERATED, pieces.ABS)),
        (", chunkSize=1000", (pieces.IN_CHUNKS_ITERATED, pieces.IN_CHUNKS)),
    ):
        label, other = f"imap{more}", f"eachElem{more}"
        yield from _beside_itself(label, works, other, _MILLION_ELEMENTS, rounds, aim)


def output(rounds: int) -> Iterator[Result]:
    """Write much in small pieces."""
    works = (pieces.WRITTEN_IN_PIECES, pieces.WRITTEN_AT_ONCE)
    return _beside_itself("json.dump", works, "json.dumps", 4, rounds, Aim(5, is_cost=True))


def kept(rounds: int) -> Iterator[Result]:
    """Keep one result of many."""
    works = (pieces.KEPT, pieces.KEPT_COPY)
    return _beside_itself("memory", works, "a copy", 100, rounds, Aim(2, is_cost=True), unit="B")


def _beside_itself(
    label: str,
    works: tuple[str, str],
    other: str,
    tasks: int,
    rounds: int,
    aim: Aim,
    unit: str = "s",
) -> Iterator[Result]:
    """Compare two pieces of work of one sleigh."""
    with _contender(OURS) as ours:
        turns = {piece: Turns(partial(ours.measure, piece, tasks)) for piece in works}
        samples = interleave(turns, rounds)
        failures = [turn.failure for turn in turns.values() if turn.failure]
        if failures:
            yield Failure(label, OURS, failures[0])
        else:
            yield Comparison(label, other, samples[works[0]], samples[works[1]], aim, unit)


def one(rounds: int) -> Iterator[Result]:
    """Run one task after the other, with one peer at a time: even idle peers use a little of the
    processor, which would distort times as short as these."""
    for name in _PEERS:
        yield from _compare([_ONE], (name,), rounds)


def large(rounds: int) -> Iterator[Result]:
    """Run tasks with large values, by all but ipyparallel, whose client keeps every result."""
    return _compare(_LARGE, [name for name in _PEERS if name != IPYPARALLEL], rounds)


def start(rounds: int) -> Iterator[Result]:
    """Start processes, each of which starts a parallel map of its own."""
    works = {name: partial(_start, name) for name in _present(_PEERS)}
    return _race("start, first result", works, rounds, _START_AIMS)


def million(rounds: int) -> Iterator[Result]:
    """Run a great many tasks. There is no peer: the aim is a time."""
    with _contender(OURS) as ours:
        for label, piece in _MILLION.items():
            turns = Turns(partial(ours.measure, piece, _MILLION_ELEMENTS))
            samples = interleave({OURS: turns}, rounds)[OURS]
            if turns.failure:
                yield Failure(label, OURS, turns.failure)
            else:
                seconds = [sample * _MILLION_ELEMENTS for sample in samples]
                yield Comparison(label, "a limit", seconds, [_LIMIT_SECONDS] * rounds, _LIMIT_AIM)


def _present(peers: Iterable[str]) -> list[str]:
    """Return ours, and those of the peers whose package can be imported."""
    left_out = environment.packages().left_out
    return [OURS, *(name for name in peers if MAPS[name].package not in left_out)]


def _contender(name: str) -> Contender:
    return Contender([environment.PYTHON, "-m", "scripts.benchmarks.pieces", name])


def _start(name: str) -> float:
    with _contender(name) as contender:
        begin = perf_counter()
        contender.start()
        return perf_counter() - begin


def _compare(works: Iterable[_Work], peers: Iterable[str], rounds: int) -> Iterator[Result]:
    """Do one work after the other with the same contenders."""
    with ExitStack() as stack:
        contenders = {name: stack.enter_context(_contender(name)) for name in _present(peers)}
        for work in works:
            pieces_of_work = {
                name: partial(contender.measure, work.piece, work.tasks_for(name))
                for name, contender in contenders.items()
            }
            yield from _race(work.label, pieces_of_work, rounds, work.aims, work.title_of)


def _race(
    label: str,
    works: Mapping[str, Round],
    rounds: int,
    aims: Mapping[str, Aim],
    title_of: Callable[[str], str] = str,
) -> Iterator[Result]:
    """Let ours and the others take turns, and compare those that did not fail."""
    turns = {name: Turns(work) for name, work in works.items()}
    samples = interleave(turns, rounds)
    for name, turn in turns.items():
        if turn.failure:
            yield Failure(label, title_of(name), turn.failure)
        elif name != OURS and not turns[OURS].failure:
            yield Comparison(label, title_of(name), samples[OURS], samples[name], aims.get(name))

"""Interfaces that programs have already, ours beside what they are from, with two workers on this
machine: `nws.futures` beside ProcessPoolExecutor, `nws.joblib` beside the backend that joblib has
itself, `nws.pp` beside ppft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, TypeAlias

from scripts.benchmarks import environment, pieces
from scripts.benchmarks.contenders import Contender, Turns
from scripts.benchmarks.maps import EXECUTOR, FUTURES, JOBLIB, MAPS, NWS_JOBLIB, PP, PPFT
from scripts.benchmarks.rounds import Aim, Comparison, Failure, Result, interleave

_Work: TypeAlias = "tuple[str, str, int, Aim | None]"
"""Its label, its piece, how many calls, and the aim, if there is one."""

EXECUTOR_ABOUT: Final = "calls that return their argument; figures per call"
_EXECUTOR_WORKS: Final = (
    ("submit, 10,000 calls", pieces.SUBMITTED, 10_000, Aim(2.0)),
    ("submit, one call", pieces.ONE, 100, Aim(0.67)),
    ("map, 20,000 calls", pieces.SINGLE, 20_000, Aim(1.5)),
)

JOBLIB_ABOUT: Final = "calls; figures per call"
_JOBLIB_WORKS: Final = (
    ("Parallel, 2,000 calls of 1 ms", pieces.MILLISECONDS, 2000, Aim(0.95)),
    ("Parallel, 20,000 calls of nothing", pieces.MANY, 20_000, None),
)

PP_ABOUT: Final = "nws.pp beside ppft: jobs that return their argument; figures per job"
_PP_WORKS: Final = (
    ("pp: 1,000 jobs", pieces.SUBMITTED, 1000, Aim(2.0)),
    ("pp: 10,000 jobs", pieces.SUBMITTED, 10_000, Aim(2.0)),
    ("pp: one job", pieces.ONE, 100, Aim(0.8)),
)


def executor(rounds: int) -> Iterator[Result]:
    """Compare executors."""
    return _compare(FUTURES, EXECUTOR, _EXECUTOR_WORKS, rounds)


def joblib(rounds: int) -> Iterator[Result]:
    """Compare backends of joblib, where that can be installed."""
    return _compare(NWS_JOBLIB, JOBLIB, _JOBLIB_WORKS, rounds)


def pp(rounds: int) -> Iterator[Result]:
    """Compare servers of Parallel Python, where ppft can be installed."""
    return _compare(PP, PPFT, _PP_WORKS, rounds)


def _compare(ours: str, other: str, works: Iterable[_Work], rounds: int) -> Iterator[Result]:
    if MAPS[other].package in environment.packages().left_out:
        return
    with _contender(ours) as first, _contender(other) as second:
        for label, piece, calls, aim in works:
            turns = {
                name: Turns(partial(contender.measure, piece, calls))
                for name, contender in ((ours, first), (other, second))
            }
            samples = interleave(turns, rounds)
            failed = [name for name, turn in turns.items() if turn.failure]
            if failed:
                yield Failure(label, failed[0], turns[failed[0]].failure)
            else:
                yield Comparison(label, other, samples[ours], samples[other], aim)


def _contender(name: str) -> Contender:
    return Contender([environment.PYTHON, "-m", "scripts.benchmarks.pieces", name])

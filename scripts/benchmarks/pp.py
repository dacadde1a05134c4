"""`nws.pp` beside ppft, with two workers on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from scripts.benchmarks import environment, pieces
from scripts.benchmarks.contenders import Contender, Turns
from scripts.benchmarks.maps import MAPS, PP, PPFT
from scripts.benchmarks.rounds import Aim, Comparison, Failure, Result, interleave

ABOUT: Final = "nws.pp beside ppft: jobs that return their argument; figures per job"

_WORKS: Final = (
    ("pp: 1,000 jobs", pieces.SUBMITTED, 1000, Aim(2.0)),
    ("pp: 10,000 jobs", pieces.SUBMITTED, 10_000, Aim(2.0)),
    ("pp: one job", pieces.ONE, 100, Aim(0.8)),
)


def run(rounds: int) -> Iterator[Result]:
    """Do one work after the other with both, where ppft can be installed."""
    if MAPS[PPFT].package in environment.packages().left_out:
        return
    with _contender(PP) as ours, _contender(PPFT) as other:
        for label, piece, jobs, aim in _WORKS:
            turns = {
                name: Turns(partial(contender.measure, piece, jobs))
                for name, contender in ((PP, ours), (PPFT, other))
            }
            samples = interleave(turns, rounds)
            failed = [name for name, turn in turns.items() if turn.failure]
            if failed:
                yield Failure(label, failed[0], turns[failed[0]].failure)
            else:
                yield Comparison(label, PPFT, samples[PP], samples[PPFT], aim)


def _contender(name: str) -> Contender:
    return Contender([environment.PYTHON, "-m", "scripts.benchmarks.pieces", name])

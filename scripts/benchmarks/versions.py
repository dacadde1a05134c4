"""This checkout beside another one of the project: does anything cost more than it did?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from scripts.benchmarks.contenders import Contender, Turns
from scripts.benchmarks.rounds import Aim, Comparison, Failure, Result, interleave

ABOUT: Final = "this checkout beside another one; the ratio is of the costs"

_ROOT: Final = Path(__file__).resolve().parents[2]
_PROGRAM: Final = Path(__file__).with_name("version_program.py")
_AIM: Final = Aim(1.05, is_cost=True)
_STARTS: Final = 6
"""Pairs of processes: large values are quicker or slower all through the life of a process, by a
third, as its memory lies."""


class _Work(NamedTuple):
    """A line of the table.

    Attributes:
        label: what it is called.
        piece: its name in `version_program`.
        operations: in each round.
        aim: of the ratio.
    """

    label: str
    piece: str
    operations: int
    aim: Aim = _AIM


_WORKS: Final = {
    "spaces": (
        _Work("store", "store", 2000),
        _Work("fetch", "fetch", 2000),
        _Work("find", "find", 2000),
        _Work("findTry of nothing", "findTry", 2000),
        _Work("lease, settle", "lease, settle", 1000),
        _Work("store_many, fetch_many of 100", "batch", 50),
        _Work("connect, findTry, close", "connect", 100, Aim(1.2, is_cost=True)),
        _Work("there and back", "there and back", 1000),
        _Work("10 MB: store, then find", "10 MB", 3),
        _Work("100 MB: store, then find", "100 MB", 1),
        _Work("fetch, store amid 300,000 values", "full", 1000),
        _Work("page of 50,000 variables", "page", 3),
        _Work("page of 300,000 values", "value page", 10),
    ),
    "sleighs": (
        _Work("eachElem of one", "one", 200),
        _Work("eachElem of 20,000", "many", 20_000),
        _Work("eachElem(chunkSize=1)", "single", 5000),
        _Work("eachElem(loadFactor=3)", "sparing", 300_000),
        _Work("eachElem of 300,000", "many", 300_000),
        _Work("50 MB of bytes", "bytes", 50),
        _Work("50 MB of arrays", "arrays", 50),
        _Work("eachWorker", "eachWorker", 50),
        _Work("submit", "submit", 5000),
        _Work("imap", "imap", 1000),
    ),
    "processes": (
        _Work("import nws.client", "import", 3),
        _Work("start, first result, end", "first result", 1),
    ),
}


def run(other: Path, rounds: int) -> Iterator[Result]:
    """Let the two versions take turns.

    Args:
        other: the other checkout, in which scripts/setup was run.
        rounds: how many for each pair of processes.
    """
    for group, works in _WORKS.items():
        sampled = {work: _Samples() for work in works}
        for number in range(_STARTS):
            # Neither is always the first.
            versions = [_ROOT, other] if number % 2 else [other, _ROOT]
            with ExitStack() as stack:
                contenders = {
                    version: stack.enter_context(Contender(_command(version, group)))
                    for version in versions
                }
                for work in works:
                    _measure(work, contenders, sampled[work], rounds)
        for work, samples in sampled.items():
            yield samples.result(work, other)


def _command(version: Path, group: str) -> list[str]:
    return [str(version / ".venv" / "bin" / "python"), str(_PROGRAM), group]


class _Samples:
    """What was measured of one piece of work: seconds by version, or why there is nothing."""

    def __init__(self) -> None:
        self.seconds: defaultdict[Path, list[float]] = defaultdict(list)
        self.failure: tuple[Path, str] | None = None

    def result(self, work: _Work, other: Path) -> Comparison | Failure:
        if self.failure:
            who, reason = self.failure
            return Failure(work.label, str(who), reason)
        ours, others = self.seconds[_ROOT], self.seconds[other]
        return Comparison(work.label, other.name, ours, others, work.aim)


def _measure(
    work: _Work, contenders: Mapping[Path, Contender], samples: _Samples, rounds: int
) -> None:
    turns = {
        version: Turns(partial(contender.measure, work.piece, work.operations))
        for version, contender in contenders.items()
    }
    for version, seconds in interleave(turns, rounds).items():
        samples.seconds[version] += seconds
        if turns[version].failure:
            samples.failure = version, turns[version].failure

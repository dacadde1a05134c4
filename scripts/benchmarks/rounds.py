"""How things are timed: in turns, so that changes of the machine's speed affect all alike.

A single time says little on a machine that does other things as well. Two times that were taken one
right after the other can be compared; `interleave` takes many such pairs, and a `Comparison` looks
at each pair.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeAlias, TypeVar

Call: TypeAlias = Callable[[], object]
"""Something that is timed."""

Round: TypeAlias = Callable[[], float]
"""Do a piece of work once; return the seconds that one operation took."""

_Key = TypeVar("_Key", bound=Hashable)


def repeated(call: Call, count: int, operations: int = 1) -> Round:
    """Return a round of ``count`` calls, each of which does ``operations`` operations."""

    def round_() -> float:
        start = perf_counter()
        for _ in range(count):
            call()
        return (perf_counter() - start) / (count * operations)

    return round_


def interleave(contenders: Mapping[_Key, Round], rounds: int) -> dict[_Key, list[float]]:
    """Let the contenders take turns, after one turn each that does not count.

    Returns:
        Seconds per operation in each round.
    """
    samples: dict[_Key, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, work in contenders.items():
            seconds = work()
            if number:
                samples[name].append(seconds)
    return samples


@dataclass(frozen=True, slots=True)
class Aim:
    """What a ratio should be.

    Attributes:
        bound: the ratio that just meets the aim.
        is_cost: the ratio is a cost, not a speed-up, so it may be at most ``bound``.
    """

    bound: float
    is_cost: bool = False

    def __str__(self) -> str:
        return f"{'<=' if self.is_cost else '>='} {self.bound:g}"

    def is_met(self, ratio: float) -> bool:
        """Tell whether a ratio meets the aim."""
        return ratio <= self.bound if self.is_cost else ratio >= self.bound


@dataclass(frozen=True, slots=True)
class Comparison:
    """Something of ours beside something else, measured in turns.

    Attributes:
        work: what was done.
        other: what ours is compared with.
        seconds: per operation, in each round.
        other_seconds: the same of the other.
        aim: None if the figure is there for information only.
        unit: "B" if bytes of memory were measured instead of seconds.
    """

    work: str
    other: str
    seconds: list[float]
    other_seconds: list[float]
    aim: Aim | None = None
    unit: str = "s"

    @property
    def ratios(self) -> list[float]:
        """The speed-up of ours, pair by pair; its relative cost if the aim is a cost."""
        pairs = zip(self.seconds, self.other_seconds, strict=True)
        if self.aim is not None and self.aim.is_cost:
            return [ours / other for ours, other in pairs]
        return [other / ours for ours, other in pairs]

    @property
    def is_met(self) -> bool | None:
        """Whether the median of the ratios meets the aim; None if there is none."""
        return None if self.aim is None else self.aim.is_met(median(self.ratios))


@dataclass(frozen=True, slots=True)
class Failure:
    """A contender that could not do the work.

    Attributes:
        work: what was to be done.
        who: which contender.
        reason: what went wrong.
    """

    work: str
    who: str
    reason: str


Result: TypeAlias = Comparison | Failure

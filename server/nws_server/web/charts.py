"""Charts: the paths of an SVG for a series of numbers. Templates hold the markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["Axis", "Chart", "Tick", "line", "steps", "time_axis"]

WIDTH: Final = 120
HEIGHT: Final = 24


class Tick(NamedTuple):
    """A mark on the axis below a chart: its place in percent from the left, and its text."""

    place: float
    text: str


class Axis(NamedTuple):
    """What stands below a chart."""

    ticks: Sequence[Tick]


class Chart(NamedTuple):
    """A curve in a box.

    Attributes:
        path: of the curve, for the attribute ``d``.
        area: the path of the area below the curve.
        width, height: of the box.
        low, high: the least number, or 0, and the greatest one.
        top: the number at the upper edge.
        last: the last number.
        axis: None for a chart without one.
    """

    path: str
    area: str
    width: int
    height: int
    low: float
    high: float
    top: float
    last: float
    axis: Axis | None = None


def steps(
    points: Sequence[tuple[float, float]],
    begin: float,
    end: float,
    *,
    known: float | None = None,
    axis: Axis | None = None,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Chart | None:
    """Draw a step chart, where each number holds until the next one; None without numbers.

    Args:
        points: times in ascending order, and numbers that are not negative.
        begin, end: times at the left and the right edge.
        known: the time until which the last number holds; to the right edge by default.
        axis: what stands below.
        width, height: of the box.
    """
    if not points or end <= begin:
        return None
    high = max(1.0, *(number for _, number in points))
    top = _round_up(high)
    across, up = width / (end - begin), (height - 2) / top
    moves: list[str] = []
    for time, number in points:
        x = max(0.0, (time - begin) * across)
        y = height - 1 - number * up
        moves.append(f"H{x:.1f}V{y:.1f}" if moves else f"M{x:.1f},{y:.1f}")
    right = width if known is None else round((known - begin) * across, 1)
    path = "".join(moves) + f"H{right}"
    start = moves[0].partition(",")[0][1:]
    area = f"{path}V{height}H{start}Z"
    return Chart(path, area, width, height, 0.0, high, top, points[-1][1], axis)


def _round_up(number: float) -> float:
    """Return the next of the numbers 1, 2, 5, 10, 20, 50 and so on."""
    size: float = 10.0 ** math.floor(math.log10(number))
    return next(step * size for step in (1, 2, 5, 10) if step * size >= number)


def time_axis(seconds: float, now: str = "now") -> Axis:
    """Return an axis of time that ends now.

    Args:
        seconds: from the left edge to the right.
        now: what stands at the right edge.
    """
    step, unit, name = (60, 60, "min") if seconds >= 120 else (15, 1, "s")
    ticks = [
        Tick(round(100 - 100 * ago / seconds, 2), f"-{ago // unit} {name}")
        for ago in range(step, int(seconds) + 1, step)
    ]
    return Axis([*reversed(ticks), Tick(100.0, now)])


def line(numbers: Sequence[float], *, width: int = 640, height: int = 240) -> Chart | None:
    """Draw a line chart of numbers; None if fewer than two of them are finite.

    If all are finite, their places stand below. If there are more numbers than pixels, each pixel
    shows the least and the greatest.
    """
    finite = [number for number in numbers if math.isfinite(number)]
    if len(finite) < 2:
        return None
    low, high = min(finite), max(finite)
    half = high / 2 - low / 2 or 1.0  # the full range may overflow
    across = width / (len(finite) - 1)
    moves = []
    for place, number in _extremes(finite, width):
        up = (number / 2 - low / 2) / half
        moves.append(f"{place * across:.1f},{height - 4 - up * (height - 8):.1f}")
    axis = _axis_of_places(len(numbers)) if len(finite) == len(numbers) else None
    return Chart("M" + "L".join(moves), "", width, height, low, high, high, finite[-1], axis)


def _axis_of_places(count: int) -> Axis:
    """Return an axis of the places in a list, from 0."""
    step = math.ceil(_round_up((count - 1) / 5))
    return Axis([Tick(round(100 * at / (count - 1), 2), f"{at:,}") for at in range(0, count, step)])


def _extremes(numbers: Sequence[float], places: int) -> list[tuple[int, float]]:
    share = -(-len(numbers) // places)
    if share < 3:
        return list(enumerate(numbers))
    kept = []
    for start in range(0, len(numbers), share):
        group = range(start, min(start + share, len(numbers)))
        ends = {min(group, key=numbers.__getitem__), max(group, key=numbers.__getitem__)}
        kept += [(place, numbers[place]) for place in sorted(ends)]
    return kept

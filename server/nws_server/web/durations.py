"""How long the elements of a sleigh took: a histogram, from what its workers report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from nws_server.web.charts import Axis, Tick
from nws_server.web.rendering import brief
from nws_server.web.reports import Report, number_in

__all__ = ["describe_durations", "durations_in"]

_BITS: Final = range(64)
"""Each bin ends at as many nanoseconds as a power of two: no other durations are reported."""

_MIN_BINS: Final = 8
"""Or one bar would be as wide as the page."""

_MIN_TICK_PERCENT: Final = 12.0
"""Between two marks on the axis."""


def durations_in(report: Report) -> dict[float, int]:
    """Return how many elements of a worker took how many seconds, as it reports that."""
    rows = ((number_in(row[0]), int(number_in(row[1]))) for row in report.rows("durations", 2))
    return {seconds: elements for seconds, elements in rows if seconds > 0 and elements > 0}


def describe_durations(reported: Mapping[float, int]) -> dict[str, Any] | None:
    """Describe how many elements took how long; None if none has ended.

    Args:
        reported: how many elements took how many seconds; see `durations_in`.

    Returns:
        ``elements``, how many there are; ``half``, ``most`` and ``all``: the seconds that half of
        them, nine of ten, and all of them have not taken; ``bins``, each with its bounds, its
        number, and its place in percent; the ``axis`` below.
    """
    counts: Counter[int] = Counter()
    for seconds, elements in reported.items():
        bits = round(math.log2(seconds * 1e9))
        if bits in _BITS:
            counts[bits] += elements
    if not counts:
        return None
    first, last = _bounds(min(counts), max(counts))
    width = 100 / (last - first + 1)
    highest = max(counts.values())
    return {
        "elements": counts.total(),
        "half": _bound_of(counts, 0.5),
        "most": _bound_of(counts, 0.9),
        "all": _bound_of(counts, 1.0),
        "highest": highest,
        "bins": [
            {
                "begin": _seconds(bits - 1),
                "end": _seconds(bits),
                "elements": counts[bits],
                "x": round(width * (bits - first), 2),
                "width": round(width, 2),
                "height": round(100 * counts[bits] / highest, 2),
            }
            for bits in range(first, last + 1)
        ],
        "axis": Axis(list(_ticks(first - 1, last))),
    }


def _bounds(first: int, last: int) -> tuple[int, int]:
    """Widen a range of bins, at both sides, until there are enough."""
    missing = max(0, _MIN_BINS - (last - first + 1))
    first = max(0, first - missing // 2)
    return first, max(last, first + _MIN_BINS - 1)


def _seconds(bits: int) -> float:
    return 2.0**bits / 1e9 if bits >= 0 else 0.0


def _bound_of(counts: Counter[int], part: float) -> float:
    """Return the seconds that a part of the elements has not taken."""
    wanted = part * counts.total()
    seen = 0
    for bits in sorted(counts):
        seen += counts[bits]
        if seen >= wanted:
            break
    return _seconds(bits)


def _ticks(begin: int, end: int) -> Iterator[Tick]:
    """Walk marks between two powers of two: powers of ten, or of a hundred and so on, as there is
    room."""
    low, high = (math.log10(2) * bits for bits in (begin, end))
    decades = range(math.ceil(low), math.floor(high) + 1)
    step = max(1, math.ceil(_MIN_TICK_PERCENT / 100 * (high - low)))
    for decade in decades[::step]:
        place = 100 * (decade - low) / (high - low)
        yield Tick(round(place, 2), brief(10.0 ** (decade - 9)))

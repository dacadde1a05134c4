"""How many elements of a rank took how long, in cells of logarithmic width.

An element of n nanoseconds counts in the cell of the number of n's bits. Those of a task are timed
together, so each counts with their mean.
"""

from __future__ import annotations

from typing import Any

from nws.sleigh.shared.status_cells import DURATION_CELLS, DURATIONS, StatusCells

__all__ = ["durations_in", "durations_of"]


def durations_in(cells: StatusCells) -> dict[float, int]:
    """Return by seconds, how many elements took less than that and at least half of it."""
    counts = cells.numbers[DURATIONS : DURATIONS + DURATION_CELLS]
    return {2**bits / 1e9: count for bits, count in enumerate(counts) if count}


def durations_of(rows: Any) -> dict[float, int]:
    """Return what a report says of that, in rows of seconds and a number. Others may have stored
    anything in its place: what is no such row is left out."""
    return {
        row[0]: row[1]
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, list) and [*map(type, row)] == [float, int]
    }

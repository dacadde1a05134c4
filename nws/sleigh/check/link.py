"""How well a machine reaches the server, and how its clock differs from the master's."""

from __future__ import annotations

import os
import statistics
import time
from typing import Final, NamedTuple

from nws.client import NetWorkSpace
from nws.sleigh.check.questions import TIME, ask

__all__ = ["LinkFigures", "measure_link"]

_ROUNDS: Final = 21
"""For the median of the latency."""

_CLOCK_ROUNDS: Final = 5

_FIRST_BYTES: Final = 256 * 1024
_MAX_BYTES: Final = 8 * 1024 * 1024
_ENOUGH_SECONDS: Final = 0.2
"""Amounts are doubled until they take as long, there and back."""


class LinkFigures(NamedTuple):
    """What was measured between a worker and the server."""

    latency_seconds: float
    """Median time from a short question to its reply."""
    up_bytes_per_second: float
    """To the server."""
    down_bytes_per_second: float
    clock_seconds: float
    """By how much the clock is ahead of the master's."""
    clock_error_seconds: float
    """By how much that may be wrong: half of the time until the master's answer came."""


def measure_link(workspace: NetWorkSpace, rank: int) -> LinkFigures:
    """Measure, for about a second where the link is quick.

    Args:
        workspace: on the server, shared with the master.
        rank: of this worker.

    Raises:
        NwsException: the server is gone, or has no room.
    """
    variable = f"link {rank}"
    latency = statistics.median(_round_trip_seconds(workspace, variable) for _ in range(_ROUNDS))
    return LinkFigures(latency, *_bandwidth(workspace, variable), *_clock(workspace, rank))


def _round_trip_seconds(workspace: NetWorkSpace, variable: str) -> float:
    began = time.perf_counter()
    workspace.findTry(variable)
    return time.perf_counter() - began


def _bandwidth(workspace: NetWorkSpace, variable: str) -> tuple[float, float]:
    """Return bytes a second to the server, and from it."""
    size = _FIRST_BYTES
    while True:
        data = os.urandom(size)  # what lies between cannot compress it
        began = time.perf_counter()
        workspace.store(variable, data)
        stored = time.perf_counter()
        workspace.fetch(variable)
        fetched = time.perf_counter()
        if size >= _MAX_BYTES or fetched - began >= _ENOUGH_SECONDS:
            return size / (stored - began), size / (fetched - stored)
        size *= 2


def _clock(workspace: NetWorkSpace, rank: int) -> tuple[float, float]:
    """Return by how much our clock is ahead of the master's, and by how much that may be wrong."""
    rounds = [_clock_round(workspace, rank) for _ in range(_CLOCK_ROUNDS)]
    return min(rounds, key=lambda each: each[1])


def _clock_round(workspace: NetWorkSpace, rank: int) -> tuple[float, float]:
    began = time.perf_counter()
    asked = time.time()
    theirs = ask(workspace, TIME, rank)
    half = (time.perf_counter() - began) / 2
    return asked + half - theirs, half

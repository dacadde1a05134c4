"""Slow figures are cached for a time in proportion to their cost."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from nws_server.web.cost_cache import CostCache


class Computation:
    """Takes some seconds of a clock that is moved by hand, and counts its calls."""

    def __init__(self, clock: Clock, takes: float) -> None:
        self._clock = clock
        self._takes = takes
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        self._clock.advance(self._takes)
        return self.calls


def test_a_value_is_cached_for_20_times_as_long_as_it_took_to_compute() -> None:
    clock = Clock()
    cache, compute = CostCache(clock.seconds), Computation(clock, 0.1)
    assert cache.get("x", compute) == 1
    clock.advance(1.9)
    assert cache.get("x", compute) == 1
    clock.advance(0.2)
    assert cache.get("x", compute) == 2


def test_a_value_that_took_no_time_is_not_cached() -> None:
    clock = Clock()
    cache, compute = CostCache(clock.seconds), Computation(clock, 0)
    assert [cache.get("x", compute) for _ in range(3)] == [1, 2, 3]


def test_each_key_has_its_own_value_until_the_cache_is_cleared() -> None:
    clock = Clock()
    cache, compute = CostCache(clock.seconds), Computation(clock, 1)
    assert [cache.get(key, compute) for key in "xyxy"] == [1, 2, 1, 2]
    cache.clear()
    assert cache.get("x", compute) == 3


def test_the_number_of_values_is_bounded() -> None:
    clock = Clock()
    cache = CostCache(clock.seconds)
    for number in range(65):  # each is cheaper than the one before, so that none expires
        cache.get(number, Computation(clock, 0.9**number))
    assert len(cache._entries) == 64


def test_an_error_is_not_cached() -> None:
    clock = Clock()
    cache = CostCache(clock.seconds)
    with pytest.raises(ZeroDivisionError):
        cache.get("x", lambda: 1 // 0)
    assert cache.get("x", Computation(clock, 1)) == 1

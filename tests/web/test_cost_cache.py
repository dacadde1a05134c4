"""Costly looks are used again, for a time that grows with what they cost."""

from __future__ import annotations

from twisted.internet.task import Clock

from nws_server.web.cost_cache import CostCache


class Finder:
    """Finds something out in so many seconds."""

    def __init__(self, clock: Clock, takes: float) -> None:
        self._clock = clock
        self._takes = takes
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        self._clock.advance(self._takes)
        return self.calls


def test_what_was_costly_is_used_again_for_twenty_times_as_long() -> None:
    clock = Clock()
    reused, find_out = CostCache(clock.seconds), Finder(clock, 0.1)
    assert reused.get("x", find_out) == 1
    clock.advance(1.9)
    assert reused.get("x", find_out) == 1
    clock.advance(0.2)
    assert reused.get("x", find_out) == 2


def test_what_cost_nothing_is_found_out_each_time() -> None:
    clock = Clock()
    reused, find_out = CostCache(clock.seconds), Finder(clock, 0)
    assert [reused.get("x", find_out) for _ in range(3)] == [1, 2, 3]


def test_each_thing_by_itself_until_it_is_forgotten() -> None:
    clock = Clock()
    reused, find_out = CostCache(clock.seconds), Finder(clock, 1)
    assert [reused.get(about, find_out) for about in "xyxy"] == [1, 2, 1, 2]
    reused.forget()
    assert reused.get("x", find_out) == 3


def test_only_so_much_is_kept() -> None:
    clock = Clock()
    reused, find_out = CostCache(clock.seconds), Finder(clock, 1)
    for number in range(65):
        reused.get(number, find_out)
    clock = Clock()
    assert reused.get(64, find_out) == 65
    assert reused.get(0, find_out) == 66

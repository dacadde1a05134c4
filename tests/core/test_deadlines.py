"""Deadlines: who is due when, and what is left of those who withdrew."""

from __future__ import annotations

import gc
import weakref

import pytest

from nws_server.core.deadlines import Deadlines, Timed


class Item:
    """Something with a deadline."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.deadline: float | None = None


def due(deadlines: Deadlines[Timed], now: float) -> list[str]:
    """Name who is due."""
    names = []
    for item in deadlines.pop_due(now):
        assert isinstance(item, Item)
        assert item.deadline is None
        names.append(item.name)
    return names


def entered(deadlines: Deadlines[Timed], **times: float) -> dict[str, Item]:
    """Enter items with these names and times."""
    items = {name: Item(name) for name in times}
    for name, time in times.items():
        deadlines.enter(items[name], time)
    return items


def test_nobody_is_due() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    assert deadlines.next() is None
    assert due(deadlines, 1e9) == []


def test_due_in_the_order_of_time_then_of_entry() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, d=4, a=1, c=3, b=1)
    assert deadlines.next() == 1
    assert due(deadlines, 3) == ["a", "b", "c"]
    assert deadlines.next() == 4
    assert due(deadlines, 3.9) == []
    assert due(deadlines, 4) == ["d"]
    assert deadlines.next() is None
    assert len(items) == 4


def test_withdrawn_is_never_due() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1, b=2)
    items["a"].deadline = None
    assert deadlines.next() == 2
    assert due(deadlines, 9) == ["b"]


def test_withdrawn_while_others_are_taken_out() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1, b=1, c=1)
    names = []
    for item in deadlines.pop_due(1):
        assert isinstance(item, Item)
        names.append(item.name)
        items["b"].deadline = None
    assert names == ["a", "c"]


def test_later_deadline_voids_the_earlier() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1)
    deadlines.enter(items["a"], 5)
    assert deadlines.next() == 5
    assert due(deadlines, 4) == []
    assert due(deadlines, 5) == ["a"]


def test_earlier_deadline_voids_the_later() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=5)
    deadlines.enter(items["a"], 1)
    assert due(deadlines, 1) == ["a"]
    assert due(deadlines, 9) == []
    assert items["a"].deadline is None


def test_back_to_an_older_deadline_it_is_due_once() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=5)
    for time in (7, 5, 3, 5):
        deadlines.enter(items["a"], time)
    assert due(deadlines, 4) == []
    assert due(deadlines, 9) == ["a"]


def test_item_can_be_entered_again() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1)
    assert due(deadlines, 1) == ["a"]
    deadlines.enter(items["a"], 2)
    assert due(deadlines, 2) == ["a"]


def test_item_entered_while_others_are_taken_out_is_due_too() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1)
    late = Item("late")
    names = []
    for item in deadlines.pop_due(5):
        assert isinstance(item, Item)
        names.append(item.name)
        if item is items["a"]:
            deadlines.enter(late, 3)
    assert names == ["a", "late"]


def test_callback_tells_of_earlier_deadlines_only() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    told: list[float] = []
    deadlines.on_earlier = told.append
    items = entered(deadlines, a=5, b=9, c=5, d=2)
    assert told == [5, 2]
    deadlines.enter(items["b"], 1)
    assert told == [5, 2, 1]


def test_callback_after_all_are_gone() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    told: list[float] = []
    deadlines.on_earlier = told.append
    items = entered(deadlines, a=5)
    items["a"].deadline = None
    assert deadlines.next() is None
    deadlines.enter(items["a"], 8)
    assert told == [5, 8]


def test_renewing_does_not_fill_the_memory() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=0, b=1e9)
    for time in range(10_000):
        deadlines.enter(items["a"], time)
    assert len(deadlines._heap) < 200
    assert due(deadlines, 9998) == []
    assert due(deadlines, 9999) == ["a"]
    assert deadlines.next() == 1e9


def test_renewing_to_the_same_time_does_not_fill_the_memory() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = entered(deadlines, a=1)
    for _ in range(10_000):
        deadlines.enter(items["a"], 1)
    assert len(deadlines._heap) == 1


def test_withdrawing_does_not_fill_the_memory() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    keeper = entered(deadlines, z=1e9)
    for _ in range(10_000):
        item = Item()
        deadlines.enter(item, 1e6)
        item.deadline = None
    assert len(deadlines._heap) < 200
    assert due(deadlines, 1e9) == ["z"]
    assert len(keeper) == 1


def test_heap_may_grow_with_the_living() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    items = [Item(str(number)) for number in range(5000)]
    for number, item in enumerate(items):
        deadlines.enter(item, number)
    for item in items[::2]:
        item.deadline = None
    assert due(deadlines, 5000) == [str(number) for number in range(1, 5000, 2)]


@pytest.mark.parametrize("count", [0, 1, 2, 50, 100])
def test_entered_together_is_entered_one_by_one(count: int) -> None:
    """Some are due then already, some were withdrawn."""
    together: Deadlines[Timed] = Deadlines()
    one_by_one: Deadlines[Timed] = Deadlines()
    both = []
    for deadlines in (together, one_by_one):
        items = list(entered(deadlines, **{f"{n}": n % 7 for n in range(100)}).values())
        for item in items[::5]:
            item.deadline = None
        both.append(items)
    told: list[float] = []
    together.on_earlier = told.append
    together.enter_all(both[0][:count], 3)
    for item in both[1][:count]:
        one_by_one.enter(item, 3)
    assert told == []
    assert together.next() == one_by_one.next()
    assert due(together, 3) == due(one_by_one, 3)
    assert due(together, 9) == due(one_by_one, 9)
    assert not any(item.deadline for items in both for item in items)


def test_callback_when_many_are_entered() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    told: list[float] = []
    deadlines.on_earlier = told.append
    items = list(entered(deadlines, a=5, b=6).values())
    deadlines.enter_all(items, 2)
    assert told == [5, 2]
    deadlines.enter_all(items, 4)
    deadlines.enter_all([], 1)
    assert told == [5, 2]


def test_heap_keeps_nobody_alive() -> None:
    deadlines: Deadlines[Timed] = Deadlines()
    item = Item()
    watch = weakref.ref(item)
    deadlines.enter(item, 1e9)
    item.deadline = None
    del item
    gc.collect()
    assert watch() is None
    assert deadlines.next() is None

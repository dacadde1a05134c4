"""The four orders, each against the plainest thing that could do the same."""

from __future__ import annotations

import random

import pytest

from nws_server.core.queues import QUEUES, Fifo, Lifo, Multi, Queue, Single
from nws_server.core.values import Value
from tests.support.cases import each
from tests.support.values import numbered

ORDERED = [Fifo, Lifo]
KEEPING = [Fifo, Lifo, Multi]


def filled(kind: type[Queue], count: int) -> Queue:
    """Make a queue of ``count`` values."""
    queue = kind()
    for value in numbered(count):
        queue.append(value)
    return queue


def indexes(queue: Queue) -> list[int]:
    """Show what is in a queue, in its order."""
    return [value.index for value in queue]


def test_modes_are_spelled_as_clients_do() -> None:
    assert {b"fifo": Fifo, b"lifo": Lifo, b"multi": Multi, b"single": Single} == QUEUES


@pytest.mark.parametrize("kind", QUEUES.values())
def test_new_queue_is_empty(kind: type[Queue]) -> None:
    queue = kind()
    assert not queue
    assert len(queue) == 0
    assert indexes(queue) == []


@pytest.mark.parametrize("kind", QUEUES.values())
def test_peek_leaves_what_it_shows(kind: type[Queue]) -> None:
    queue = filled(kind, 1)
    assert queue.peek() is queue.peek()
    assert queue.take().index == 0
    assert not queue


@pytest.mark.parametrize("kind", KEEPING)
def test_append_replaces_nothing(kind: type[Queue]) -> None:
    queue = kind()
    assert [queue.append(value) for value in numbered(3)] == [None] * 3
    assert len(queue) == 3


@pytest.mark.parametrize(("kind", "order"), [(Fifo, [0, 1, 2, 3]), (Lifo, [3, 2, 1, 0])])
def test_order(kind: type[Queue], order: list[int]) -> None:
    queue = filled(kind, 4)
    assert indexes(queue) == order
    assert queue.peek().index == order[0]
    assert [queue.take().index for _ in range(4)] == order


@each("kind", ORDERED)
@each("seed", range(20))
def test_any_mix_of_appending_taking_and_returning(kind: type[Queue], seed: int) -> None:
    chance = random.Random(seed)
    queue = kind()
    plain: list[Value] = []  # sorted by index
    out: list[Value] = []
    for value in numbered(400):
        if chance.random() < 0.7:
            queue.append(value)
            plain.append(value)
        for _ in range(chance.randrange(3)):
            if plain:
                expected = plain.pop(0 if kind is Fifo else -1)
                assert queue.peek() is expected
                assert queue.take() is expected
                out.append(expected)
        while out and chance.random() < 0.3:
            back = out.pop(chance.randrange(len(out)))
            queue.put_back(back)
            plain.append(back)
            plain.sort(key=lambda each: each.index)
        assert len(queue) == len(plain)
        assert list(queue) == (plain if kind is Fifo else plain[::-1])
        start, count = chance.randrange(len(plain) + 2), chance.randrange(6)
        assert list(queue.window(start, count)) == list(queue)[start : start + count]
        sought = chance.randrange(value.index + 2)
        assert queue.with_index(sought) is next((v for v in plain if v.index == sought), None)
        if kind is Fifo:
            seen = chance.randrange(-1, value.index + 2)
            newer = [each for each in plain if each.index > seen]
            assert queue.after(seen) is (newer[0] if newer else None)


@pytest.mark.parametrize("count", [1, 63, 64, 65, 127, 128, 129, 1000])
def test_fifo_is_whole_around_its_compactions(count: int) -> None:
    queue = filled(Fifo, count)
    for taken in range(count):
        assert queue.take().index == taken
        assert len(queue) == count - taken - 1
        assert [value.index for value in queue][:1] == [taken + 1][: len(queue)]
        for seen in (-1, taken, taken + 1, count - 1):
            found = queue.after(seen)
            expected = max(taken, seen) + 1
            assert (found.index if found is not None else count) == min(expected, count)


def test_fifo_does_not_keep_the_places_of_what_was_taken() -> None:
    queue = filled(Fifo, 10)
    for value in numbered(10_000, first=10):
        queue.append(value)
        queue.take()
    assert len(queue) == 10
    assert isinstance(queue, Fifo)
    assert len(queue._fresh) < 200


@pytest.mark.parametrize("kind", QUEUES.values())
def test_any_queue_can_be_looked_into(kind: type[Queue]) -> None:
    queue = kind()
    assert list(queue.window(0, 10)) == []
    assert queue.with_index(0) is None
    for value in numbered(30):
        queue.append(value)
    everything = list(queue)
    for start in (0, 1, 29, 30, 31):
        for count in (0, 1, 10, 40):
            assert list(queue.window(start, count)) == everything[start : start + count]
    assert queue.with_index(29) is max(everything, key=lambda value: value.index)
    assert queue.with_index(30) is None


def test_multi_gives_every_value_once() -> None:
    queue = filled(Multi, 100)
    taken = [queue.take() for _ in range(60)]
    for value in taken[:30]:
        queue.put_back(value)
    taken = taken[30:] + [queue.take() for _ in range(len(queue))]
    assert sorted(value.index for value in taken) == list(range(100))


def test_multi_gives_any_value() -> None:
    # Each of four values comes first in a quarter of the cases; the random module's own seed is
    # set, so that this is the same on every run.
    state = random.getstate()
    random.seed(1)
    try:
        peeked, taken = [0] * 4, [0] * 4
        for _ in range(4000):
            queue = filled(Multi, 4)
            peeked[queue.peek().index] += 1
            taken[queue.take().index] += 1
    finally:
        random.setstate(state)
    assert all(900 < count < 1100 for count in (*peeked, *taken))


def test_single_keeps_the_last() -> None:
    first, second = numbered(2)
    queue = Single()
    assert queue.append(first) is None
    assert queue.append(second) is first
    assert list(queue) == [second]
    assert queue.take() is second
    assert queue.append(first) is None


def test_single_value_returns() -> None:
    (value,) = numbered(1)
    queue = Single()
    queue.append(value)
    queue.put_back(queue.take())
    assert list(queue) == [value]


def test_single_after() -> None:
    queue = Single()
    assert queue.after(-1) is None
    (value,) = numbered(1, first=5)
    queue.append(value)
    assert queue.after(4) is value
    assert queue.after(5) is None


@pytest.mark.parametrize("kind", [Lifo, Multi])
def test_lifo_and_multi_cannot_be_iterated(kind: type[Queue]) -> None:
    assert not kind.iterable
    with pytest.raises(TypeError, match="iterated"):
        filled(kind, 2).after(0)


@pytest.mark.parametrize("kind", [Fifo, Single])
def test_fifo_and_single_can_be_iterated(kind: type[Queue]) -> None:
    assert kind.iterable


@each("kind", [Fifo, Lifo, Multi])
@each("seed", range(10))
def test_any_value_can_be_removed(kind: type[Queue], seed: int) -> None:
    chance = random.Random(seed)
    queue = filled(kind, 40)
    for value in [queue.take() for _ in range(15)]:
        if chance.random() < 0.6:
            queue.put_back(value)
    there = indexes(queue)
    while queue:
        chosen = queue.with_index(chance.choice(there))
        assert chosen is not None
        queue.remove(chosen)
        there.remove(chosen.index)
        if kind is Multi:
            assert sorted(indexes(queue)) == sorted(there)
        else:
            assert indexes(queue) == there


def test_the_only_value_can_be_removed() -> None:
    queue = filled(Single, 3)
    queue.remove(queue.peek())
    assert not queue

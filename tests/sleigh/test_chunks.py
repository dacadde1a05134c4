"""Elements cut into tasks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nws.errors import SleighIllegalValueException
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.shared.pickling import unpack


def elements(count: int) -> Iterator[tuple[int]]:
    return ((number,) for number in range(count))


def sizes(chunks: Chunks) -> list[int]:
    found = []
    while not chunks.exhausted:
        found.append(len(chunks.next()[1]))
    return [size for size in found if size]


def test_each_element_once_and_in_order() -> None:
    chunks = Chunks(elements(100), 3, None, 100)
    seen: list[tuple[int]] = []
    while not chunks.exhausted:
        first, packed = chunks.next()
        assert first == len(seen)
        seen += [unpack(each) for each in packed]
    assert seen == [(number,) for number in range(100)]
    assert chunks.taken == 100


@pytest.mark.parametrize(
    ("count", "workers", "expected"),
    [(1, 2, [1]), (16, 2, [1] * 16), (160, 2, [10] * 16), (17, 2, [2] * 8 + [1])],
)
def test_a_known_number_is_shared_out(count: int, workers: int, expected: list[int]) -> None:
    assert sizes(Chunks(elements(count), workers, None, count)) == expected


def test_a_share_is_not_too_large() -> None:
    assert max(sizes(Chunks(elements(100_000), 1, None, 100_000))) == 4096


def test_a_fixed_size() -> None:
    chunks = Chunks(elements(10), 2, 4, 10)
    chunks.learn(4, 1000.0)
    assert sizes(chunks) == [4, 4, 2]


def test_large_elements_are_not_put_together() -> None:
    large = ((b"x" * 300_000,) for _ in range(4))
    assert sizes(Chunks(large, 1, 4)) == [1, 1, 1, 1]


def test_tasks_follow_the_measured_time() -> None:
    chunks = Chunks(elements(10**6), 2, None)
    assert len(chunks.next()[1]) == 1
    for expected in (4, 16, 50, 50):
        chunks.learn(1, 0.001)
        assert len(chunks.next()[1]) == expected
    chunks.learn(50, 50.0)
    assert len(chunks.next()[1]) == 1


def test_a_bound_for_the_next() -> None:
    chunks = Chunks(elements(10), 1, 8)
    assert len(chunks.next(3)[1]) == 3


def test_a_limit() -> None:
    chunks = Chunks(elements(10**6), 2, None, largest=5)
    for _ in range(5):
        chunks.learn(1, 0.0)
    assert chunks.size == 5


def test_arguments_that_cannot_be_pickled_are_named() -> None:
    chunks = Chunks(iter([(1,), (elements(1),)]), 1, 10)
    assert chunks.next() == (0, [[1]])
    assert chunks.exhausted
    assert isinstance(chunks.problem, SleighIllegalValueException)
    assert str(chunks.problem).startswith("the arguments of element 1 cannot be pickled: ")
    assert chunks.next() == (1, [])


def test_elements_before_an_error_are_not_lost() -> None:
    def source() -> Iterator[tuple[int]]:
        yield (7,)
        raise LookupError

    chunks = Chunks(source(), 1, 10)
    assert chunks.next() == (0, [[7]])
    assert isinstance(chunks.problem, LookupError)


def test_the_size_is_what_fits() -> None:
    """By it the number of tasks is bounded."""
    given = [b"x" * 100_000] * 30 + [b"x"] * 1000
    chunks = Chunks(((each,) for each in given), 1, None)
    seen = []
    while not chunks.exhausted:
        chunks.learn(1, 0.0)
        expected = chunks.size
        count = len(chunks.next()[1])
        seen.append((expected, count))
    assert seen[:10] == [(4, 3), *(9 * [(3, 3)])], "12 and more are asked for, 3 are enough"
    assert seen[-2][0] > 50, "of light ones many go into a task again"

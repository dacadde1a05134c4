"""When a worker was busy, in few cells: what shares a span, and what is kept."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.sleigh.shared.spans import SHOWN, Span, Spans, spans_in
from nws.sleigh.shared.status_cells import StatusCells

MS = 1_000_000
"""Nanoseconds."""

START = 10**15


def test_nothing_yet() -> None:
    assert spans_in(StatusCells()) == []


class StoppedWorker(Spans):
    """A worker that the system stops before it writes a span."""

    def _open(self, *span: int) -> None:
        raise InterruptedError


def test_a_task_is_counted_when_its_span_is_there() -> None:
    """The supervisor may look at any moment, and looks again only if there is news."""
    cells = StatusCells()
    with pytest.raises(InterruptedError):
        StoppedWorker(cells).add(7, 0, 1, START, START + MS)
    assert cells.tasks_done == 0
    assert spans_in(cells) == []


def spans_of(*tasks: tuple[int, int, int, float, float]) -> list[Span]:
    """Return the spans for tasks: call, first element, size, and milliseconds."""
    cells = StatusCells()
    spans = Spans(cells)
    for call, first, size, begin, end in tasks:
        spans.add(call, first, size, START + int(begin * MS), START + int(end * MS))
    assert cells.tasks_done == len(tasks)
    assert cells.elements_done == sum(task[2] for task in tasks)
    return [
        span._replace(begin=(span.begin - START) // MS, end=(span.end - START) // MS)
        for span in spans_in(cells)
    ]


def test_tasks_of_a_call_that_follow_at_once_share_a_span() -> None:
    tasks = (7, 0, 5, 0, 500), (7, 5, 5, 505, 1000), (7, 30, 1, 1001, 2900)
    assert spans_of(*tasks) == [Span(7, 0, 11, 0, 2900)]


def test_a_pause_ends_a_span() -> None:
    tasks = (7, 0, 5, 0, 5), (7, 5, 5, 20, 25)
    assert spans_of(*tasks) == [Span(*task) for task in tasks]


def test_long_tasks_have_their_own() -> None:
    tasks = (7, 0, 5, 0, 2000), (7, 5, 5, 2000, 4000), (7, 10, 1, 4001, 4002)
    assert spans_of(*tasks) == [Span(7, 0, 5, 0, 2000), Span(7, 5, 6, 2000, 4002)]


def test_calls_have_their_own() -> None:
    tasks = (7, 0, 5, 0, 20), (8, 0, 5, 21, 41), (9, 0, 1, 42, 43), (10, 0, 1, 44, 94)
    assert spans_of(*tasks) == [Span(*task) for task in tasks]


def test_short_calls_share_one_that_names_the_last() -> None:
    tasks = [(call, 3, 2, call, call + 0.5) for call in range(1000)]
    assert spans_of(*tasks) == [Span(999, 3, 2000, 0, 999)]


def test_a_call_of_short_tasks_does_not_hide_in_another() -> None:
    one = [(1, n, 1, n, n + 1) for n in range(100)]
    other = [(2, n, 1, 100 + n, 101 + n) for n in range(100)]
    assert spans_of(*one, *other) == [Span(1, 0, 100, 0, 100), Span(2, 0, 100, 100, 200)]


def test_the_last_ones_are_kept() -> None:
    tasks = [(7, n, 1, 100 * n, 100 * n + 1) for n in range(3 * SHOWN)]
    assert spans_of(*tasks) == [Span(*task) for task in tasks[-SHOWN:]]


@given(st.lists(st.floats(0.001, 5000), min_size=1, max_size=300))
def test_a_minute_of_work_without_pauses_is_there(durations: list[float]) -> None:
    tasks, now = [], 0.0
    for number, duration in enumerate(durations):
        tasks.append((1, number, 1, now, now + duration))
        now += duration
    spans = spans_of(*tasks)
    assert spans[-1].end == int(now)
    assert spans[0].begin == 0 or spans[-1].end - spans[0].begin >= 57_000
    assert all(one.end <= other.begin for one, other in pairwise(spans))


def test_a_new_worker_begins_a_new_span() -> None:
    cells = StatusCells()
    for _ in range(2):
        Spans(cells).add(7, 0, 1, START, START + 1)
    assert spans_in(cells) == [Span(7, 0, 1, START, START + 1)] * 2

"""A histogram of how long elements took, whatever somebody has stored as a report."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.web.durations import describe_durations, durations_in
from nws_server.web.reports import Report


def described_or_none(*workers: Any) -> dict[str, Any] | None:
    counts: Counter[float] = Counter()
    for rows in workers:
        counts.update(durations_in(Report({"durations": rows})))
    return describe_durations(counts)


def described(*workers: Any) -> dict[str, Any]:
    found = described_or_none(*workers)
    assert found is not None
    return found


def seconds(bits: int) -> float:
    """Return where a bin ends, as workers report it."""
    return 2.0**bits / 1e9


def test_nothing_has_ended() -> None:
    assert described_or_none() is None
    assert described_or_none([], []) is None


def test_workers_count_together_and_empty_bins_between_are_there() -> None:
    found = described([[seconds(20), 6], [seconds(27), 1]], [[seconds(20), 2], [seconds(21), 1]])
    assert [each["elements"] for each in found["bins"]] == [8, 1, 0, 0, 0, 0, 0, 1]
    assert [each["x"] for each in found["bins"]] == [12.5 * place for place in range(8)]
    assert [each["height"] for each in found["bins"]][:3] == [100, 12.5, 0]
    assert found["bins"][0]["end"] == found["bins"][1]["begin"] == seconds(20)
    assert (found["elements"], found["highest"]) == (10, 8)
    assert (found["half"], found["most"], found["all"]) == (seconds(20), seconds(21), seconds(27))


@pytest.mark.parametrize(
    ("bits", "texts"),
    [
        ((18, 24), ["1 ms", "10 ms"]),
        ((10, 38), ["1 µs", "100 µs", "10 ms", "1 s", "100 s"]),
        ((16, 16), ["10 µs", "100 µs", "1 ms"]),
        ((0, 0), ["1 ns", "10 ns", "100 ns"]),
    ],
)
def test_the_axis_has_powers_of_ten(bits: tuple[int, int], texts: list[str]) -> None:
    found = described([[seconds(each), 1] for each in set(bits)])
    assert [tick.text for tick in found["axis"].ticks] == texts


def test_what_no_worker_reports_is_left_out() -> None:
    odd = [[-1, 5], [0, 5], ["x", 5], [1e18, 5], [1e-300, 5], [1.0, -5], [1.0, "x"], [1.0], 5]
    assert described_or_none(odd) is None
    assert described_or_none("x") is None


@given(st.lists(st.tuples(st.integers(0, 63), st.integers(1, 10**12)), min_size=1))
def test_any_durations_have_their_place(rows: list[tuple[int, int]]) -> None:
    found = described(json.loads(json.dumps([[seconds(bits), count] for bits, count in rows])))
    assert 8 <= len(found["bins"]) <= 71
    assert sum(each["elements"] for each in found["bins"]) == found["elements"]
    for each in found["bins"]:
        assert 0 <= each["x"] <= each["x"] + each["width"] <= 100.1
        assert 0 <= each["height"] <= 100
    places = [tick.place for tick in found["axis"].ticks]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    assert 1 <= len(places) <= 10

"""Small pictures: paths with numbers only, inside of their box."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.web.charts import Chart, Tick, line, steps, time_axis

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def coordinates(path: str) -> list[float]:
    """Return the numbers of a path; nothing but they and letters may be in it."""
    assert not NUMBER.sub("", path).strip("MLHVZ,"), path
    return [float(number) for number in NUMBER.findall(path)]


def assert_inside(chart: Chart) -> None:
    """Each place of a line must lie in its box."""
    numbers = coordinates(chart.path)
    assert all(0 <= x <= chart.width + 0.1 for x in numbers[::2])
    assert all(0 <= y <= chart.height for y in numbers[1::2])


def test_steps_hold_until_the_next_one() -> None:
    chart = steps([(0, 1), (5, 2)], 0, 10, width=100, height=12)
    assert chart is not None
    assert chart.path == "M0.0,6.0H50.0V1.0H100"
    assert chart.area == "M0.0,6.0H50.0V1.0H100V12H0.0Z"
    assert (chart.low, chart.high, chart.last) == (0, 2, 2)


def test_steps_before_the_left_edge_begin_there() -> None:
    chart = steps([(-50, 3)], 0, 10)
    assert chart is not None
    assert chart.path.startswith("M0.0,")


@pytest.mark.parametrize(("points", "end"), [([], 10), ([(0, 1)], 0), ([(0, 1)], -1)])
def test_no_steps_are_no_picture(points: list[tuple[float, float]], end: float) -> None:
    assert steps(points, 0, end) is None


def test_zeros_lie_at_the_bottom() -> None:
    chart = steps([(0, 0)], 0, 1, height=24)
    assert chart is not None
    assert "23.0" in chart.path


@pytest.mark.parametrize(
    ("high", "top"), [(0, 1), (1, 1), (1.1, 2), (3, 5), (7, 10), (10, 10), (11, 20), (499_000, 5e5)]
)
def test_the_number_at_the_upper_edge_is_a_round_one(high: float, top: float) -> None:
    chart = steps([(0, high)], 0, 1)
    assert chart is not None
    assert (chart.high, chart.top) == (max(1, high), top)
    assert_inside(chart)


def test_what_is_not_known_yet_is_not_drawn() -> None:
    chart = steps([(0, 1), (5, 2)], 0, 10, known=8, width=100, height=12)
    assert chart is not None
    assert chart.path == "M0.0,6.0H50.0V1.0H80.0"


def test_an_axis_of_time_has_round_numbers() -> None:
    ticks = [Tick(0.0, "-60 s"), Tick(25.0, "-45 s"), Tick(50.0, "-30 s"), Tick(75.0, "-15 s")]
    assert time_axis(60).ticks == [*ticks, Tick(100.0, "now")]
    assert [tick.text for tick in time_axis(300, "end").ticks] == [
        *(f"-{minutes} min" for minutes in (5, 4, 3, 2, 1)),
        "end",
    ]
    assert time_axis(5).ticks == [Tick(100.0, "now")]


@pytest.mark.parametrize("numbers", [[], [1], [math.inf, math.nan, 1], [math.nan] * 5])
def test_a_line_needs_two_finite_numbers(numbers: list[float]) -> None:
    assert line(numbers) is None


def test_places_stand_below_a_line() -> None:
    for count, texts in {
        2: ["0", "1"],
        8: ["0", "2", "4", "6"],
        200: ["0", "50", "100", "150"],
        1_000_001: ["0", "200,000", "400,000", "600,000", "800,000", "1,000,000"],
    }.items():
        chart = line([0.0] * count)
        assert chart is not None
        assert chart.axis is not None
        assert [tick.text for tick in chart.axis.ticks] == texts
        assert chart.axis.ticks[0].place == 0
        assert chart.axis.ticks[-1].place <= 100
    chart = line([1, math.nan, 2])
    assert chart is not None
    assert chart.axis is None, "places of those that are left are not those in the value"


def test_a_line_of_equal_numbers_is_flat() -> None:
    chart = line([5, 5, 5])
    assert chart is not None
    assert len(set(coordinates(chart.path)[1::2])) == 1


def test_a_long_line_keeps_its_peaks() -> None:
    numbers = [0.0] * 10_000
    numbers[1234], numbers[8765] = 7, -7
    chart = line(numbers)
    assert chart is not None
    assert (chart.low, chart.high) == (-7, 7)
    heights = coordinates(chart.path)[1::2]
    assert {min(heights), max(heights)} == {4, chart.height - 4}
    assert len(heights) < 2 * 640 + 2


@given(st.lists(st.floats(), max_size=2000))
def test_any_numbers_make_a_line_inside_of_its_box(numbers: list[float]) -> None:
    chart = line(numbers)
    if chart is not None:
        assert_inside(chart)


def test_the_widest_span_of_numbers_fits_into_the_box() -> None:
    chart = line([-1.7e308, 0, 1.7e308])
    assert chart is not None
    assert_inside(chart)

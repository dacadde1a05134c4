"""Values in rows and columns: what counts as such, and that their texts are bounded."""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws_babelfish.reading import read_pickle
from nws_babelfish.tables import Table, table_of

FRAMES = Path(__file__).parent / "frames"
VERSIONS = ("1.5", "2.2", "3.0", "3.0-arrow")


@dataclass
class Reading:
    """What a station has measured."""

    station: str
    mean: float


def seen(value: Any) -> Table:
    """Return the table of a value that was read safely."""
    table = table_of(read_pickle(pickle.dumps(value, protocol=5)))
    assert table is not None
    return table


def frame(version: str, name: str) -> Table:
    table = table_of(read_pickle((FRAMES / f"{version}-{name}.pickle").read_bytes()))
    assert table is not None
    return table


# Records


@pytest.mark.parametrize(
    ("value", "kind", "columns", "cells"),
    [
        ({"a": 1, "b": [1, 2]}, "dict", ["a", "b"], ["1", "[1, 2]"]),
        ((1, "two", None), "tuple", ["0", "1", "2"], ["1", "two", "None"]),
        (
            Reading("north", 1.5),
            f"{Reading.__module__}.Reading",
            ["station", "mean"],
            ["north", "1.5"],
        ),
    ],
)
def test_a_record_is_a_row(value: Any, kind: str, columns: list[str], cells: list[str]) -> None:
    table = seen(value)
    assert table.record
    assert (table.kind.replace("'", ""), table.columns, table.rows) == (kind, columns, [cells])


@pytest.mark.parametrize(
    "value",
    [None, 1, "text", b"bytes", [], {}, {1: 2}, list(range(31)), [[1], [1, 2]], [{"a": 1}, 2], {1}],
)
def test_what_has_no_rows_and_columns_is_no_table(value: Any) -> None:
    assert table_of(read_pickle(pickle.dumps(value))) is None


def test_records_of_one_shape_are_rows_whatever_the_order_of_their_names() -> None:
    table = seen([{"a": 1, "b": 2}, {"b": 3, "a": 4}])
    assert (table.columns, table.rows, table.record) == (
        ["a", "b"],
        [["1", "2"], ["4", "3"]],
        False,
    )
    assert seen([Reading("x", 1), Reading("y", 2)]).rows == [["x", "1"], ["y", "2"]]
    assert seen([[1, 2], [3, 4]]).rows == [["1", "2"], ["3", "4"]]


def test_a_table_is_bounded() -> None:
    table = seen([{"a" * 100: number, "b": "x" * 1000} for number in range(1000)])
    assert (len(table.rows), table.height) == (100, 1000)
    assert [len(name) for name in table.columns] == [60, 1]
    assert table.rows[99] == ["99", "x" * 59 + "…"]
    full = seen([{str(column): "x" * 1000 for column in range(30)} for _ in range(100)])
    assert sum(len(cell) for row in full.rows for cell in row) <= 20_000
    assert 1 < len(full.rows) < 100


def test_what_contains_itself_has_an_end() -> None:
    value: dict[str, Any] = {"a": 1}
    value["b"] = value
    assert len(seen(value).rows[0][1]) <= 60


# Arrays


def test_an_array_is_a_grid() -> None:
    for made in (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))):
        for table in (table_of(made), seen(made)):
            assert table is not None
            assert (table.kind, table.columns) == ("array", ["0", "1", "2"])
            assert table.rows == [["0", "1", "2"], ["3", "4", "5"]]
            assert table.labels is None
    assert table_of(np.arange(3)) is None
    assert table_of(np.zeros((0, 3))) is None


def test_rows_of_an_array_of_more_dimensions_say_where_they_are() -> None:
    made = np.arange(12).reshape(2, 3, 2)
    for table in (table_of(made), seen(made), seen(np.asfortranarray(made))):
        assert table is not None
        assert (table.kind, table.height, table.width) == ("array of shape (2, 3, 2)", 6, 2)
        assert table.labels == ["0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]
        assert table.rows[4:] == [["8", "9"], ["10", "11"]]
    long = seen(np.zeros(31 * (1,) + (10**6,), "i1"))
    assert max(len(long.kind), *map(len, long.labels or [])) <= 60
    assert len(seen(np.zeros((10**6, 1, 2), "i1")).labels or []) == 100


def test_records_of_an_array_are_rows() -> None:
    made = np.array([(1, 2.5, "x"), (2, 3.5, "y")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")])
    for table in (table_of(made), seen(made)):
        assert table is not None
        assert (table.columns, table.rows) == (
            ["a", "b", "c"],
            [["1", "2.5", "x"], ["2", "3.5", "y"]],
        )


def test_only_the_beginning_of_a_large_array_is_read() -> None:
    table = seen(np.zeros((3000, 4000), "i1"))
    assert (len(table.rows), len(table.columns)) == (100, 30)
    assert (table.height, table.width) == (3000, 4000)


# Data frames


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["mixed", "old"])
def test_a_data_frame_is_read_without_pandas(version: str, name: str) -> None:
    table = frame(version, name)
    assert (table.kind, table.height, table.width) == ("DataFrame", 3, 6)
    assert table.columns == ["city", "people", "coast", "count", "seen", "size"]
    assert table.labels == ["0", "1", "2"]
    assert table.rows == [
        ["Rome", "2873000.0", "False", "1", "2024-01-31 08:00:00", "big"],
        ["Oslo", "709037.0", "True", "2", "2024-02-29 12:30:00", "small"],
        ["Lima", "nan", "True", "3", "NaT", "<NA>"],
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_and_indexes_of_all_kinds(version: str) -> None:
    assert frame(version, "nullable").rows == [["1", "x", "True"], ["<NA>", "<NA>", "<NA>"]]
    times = frame(version, "times")
    assert times.labels == ["2024-01-01 00:00:00", "2024-01-02 00:00:00"]
    assert times.rows == [  # periods are not read
        ["2023-12-31 23:00:00 UTC", "1:00:00", "…"],
        ["2024-05-31 22:00:00 UTC", "2:00:00", "…"],
    ]
    levels = frame(version, "levels")
    assert (levels.columns, levels.labels) == (["a / 1", "b / 2"], ["('a', 1)", "('b', 2)"])
    assert levels.rows == [["1", "2"], ["3", "4"]]
    series = frame(version, "series")
    assert (series.kind, series.columns, series.labels) == ("Series", ["mean"], ["north", "hill"])
    assert series.rows == [["1.5"], ["2.5"]]
    sliced = frame(version, "sliced")
    assert (sliced.columns, sliced.labels) == (["b", "c"], ["0", "2"])
    assert sliced.rows == [["1.0", "2.0"], ["7.0", "8.0"]]
    empty = frame(version, "empty")
    assert (empty.columns, empty.labels, empty.rows) == (["a", "b", "c"], [], [])


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_data_frame_is_at_worst_no_table(version: str) -> None:
    source = random.Random(version)
    good = (FRAMES / f"{version}-mixed.pickle").read_bytes()
    for _ in range(300):
        data = bytearray(good)
        for _ in range(source.randint(1, 4)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            value = read_pickle(data)
        except Exception:
            continue  # the reader refuses it
        table = table_of(value)
        assert table is None or len(table.rows) <= 100

"""Tables that clients say values have: what is believed, and which are joined."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nws_server.web.value_tables import ValueTable, join_records, read_table
from tests.support.cases import each

GOOD: dict[str, Any] = {
    "kind": "list",
    "record": False,
    "columns": ["a", "b"],
    "labels": None,
    "rows": [["1", "x"], ["2.5", "y"]],
    "height": 7,
    "width": 2,
}


def record(kind: str = "dict", **cells: str) -> dict[str, Any]:
    names, texts = list(cells), list(cells.values())
    return ValueTable(kind, True, names, None, [texts], 1, len(names)).described()


def test_a_table_is_read_as_it_was_written() -> None:
    assert read_table(json.dumps(GOOD).encode()) == ValueTable(**GOOD)


@each(
    "wrong",
    [
        {"kind": 1},
        {"record": 1},
        {"record": True},
        {"columns": "ab"},
        {"columns": ["a"]},
        {"columns": [1, 2]},
        {"labels": ["1"]},
        {"labels": [1, 2]},
        {"labels": "12"},
        {"rows": None},
        {"rows": [["1", 2], ["3", "4"]]},
        {"rows": {"1": "2"}},
        {"height": 1},
        {"height": 2.5},
        {"height": True},
        {"width": "2"},
        {"more": 1},
    ],
)
def test_what_any_client_can_have_written_instead_is_no_table(wrong: dict[str, Any]) -> None:
    assert read_table(json.dumps({**GOOD, **wrong}).encode()) is None


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"1", b"{}", b"\xff", b"[" * 100_000, b" " * 200_001, b'{"kind":'],
)
def test_what_is_no_json_of_a_table(data: bytes) -> None:
    assert read_table(data) is None


def test_columns_of_numbers_are_known() -> None:
    assert ValueTable(**GOOD).described()["numeric"] == [True, False]
    assert ValueTable(**{**GOOD, "rows": []}).described()["numeric"] == [True, True]
    assert record(a="None", b="nan", c="1e3", d="1,5")["numeric"] == [True, True, True, False]


def test_records_of_one_shape_are_joined_whatever_the_order_of_their_names() -> None:
    joined = join_records([record(a="1", b="x"), record(b="y", a="2")])
    assert joined is not None
    assert (joined["columns"], joined["rows"]) == (["a", "b"], [["1", "x"], ["2", "y"]])
    assert (joined["numeric"], joined["height"]) == ([True, False], 2)


def test_others_are_not() -> None:
    one = record(a="1")
    table = ValueTable(**GOOD).described()
    assert join_records([]) is None
    assert join_records([one]) is None
    assert join_records([one, None]) is None
    assert join_records([None, one]) is None
    assert join_records([one, record(b="1")]) is None
    assert join_records([one, record(a="1", b="2")]) is None
    assert join_records([one, record("shop.Customer", a="1")]) is None
    assert join_records([table, table]) is None

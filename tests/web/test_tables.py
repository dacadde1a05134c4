"""Rows of a table: searched, sorted, one page of them."""

from __future__ import annotations

import pytest

from nws_server.web.query import BadQuery, Query
from nws_server.web.tables import Column, Table, make_table

COLUMNS: dict[str, Column[bytes]] = {
    "name": Column(lambda row: row),
    "size": Column(len, largest_first=True),
}
ROWS = [b"bb", b"A", b"ccc", b"a", b"\xff"]


def table(rows: list[bytes], per_page: int = 50, **fields: str) -> Table[bytes]:
    asked = Query({key.encode(): [value.encode()] for key, value in fields.items()})
    return make_table(rows, asked, COLUMNS, lambda row: row, per_page)


def test_the_first_column_is_the_default() -> None:
    assert table(ROWS).rows == [b"A", b"a", b"bb", b"ccc", b"\xff"]


def test_a_column_has_the_order_that_one_wants_to_see_first() -> None:
    assert table(ROWS, sort="size").rows[:2] == [b"ccc", b"bb"]
    assert table(ROWS, sort="size").largest_first
    assert table(ROWS, sort="size", order="up").rows[-1] == b"ccc"
    assert table(ROWS, order="down").rows[0] == b"\xff"


def test_equal_rows_keep_their_order() -> None:
    assert table(ROWS, sort="size", order="up").rows[:3] == [b"A", b"a", b"\xff"]


def test_searching_is_without_regard_to_case() -> None:
    found = table(ROWS, search="a")
    assert found.rows == [b"A", b"a"]
    assert (found.total, found.found, found.search) == (5, 2, "a")
    assert table(ROWS, search="nothing").rows == []


def test_pages() -> None:
    rows = [b"%03d" % number for number in range(101)]
    assert [len(table(rows, page=str(page)).rows) for page in (1, 2, 3)] == [50, 50, 1]
    assert table(rows, page="3").rows == [b"100"]
    assert (table(rows).page, table(rows).pages) == (1, 3)


def test_a_page_beyond_the_last_is_the_last() -> None:
    assert table(ROWS, page="99").page == 1
    assert table([], page="99").pages == 1


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 40])
def test_a_page_that_cannot_be_is_refused(page: str) -> None:
    with pytest.raises(BadQuery):
        table(ROWS, page=page)


def test_unknown_columns_and_orders_are_refused() -> None:
    with pytest.raises(BadQuery, match="sort"):
        table(ROWS, sort="colour")
    with pytest.raises(BadQuery, match="order"):
        table(ROWS, order="sideways")


def test_plain_data_of_a_table() -> None:
    data = table(ROWS, search="c").described(lambda row: {"row": row})
    assert data["rows"] == [{"row": b"ccc"}]
    assert data["found"] == 1

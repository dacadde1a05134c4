"""Trees of names: what is under what, and when a list is shown as one."""

from __future__ import annotations

from typing import Any

from nws_server.web.query import Query
from nws_server.web.tables import Column
from nws_server.web.trees import ROWS_PER_TREE, describe_listing, make_listing

COLUMNS: dict[str, Column[bytes]] = {"name": Column(lambda row: row), "size": Column(len)}


def listing(*names: bytes, **fields: str) -> dict[str, Any]:
    asked = Query({key.encode(): [value.encode()] for key, value in fields.items()})
    table, is_tree = make_listing(names, asked, COLUMNS, lambda row: row)
    return describe_listing(table, is_tree, lambda row: row, lambda row: {"row": row})


def outline(tree: dict[str, Any]) -> list[Any]:
    """Return the labels of a tree; what is in a folder is a list behind it."""
    found: list[Any] = []
    for branch in tree["branches"]:
        found += [f"{branch['label']} {branch['count']}", outline(branch)]
    return found + [str(leaf["label"]) for leaf in tree["leaves"]]


def tree(*names: bytes, **fields: str) -> list[Any]:
    shown = listing(*names, **fields)["tree"]
    assert shown is not None
    return outline(shown)


def test_names_that_begin_alike_are_together() -> None:
    assert tree(b"a/x", b"a/y", b"b", b"a/c/1", b"a/c/2") == [
        "a/ 4",
        ["c/ 2", ["1", "2"], "x", "y"],
        "b",
    ]


def test_a_folder_of_one_is_none() -> None:
    assert tree(b"a/b/c", b"d/x", b"d/y/z") == ["d/ 2", ["x", "y/z"], "a/b/c"]


def test_slashes_at_the_ends_and_in_a_row() -> None:
    assert tree(b"/x", b"/y", b"a/", b"a/b", b"a//c", b"a//d") == [
        *("/ 2", ["x", "y"]),
        *("a/ 4", ["/ 2", ["c", "d"], "a/", "b"]),
    ]


def test_a_name_that_is_also_a_folder_is_beside_it() -> None:
    assert tree(b"a", b"a/x", b"a/y") == ["a/ 2", ["x", "y"], "a"]


def test_a_tree_is_not_as_deep_as_a_name_of_slashes_would_have_it() -> None:
    (folder, inner) = tree(b"/" * 5000 + b"x", b"/" * 5000 + b"y")
    depth = 1
    while len(inner) == 2 and isinstance(inner[1], list):
        folder, inner = inner
        depth += 1
    assert (folder, depth) == ("/ 2", 8)
    assert [label[-1] for label in inner] == ["x", "y"]


def test_a_list_is_a_tree_where_that_says_more_unless_it_is_sorted_otherwise() -> None:
    assert listing(b"a/x", b"a/y")["tree"] is not None
    assert listing(b"a/x", b"b/y")["tree"] is None
    assert listing(b"a/x", b"a/y", sort="size")["tree"] is None
    assert listing(b"a/x", b"a/y", view="table")["tree"] is None
    assert tree(b"a", b"b", view="tree") == ["a", "b"]
    assert listing(b"a/x", b"a/y", view="table")["has_folder"]
    assert not listing(b"a", b"b", view="table")["has_folder"]


def test_a_long_tree_is_folded_and_has_pages() -> None:
    short = [b"a/%d" % number for number in range(50)]
    long = [b"a/%03d" % number for number in range(ROWS_PER_TREE + 1)]
    assert listing(*short)["tree"]["open"]
    assert not listing(*short, b"a/50")["tree"]["open"]
    assert listing(*long)["table"]["pages"] == 2
    assert tree(*long, page="2") == ["a/200"]

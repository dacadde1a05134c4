"""What an address or a form asks for, checked."""

from __future__ import annotations

import pytest

from nws_server.web.query import BadQuery, Query


def query(**fields: bytes) -> Query:
    return Query({key.encode(): [value] for key, value in fields.items()})


def test_the_last_of_several_values_counts() -> None:
    assert Query({b"a": [b"1", b"2"]}).get("a") == b"2"


def test_texts_are_read_into_fields() -> None:
    parsed = Query.parse(b"a=1&b=%FF+x", b"a=2;c=")
    assert [parsed.get(key) for key in ("a", "b", "c")] == [b"2", b"\xff x", b""]
    with pytest.raises(BadQuery, match="more than 100 fields"):
        Query.parse(b"a=1", 100 * b"&")


def test_a_field_that_is_missing_has_its_default() -> None:
    assert Query({}).get("a", b"x") == b"x"
    assert Query({b"a": []}).get("a", b"x") == b"x"


def test_forms_quote_bytes_that_they_only_pass_on() -> None:
    assert Query({b"a.quoted": [b"%FF%00+"]}).get("a") == b"\xff\x00+"
    assert Query({b"a.quoted": [b"%FF"], b"a": [b"plain"]}).get("a") == b"plain"


def test_what_is_needed() -> None:
    assert query(a=b"1").need("a") == b"1"
    for fields in ({}, {b"a": [b""]}):
        with pytest.raises(BadQuery, match="'a' is missing"):
            Query(fields).need("a")


def test_texts_are_always_texts() -> None:
    assert query(a=b"\xff\xed\xa0\x80").text("a") == "\ufffd" * 4


@pytest.mark.parametrize(("given", "number"), [(b"", 7), (b"0", 0), (b"00012", 12)])
def test_numbers(given: bytes, number: int) -> None:
    assert query(a=given).number("a", 7) == number


@pytest.mark.parametrize(
    "given", [b"-1", b"1.0", b"1e3", b"x", b" 1", b"\xd9\xa3", b"9" * 5000, b"+1", b"\x00"]
)
def test_what_is_no_number_is_refused(given: bytes) -> None:
    with pytest.raises(BadQuery, match="'a' is not a whole number from 0 to"):
        query(a=given).number("a", 7)


def test_numbers_have_bounds() -> None:
    assert query(a=b"5").number("a", 0, least=5, most=5) == 5
    for given in (b"4", b"6"):
        with pytest.raises(BadQuery, match="from 5 to 5"):
            query(a=given).number("a", 0, least=5, most=5)


def test_choices() -> None:
    assert query(a=b"up").choice("a", ("up", "down"), "down") == "up"
    assert query().choice("a", ("up", "down"), "down") == "down"
    for given in (b"left", b"UP", b"\xff"):
        with pytest.raises(BadQuery, match="one of: up, down"):
            query(a=given).choice("a", ("up", "down"), "down")

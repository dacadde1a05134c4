"""The small parts of frames: numbers, dicts, and what the encoders make of extreme input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.errors import NwsProtocolException
from nws.wire.dialect import MAX_DICT_ENTRIES, encode_dict, number, parse_dict
from nws.wire.requests import encode_request
from tests.support.frames import framed_dict, request

dicts = st.dictionaries(st.binary(max_size=30), st.binary(max_size=30), max_size=8)


@pytest.mark.parametrize(
    "field", [b"0042", b"42  ", b"  42", b" 42 ", b"00000000000000000042", b"42" + 18 * b" "]
)
def test_numbers_may_be_padded_with_blanks(field: bytes) -> None:
    assert number(field) == 42


@pytest.mark.parametrize(
    "field",
    [b"", b"    ", b"-001", b"+001", b"4 2", b"1_0", b"0x1f", b"1e3", b"\xb2", b"42\n", b"\t42"],
)
def test_everything_else_is_no_number(field: bytes) -> None:
    with pytest.raises(NwsProtocolException, match="expected a number"):
        number(field)


@pytest.mark.parametrize("digits", [21, 5_000, 100_000])
def test_no_number_is_wider_than_the_widest_field(digits: int) -> None:
    with pytest.raises(NwsProtocolException):
        number(digits * b"1")


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_requests_are_framed_as_the_plainest_way_does(fields: list[bytes]) -> None:
    assert encode_request(fields) == request(*fields)


@given(dicts, st.binary(max_size=10), st.binary(max_size=10))
def test_a_dict_comes_back_from_any_place(
    entries: dict[bytes, bytes], before: bytes, after: bytes
) -> None:
    framed = encode_dict(entries)
    assert framed == framed_dict(entries)
    end = len(before) + len(framed)
    assert parse_dict(before + framed + after, len(before)) == (entries, end)


@given(dicts, st.data())
def test_a_dict_that_is_cut_short_is_incomplete(
    entries: dict[bytes, bytes], data: st.DataObject
) -> None:
    framed = encode_dict(entries)
    cut = data.draw(st.integers(0, len(framed) - 1))
    needed = -parse_dict(framed[:cut], 0)[1]
    assert cut < needed <= len(framed)


def test_texts_too_long_for_a_dict_are_cut() -> None:
    entries, _ = parse_dict(encode_dict({b"n" * 12_000: b"v" * 12_000}), 0)
    assert entries == {b"n" * 9999: b"v" * 9999}


def test_a_dict_has_a_limited_number_of_entries() -> None:
    entries = {b"%d" % n: b"" for n in range(MAX_DICT_ENTRIES)}
    assert parse_dict(framed_dict(entries), 0)[0] == entries
    with pytest.raises(NwsProtocolException, match="a dict of 65 entries"):
        parse_dict(framed_dict({**entries, b"one more": b""}), 0)

"""Names of strangers: shown on one line, and harmless, but exact in addresses."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.web.names import DisplayName, printable, shorten


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"", ""),
        (b"plain", "plain"),
        (b"with space", "with space"),
        ("grün".encode(), "grün"),
        ("\u202eevil".encode(), r"\u202eevil"),
        ("\u2066x\u2069".encode(), r"\u2066x\u2069"),
        ("zero\u200bwidth".encode(), r"zero\u200bwidth"),
        ("\xa0".encode(), r"\xa0"),
        (b"\x00\n\r\x1b\x7f", r"\x00\n\r\x1b\x7f"),
        ("\u2028".encode(), r"\u2028"),
        ("\x85".encode(), r"\x85"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"\xed\xa0\x80", r"\xed\xa0\x80"),
        ("🐟".encode(), "🐟"),
        (b"<b>&amp;", "<b>&amp;"),
    ],
)
def test_what_cannot_be_seen_is_written_out(raw: bytes, text: str) -> None:
    assert printable(raw) == text
    assert str(DisplayName(raw)) == text


@given(st.binary(max_size=100))
def test_any_name_can_be_shown_and_its_address_is_exact(raw: bytes) -> None:
    name = DisplayName(raw)
    assert name.text.isprintable()
    name.text.encode()
    assert unquote_to_bytes(name.query) == raw
    assert name.query.isascii()
    assert not set(name.query) & set("/?#&=+; \"'<>:@")


def test_long_names_are_cut_with_a_sign() -> None:
    assert DisplayName(b"x" * 10_000).short == "x" * 59 + "…"
    assert DisplayName(b"x" * 60).short == "x" * 60
    assert shorten("abc", 3) == "abc"
    assert shorten("abcd", 3) == "ab…"

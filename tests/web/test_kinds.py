"""What a value is, by its descriptor and its first bytes."""

from __future__ import annotations

import io
import math
from typing import Any, BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_server.core.values import Value
from nws_server.web.kinds import (
    PREVIEW_BYTES,
    Kind,
    beginning,
    hexdump,
    kind_of,
    language_of,
    numbers_in,
)
from tests.support.cases import each

OBJECT, TEXT, BYTES = 0, 1, 3
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)


def value(payload: Any, flags: int = TEXT, language: int = 1) -> Value:
    """Make a value as a client stores it."""
    return Value(b"%020d" % (language << 24 | flags), payload)


class Elsewhere:
    """A payload that is not in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self._data)


class Lost(Elsewhere):
    """A payload whose file somebody has removed."""

    def open(self) -> BinaryIO:
        raise FileNotFoundError(2, "No such file or directory")


@each(
    "payload, flags, kind",
    [
        (b"hello", TEXT, Kind("text")),
        (b"", TEXT, Kind("text")),
        ("grün €".encode(), TEXT, Kind("text")),
        (b"hello", BYTES, Kind("bytes")),
        (b"\xff\xfe\x00", TEXT, Kind("bytes")),
        (b"\xff", TEXT, Kind("bytes")),
        (b"abc\xff", TEXT, Kind("bytes")),
        (PNG, BYTES, Kind("picture", media_type="image/png")),
        (PNG, TEXT, Kind("picture", media_type="image/png")),
        (JPEG, BYTES, Kind("picture", media_type="image/jpeg")),
        (PNG, OBJECT, Kind("object", "Python")),
        (b"\x89PNG", BYTES, Kind("bytes")),
        (b"<svg onload=alert(1)>", TEXT, Kind("text")),
        (b"GIF89a", BYTES, Kind("bytes")),
    ],
)
def test_kinds(payload: bytes, flags: int, kind: Kind) -> None:
    assert kind_of(value(payload, flags)) == kind
    assert kind_of(value(Elsewhere(payload), flags)) == kind


@pytest.mark.parametrize(("number", "language"), [(1, "Python"), (3, "R"), (10, "Elisp")])
def test_an_object_has_a_language(number: int, language: str) -> None:
    assert kind_of(value(b"x", OBJECT, number)) == Kind("object", language)
    assert language_of(value(b"x", OBJECT, number)) == language


@pytest.mark.parametrize("number", [0, 11, 127])
def test_nobody_knows_some_languages(number: int) -> None:
    assert kind_of(value(b"x", OBJECT, number)) == Kind("object", None)
    assert language_of(value(b"x", OBJECT, number)) == f"language number {number}"


@pytest.mark.parametrize("character", ["é", "€", "🐟"])
def test_a_text_that_is_cut_inside_of_a_character_stays_a_text(character: str) -> None:
    size = len(character.encode())
    for offset in range(size):
        payload = b"a" * (PREVIEW_BYTES - offset) + character.encode() * 10
        assert kind_of(value(payload)).form == "text", offset


def test_a_text_that_ends_inside_of_a_character_is_none() -> None:
    assert kind_of(value("🐟".encode()[:-1])).form == "bytes"


def test_a_value_whose_file_is_gone_is_bytes() -> None:
    assert kind_of(value(Lost(b"hello"))) == Kind("bytes")


def test_the_beginning_of_a_value_wherever_it_lives() -> None:
    assert beginning(value(b"hello"), 3) == beginning(value(Elsewhere(b"hello")), 3) == b"hel"


def test_hexdump() -> None:
    rows = hexdump(b"<b>\x00\xff" + bytes(range(65, 81))).split("\n")
    assert rows[0].startswith("00000000  3c 62 3e 00 ff 41")
    assert rows[0].endswith(" <b>..ABCDEFGHIJK")
    assert rows[1].startswith("00000010  4c 4d")
    assert rows[0].index("<") == rows[1].index("LM")
    assert hexdump(b"") == ""


@given(st.binary(max_size=300))
def test_a_hexdump_gives_the_bytes_back(data: bytes) -> None:
    rows = hexdump(data).split("\n") if data else []
    assert b"".join(bytes.fromhex(row[10:57]) for row in rows) == data
    assert all(row.isprintable() for row in rows)


# Numbers


@each(
    "text, numbers",
    [
        ("", []),
        ("hello", []),
        ("hello 5 times", []),
        ("5", [5]),
        ("[1, 2.5, -3e2]", [1, 2.5, -300]),
        ("(1, 2)", [1, 2]),
        ("time,value\n1,10\n2,20\n3,30\n", [10, 20, 30]),
        ("1;10\n2;20\n3;30", [10, 20, 30]),
        ("1 2\n3 4", [1, 2, 3, 4]),
        ("[[1, 2]\n [3, 4]\n [5, 6]]", [1, 2, 3, 4, 5, 6]),
        (".5 5. +5", [0.5, 5, 5]),
        ("1e400, -1e400", [math.inf, -math.inf]),
        ("inf -inf", [math.inf, -math.inf]),
        ("<b>1</b>", []),
        ("2026-11-21", [2026, -11, -21]),
        ("--1", []),
        ("1_000", []),
    ],
)
def test_numbers_in_a_text(text: str, numbers: list[float]) -> None:
    assert list(numbers_in(text)) == numbers


def test_numbers_that_are_none() -> None:
    assert math.isnan(numbers_in("nan")[0])


def test_numbers_are_bounded() -> None:
    assert len(numbers_in("1 " * 20_000)) == 10_000


@given(st.text(alphabet="0123456789.eE+-,;[]() \n\tinfax٣²", max_size=200))
def test_any_text_has_numbers_or_none(text: str) -> None:
    assert all(isinstance(number, float) for number in numbers_in(text))


@pytest.mark.parametrize("piece", ["1" * 20_000, "1e" * 10_000, ". " * 10_000, "+-" * 10_000])
def test_looking_for_numbers_takes_time_that_grows_with_the_text_only(piece: str) -> None:
    assert all(isinstance(number, float) for number in numbers_in(piece))

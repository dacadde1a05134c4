"""What is printed for values that are large, malicious or damaged."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from nws.cli.raw_values import RawValue
from nws.cli.shown_values import as_bytes, as_json
from nws.errors import NwsUnpicklingException
from nws.values import Encoder


def raw(value: object) -> RawValue:
    descriptor, pieces = Encoder().encode(value)
    return RawValue(int(descriptor), b"".join(bytes(piece) for piece in pieces))


def shown(value: object) -> str:
    return as_bytes(raw(value), terminal=False).decode()


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def test_plain_data_are_shown_whole() -> None:
    numbers = list(range(50_000))
    assert shown(numbers) == f"{numbers}\n"
    assert as_json(raw(numbers))["value"] == numbers


def test_what_a_terminal_is_spared() -> None:
    assert as_bytes(raw("\x1b[31m\n\té"), terminal=True) == "\\x1b[31m\n\té\n".encode()
    assert as_bytes(raw(b"\x1b\xff"), terminal=True) == b"b'\\x1b\\xff'\n"


def test_text_that_is_no_unicode() -> None:
    value = RawValue(1 << 24 | 1, b"\xff")
    assert as_bytes(value, terminal=False) == b"\xff"
    assert as_json(value) == {"kind": "bytes", "base64": "/w=="}
    assert shown("\ud800") == "\\ud800\n"


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_numbers_that_json_does_not_know(number: float) -> None:
    assert as_json(raw([number])) == {"kind": "python", "text": f"[{number}]"}


def test_numbers_that_are_too_long_to_write() -> None:
    assert len(shown(10**20_000)) < 30_000


def test_a_value_that_contains_itself() -> None:
    loop: list[object] = [1]
    loop.append(loop)
    assert "..." in shown(loop)
    assert "value" not in as_json(raw(loop))


def test_a_small_pickle_of_a_vast_value() -> None:
    value: object = "ha"
    for _ in range(40):
        value = [value] * 10
    assert len(shown(value)) < 30_000
    assert len(json.dumps(as_json(raw(value)))) < 40_000


def test_a_value_that_is_nested_deeply() -> None:
    assert shown(nested(300)) == f"{nested(300)}\n"
    depth = 100_000
    deep = RawValue(1 << 24, b"(l" + depth * b"(l" + depth * b"a" + b".")
    assert as_bytes(deep, terminal=False).startswith(b"[\n  [\n")
    assert as_json(deep)["text"].startswith("[\n  [\n")


def test_damaged_values() -> None:
    for payload in (b"garbage", b"\x80\x05.", pickle.dumps([1])[:-1]):
        value = RawValue(1 << 24, payload)
        with pytest.raises(NwsUnpicklingException):
            as_bytes(value, terminal=False)
        assert as_json(value).keys() == {"kind", "base64"}

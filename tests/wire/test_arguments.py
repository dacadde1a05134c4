"""Numbers that a user gives, as they go over the wire; what is none is refused by its name."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from nws.wire.arguments import encode_limit, encode_timeout, milliseconds, peer_seconds

TIMES = [
    (0, b"0"),
    (-0.0, b"0"),
    (1e-9, b"1"),
    (Decimal("0.01"), b"10"),
    (Fraction(1, 100), b"10"),
    (np.float32(0.5), b"500"),
    (np.int8(2), b"2000"),
    (np.int16(40), b"40000"),
    (10**9, b"1000000000000"),
]

NO_TIMES = [
    -1,
    -math.inf,
    math.nan,
    1e10,
    10**400,
    Decimal("NaN"),
    "1",
    b"1",
    [1],
    1j,
    np.timedelta64(1, "s"),
    np.timedelta64(1, "ns"),
    object(),
]


@pytest.mark.parametrize(("seconds", "sent"), TIMES, ids=repr)
def test_times(seconds: Any, sent: bytes) -> None:
    assert milliseconds(seconds) == encode_timeout(seconds) == sent


def test_any_time() -> None:
    assert encode_timeout(None) == encode_timeout(math.inf) == encode_timeout(np.inf) == b""


@pytest.mark.parametrize("seconds", NO_TIMES, ids=lambda seconds: type(seconds).__name__)
def test_what_is_no_time(seconds: Any) -> None:
    for encode in (milliseconds, encode_timeout):
        with pytest.raises(ValueError, match="is not a number of seconds from 0 to") as caught:
            encode(seconds)
        assert repr(seconds)[:60] in str(caught.value)
        assert len(str(caught.value)) < 150


@pytest.mark.parametrize(("limit", "sent"), [(1, b"1"), (np.int8(2), b"2"), (True, b"1")], ids=repr)
def test_limits(limit: Any, sent: bytes) -> None:
    assert encode_limit(limit) == sent


@pytest.mark.parametrize("limit", [0, -1, 1.5, math.inf, "2", None, 10.0], ids=repr)
def test_what_is_no_limit(limit: Any) -> None:
    with pytest.raises(ValueError, match=f"limit {limit!r} is not a whole number from 1 on"):
        encode_limit(limit)


BOUNDS = [
    (7.2, 8),
    (Decimal("7.2"), 8),
    (np.float32(4), 4),
    (0.1, 3),
    (1e9, 86400),
    (math.inf, 86400),
    (None, 0),
]


@pytest.mark.parametrize(("seconds", "sent"), BOUNDS, ids=repr)
def test_bounds_for_silent_machines(seconds: Any, sent: int) -> None:
    assert peer_seconds(seconds) == sent


@pytest.mark.parametrize(
    "seconds",
    [0, -1, -math.inf, math.nan, Decimal("NaN"), "3", b"3", [3], 3j, object()],
    ids=lambda seconds: type(seconds).__name__,
)
def test_what_is_no_bound(seconds: Any) -> None:
    with pytest.raises(ValueError, match=r"peer_timeout=.* is not a number of seconds above zero"):
        peer_seconds(seconds)

"""Numbers with a noun behind them."""

from __future__ import annotations

import pytest

from nws.counted import counted


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (1.0, "1 second"),
        (0.5, "0.5 seconds"),
        (1.5, "1.5 seconds"),
        (12, "12 seconds"),
        (1234567, "1234567 seconds"),
    ],
)
def test_one_and_many(number: float, text: str) -> None:
    assert counted(number, "second") == text

"""What stands in the place of a failed element's result."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from nws.sleigh import SleighTaskException
from nws.sleigh.master.values import value_of
from nws.sleigh.shared.pickling import pack


class SometimesRead:
    """A value whose class can be read only sometimes, as if its module were missing."""

    readable = False

    def __init__(self) -> None:
        self.state = 1

    def __setstate__(self, state: dict[str, Any]) -> None:
        if not self.readable:
            raise ModuleNotFoundError("no module named 'later'")


@pytest.mark.parametrize(
    "value", [7, bytes(100_000), np.arange(100_000)], ids=lambda value: type(value).__name__
)
def test_a_result_that_cannot_be_read_is_not_lost(
    value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = value_of(3, pack((SometimesRead(), value)))
    assert isinstance(failed, SleighTaskException)
    assert "element 3 cannot be read by the master: ModuleNotFoundError" in str(failed)
    assert "`pickled_result` of this exception has its pickle" in str(failed)
    monkeypatch.setattr(SometimesRead, "readable", True)
    kept, again = pickle.loads(failed.pickled_result)
    assert type(kept) is SometimesRead
    assert np.array_equal(again, value)

"""What stands in the place of a failed element's result."""

from __future__ import annotations

import copy
import math
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nws.sleigh import SleighTaskException
from nws.sleigh.master.values import value_of
from nws.sleigh.shared.messages import Failure
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


# Taken for results


USES: dict[str, Callable[[list[Any]], object]] = {
    "sum": sum,
    "max": max,
    "sorted": sorted,
    "np.mean": np.mean,
    "np.sum": np.sum,
    "np.max": np.max,
    "np.median": np.median,
    "np.array of floats": lambda results: np.array(results, float),
    "an operation of arrays": lambda results: np.array(results, object) * 2.5,
    "math.fsum": math.fsum,
    "divided": lambda results: [result / 2 for result in results],
    "rounded": lambda results: [round(result) for result in results],
    "negative": lambda results: [-result for result in results],
    "formatted": lambda results: [f"{result:.3f}" for result in results],
    "as an index": lambda results: [[0, 1, 2, 3][result] for result in results],
}


@pytest.mark.parametrize("use", USES)
def test_one_that_is_taken_for_a_result_is_raised(use: str) -> None:
    failed = value_of(3, Failure("Traceback ...\nValueError: odd", pack(ValueError("odd"))))
    with pytest.raises(SleighTaskException, match="element 3 failed") as caught:
        USES[use]([1.0 if use != "as an index" else 1, failed])
    assert isinstance(caught.value.__cause__, ValueError)


def test_what_can_be_done_with_one() -> None:
    failed = value_of(3, Failure("odd", pack(ValueError("odd"))))
    assert bool(failed) is True
    assert failed in [1, failed]
    assert len({failed: 1}) == 1
    assert len(np.array([1, failed], object)) == 2
    assert str(pickle.loads(pickle.dumps(failed))) == str(copy.copy(failed)) == str(failed)
    assert "element 3 failed" in f"{failed} {failed!r}"
    assert "element 3 failed" in "".join(traceback.format_exception(failed))

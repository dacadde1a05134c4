"""What this sleigh has beyond the guide: keyword arguments, raising, as many workers as cores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh, SleighIllegalValueException, SleighTaskException
from nws.sleigh.shared.cores import available_cores
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import until_file


def scaled(number: int, factor: int = 1, *, offset: int = 0) -> int:
    return factor * number + offset


def test_keyword_arguments_of_each_elem(sleigh: Sleigh) -> None:
    keywords = {"offset": 5}
    assert sleigh.eachElem(scaled, range(4), [2], fixedKwargs=keywords) == [5, 7, 9, 11]
    assert sleigh.eachElem(scaled, range(4), fixedKwargs={"factor": 3}) == [0, 3, 6, 9]
    permuted = sleigh.eachElem(scaled, range(3), [2], argPermute=[1, 0], fixedKwargs=keywords)
    assert permuted == [5, 7, 9]


def test_keyword_arguments_of_each_worker(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(scaled, 4, fixedKwargs={"factor": 2, "offset": 1}) == [9, 9]


def test_in_a_serial_sleigh() -> None:
    with Sleigh(serial=True) as sleigh:
        assert sleigh.eachElem(scaled, range(3), fixedKwargs={"factor": 2}) == [0, 2, 4]
        with pytest.raises(SleighTaskException):
            sleigh.eachElem(functions.fail, [[ValueError]], raising=True)


@pytest.mark.parametrize(
    ("fun", "options", "match"),
    [
        (scaled, {"fixedKwargs": {1: 2}}, "names must be strings"),
        (scaled, {"fixedKwargs": [1]}, "is not a dict"),
        ("1 + 1", {"fixedKwargs": {"x": 2}}, "type='eval'"),
        (scaled, {"fixedKwargs": {"x": 2}, "type": "define"}, "type='define'"),
    ],
)
def test_keywords_that_cannot_be(
    sleigh: Sleigh, fun: Any, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(SleighIllegalValueException, match=match):
        sleigh.eachElem(fun, range(3), **options)
    assert sleigh.eachElem(deadly.times_ten, [1]) == [10]


def fail_at(number: int, guilty: int, folder: Path) -> int:
    deadly.note(folder, number)
    if number == guilty:
        raise ValueError(f"not {number}")
    return number


def test_the_first_failure_is_raised_and_the_rest_is_cancelled(
    lonely: Sleigh, tmp_path: Path
) -> None:
    with pytest.raises(SleighTaskException, match="element 3 failed") as caught:
        lonely.eachElem(fail_at, range(5000), [3, tmp_path], chunkSize=1, raising=True)
    assert isinstance(caught.value.__cause__, ValueError)
    assert str(caught.value.__cause__) == "not 3"
    assert lonely.eachElem(deadly.times_ten, range(3)) == [0, 10, 20], "it is free"
    done = len([path for path in tmp_path.iterdir() if path.name.isdecimal()])
    assert done < 5000, "what was not begun was cancelled"


def test_of_a_pending_call_it_is_raised_by_wait(sleigh: Sleigh, tmp_path: Path) -> None:
    pending = sleigh.eachElem(fail_at, range(8), [3, tmp_path], blocking=False, raising=True)
    with pytest.raises(SleighTaskException, match="element 3 failed"):
        pending.wait()
    assert sleigh.eachElem(deadly.times_ten, [1]) == [10]


def test_of_each_worker(sleigh: Sleigh) -> None:
    with pytest.raises(SleighTaskException):
        sleigh.eachWorker(functions.fail, ValueError, "no", raising=True)
    assert sleigh.eachWorker(deadly.times_ten, 1) == [10, 10]


def test_an_iterator_raises_it_in_its_place(sleigh: Sleigh, tmp_path: Path) -> None:
    results = sleigh.starmap(fail_at, ((number, 3, tmp_path) for number in range(8)), raising=True)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(SleighTaskException, match="element 3 failed"):
        next(results)
    assert list(results) == []
    assert sleigh.eachElem(deadly.times_ten, [1]) == [10]


def test_as_many_workers_as_cores(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=None) as sleigh:
        assert sleigh.status(timeout=20) == (available_cores(), 1)


def test_the_workers_take_a_while_to_join_if_need_be(sleigh: Sleigh, tmp_path: Path) -> None:
    """A lambda, keywords and raising at once."""
    assert sleigh.eachElem(
        lambda x, *, y: x + y, range(10), fixedKwargs={"y": 1}, raising=True
    ) == list(range(1, 11))
    assert not (tmp_path / "0").exists()
    sleigh.submit(deadly.note, tmp_path, 0).result(20)
    until_file(tmp_path / "0")

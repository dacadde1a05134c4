"""Elements that hang, also in C code that keeps the interpreter: time limits and cancelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from nws.sleigh import Sleigh, SleighTaskException
from tests.support.deadly import HANGS, hang, times_ten
from tests.support.processes import Aside, let_pass, until_file, until_gone
from tests.support.sleighs import LongLeased

LIMIT: Final = 0.2
"""Seconds that an element may take."""

GUILTY: Final = 2

every_way = pytest.mark.parametrize("way", HANGS)
in_python_and_c = pytest.mark.parametrize("way", ["_hang_in_python", "_hang_in_sum"])


@pytest.fixture(scope="module")
def shared(on_server: dict[str, Any]) -> Iterator[Sleigh]:
    with LongLeased(**on_server, workerCount=2) as sleigh:
        yield sleigh


@pytest.fixture
def sleigh(shared: Sleigh) -> Iterator[Sleigh]:
    """Two workers. They must be of use afterwards, at once."""
    yield shared
    assert ending(partial(shared.eachWorker, times_ten, 1)) == [10, 10]


def ending(call: Callable[[], Any]) -> Any:
    """Return the result of a call, which must not hang."""
    return Aside(call).result()


def check_failed(results: list[Any], way: str) -> None:
    """The guilty one failed because it took too long, and says where; all others are right."""
    failed = results[GUILTY]
    assert isinstance(failed, SleighTaskException)
    assert results == [10 * tag if tag != GUILTY else failed for tag in range(len(results))]
    assert isinstance(failed.__cause__, TimeoutError)
    assert f"timeout={LIMIT} seconds" in str(failed)
    assert f"in {way}" in str(failed)


# Time limits


@pytest.mark.nightly(but_each=2)
@every_way
@pytest.mark.parametrize("size", [1, 8])
def test_a_limit(sleigh: Sleigh, tmp_path: Path, way: str, size: int) -> None:
    fixed = [GUILTY, way, tmp_path, 1000]
    call = partial(sleigh.eachElem, hang, range(8), fixed, timeout=LIMIT, chunkSize=size)
    check_failed(ending(call), way)
    assert len(list(tmp_path.glob("first hang *"))) == 1


@in_python_and_c
def test_a_limit_in_imap(sleigh: Sleigh, tmp_path: Path, way: str) -> None:
    fun = partial(hang, victim=GUILTY, how=way, folder=tmp_path, times=1000)
    results = ending(lambda: list(sleigh.imap(fun, range(8), timeout=LIMIT)))
    check_failed(results, way)


@in_python_and_c
def test_a_limit_for_each_worker(sleigh: Sleigh, tmp_path: Path, way: str) -> None:
    call = partial(sleigh.eachWorker, hang, 0, 0, way, tmp_path, 1, timeout=LIMIT)
    results = ending(call)
    (failed,) = (result for result in results if isinstance(result, SleighTaskException))
    assert isinstance(failed.__cause__, TimeoutError)
    assert f"in {way}" in str(failed)
    assert [result for result in results if result is not failed] == [0]


def test_a_limit_and_retries(sleigh: Sleigh, tmp_path: Path) -> None:
    fixed = [GUILTY, "_hang_in_sum", tmp_path, 2]
    call = partial(sleigh.eachElem, hang, range(8), fixed, timeout=LIMIT, retries=2)
    assert ending(call) == list(range(0, 80, 10))


def test_a_limit_and_too_few_retries(sleigh: Sleigh, tmp_path: Path) -> None:
    fixed = [GUILTY, "_hang_in_sum", tmp_path, 1000]
    call = partial(sleigh.eachElem, hang, range(8), fixed, timeout=LIMIT, retries=1)
    check_failed(ending(call), "_hang_in_sum")
    assert len(list(tmp_path.glob("first hang *"))) == 2


def test_all_are_too_long(sleigh: Sleigh, tmp_path: Path) -> None:
    def too_long(element: int) -> None:
        while True:
            pass

    call = partial(sleigh.eachElem, too_long, range(4), timeout=LIMIT)
    results = ending(call)
    assert all(isinstance(result.__cause__, TimeoutError) for result in results)


# Cancelling


def check_cancelled(sleigh: Sleigh, cancel: Callable[[], object], folder: Path) -> None:
    """Cancel a call while an element hangs, whose process has to end."""
    pid = int(until_file(folder / "hangs"))
    cancel()
    call = partial(sleigh.eachElem, times_ten, range(20))
    assert ending(call) == list(range(0, 200, 10))
    until_gone([pid])


@every_way
def test_cancel(sleigh: Sleigh, tmp_path: Path, way: str) -> None:
    pending = sleigh.eachElem(hang, range(8), [0, way, tmp_path, 1000], blocking=False)
    check_cancelled(sleigh, pending.cancel, tmp_path)


@in_python_and_c
def test_cancel_each_worker(sleigh: Sleigh, tmp_path: Path, way: str) -> None:
    pending = sleigh.eachWorker(hang, 0, 0, way, tmp_path, 1000, blocking=False)
    check_cancelled(sleigh, pending.cancel, tmp_path)


@in_python_and_c
def test_stop_an_iterator(sleigh: Sleigh, tmp_path: Path, way: str) -> None:
    fun = partial(hang, victim=1, how=way, folder=tmp_path, times=1000)
    iterator = sleigh.imap(fun, range(100))
    assert next(iterator) == 0
    check_cancelled(sleigh, iterator.stop, tmp_path)


def test_drop_an_iterator(sleigh: Sleigh, tmp_path: Path) -> None:
    fun = partial(hang, victim=0, how="_hang_in_sum", folder=tmp_path, times=1000)
    iterators = [sleigh.imap(fun, range(100))]
    check_cancelled(sleigh, iterators.clear, tmp_path)


@pytest.mark.slow
def test_cancel_at_many_moments(sleigh: Sleigh, tmp_path: Path) -> None:
    """Also while a worker is between taking a task and beginning it."""
    for moment in range(0, 8, 2):
        folder = tmp_path / str(moment)
        folder.mkdir()
        pending = sleigh.eachElem(hang, range(2), [0, "_hang_in_sum", folder, 1000], blocking=False)
        let_pass(0.0005 * moment)
        pending.cancel()
        assert ending(partial(sleigh.eachWorker, times_ten, moment)) == [10 * moment] * 2

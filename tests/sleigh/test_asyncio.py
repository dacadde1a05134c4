"""Results of calls in coroutines of asyncio."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from nws.errors import SleighGatheredException, SleighTaskException
from nws.sleigh import Sleigh
from tests.support.processes import until_file
from tests.support.server import PATIENCE

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own."""
    return asyncio.run(asyncio.wait_for(main, PATIENCE))


def test_results_one_after_the_other(sleigh: Sleigh) -> None:
    async def main() -> list[Any]:
        mapped = [result async for result in sleigh.imap(abs, range(-2000, 0))]
        return mapped + [result async for result in sleigh.starmap(pow, [(2, 3), (3, 2)])]

    assert run(main()) == [*range(2000, 0, -1), 8, 9]


def test_the_loop_goes_on_meanwhile(sleigh: Sleigh, tmp_path: Path) -> None:
    """The element waits for what the loop does."""

    async def main() -> list[Any]:
        path = tmp_path / "file"
        results = sleigh.imap(lambda name: until_file(Path(name)), [str(path)])
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        path.write_text("written")
        return [await first, [result async for result in results]]

    assert run(main()) == ["written", []]


def test_who_is_cancelled_costs_no_result(sleigh: Sleigh, tmp_path: Path) -> None:
    async def main() -> list[Any]:
        path = tmp_path / "file"
        results = sleigh.imap(lambda name: until_file(Path(name)), [str(path)] * 2)
        first = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        path.write_text("written")
        return [result async for result in results]

    assert run(main()) == ["written", "written"]


def test_a_failure_is_raised_in_its_place(sleigh: Sleigh) -> None:
    async def main() -> None:
        results = sleigh.imap(lambda number: 1 // number, [1, 0], raising=True)
        assert await anext(results) == 1
        with pytest.raises(SleighTaskException):
            await anext(results)

    run(main())


def test_a_pending_call(sleigh: Sleigh) -> None:
    async def main() -> None:
        pending = sleigh.eachElem(abs, range(-3, 0), blocking=False)
        assert await pending == [3, 2, 1]
        with pytest.raises(SleighGatheredException):
            await pending

    run(main())


def test_what_nobody_refers_to_is_dropped(sleigh: Sleigh) -> None:
    gc.disable()
    try:
        pending = sleigh.eachElem(abs, [1], blocking=False)
        gone = weakref.ref(pending)
        del pending
        assert gone() is None
    finally:
        gc.enable()
    assert sleigh.map(abs, [-1]) == [1]

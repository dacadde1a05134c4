"""A function that hangs while it is read: its module blocks, or one of its arguments does."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.errors import NwsTimeoutException, SleighTaskException
from nws.sleigh import Sleigh, SleighInitializerException
from nws.sleigh.supervisor import time_limits
from nws.sleigh.worker import crash_policy
from tests.support.deadly import times_ten, wait_forever
from tests.support.processes import Aside

LIMIT = 1.0
"""In which a busy machine imports a module of some lines."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Supervisors are as impatient as the test."""
    program = ""
    for module in (time_limits, crash_policy):
        assert module.MIN_LOADING_SECONDS > LIMIT, "it is from there that it is read"
        name = module.__name__
        program += f"import {name}\n{name}.MIN_LOADING_SECONDS = {LIMIT}\n"
    (tmp_path / "sitecustomize.py").write_text(program)
    (tmp_path / "blocking.py").write_text(
        "import os\n"
        f"if os.getpid() != {os.getpid()}:\n"
        "    import threading\n"
        "    def wait_forever():\n"
        "        while True:\n            threading.Event().wait()\n"
        "    wait_forever()\n"
        "def work(number):\n    return number\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("blocking", None)


@pytest.fixture
def sleigh(impatient: None, on_server: dict[str, Any]) -> Iterator[Sleigh]:
    """Two workers."""
    with Sleigh(**on_server, workerCount=2) as sleigh:
        yield sleigh


class HangsWhenRead:
    def __reduce__(self) -> Any:
        return wait_forever, ()


def function_of_a_module(sleigh: Sleigh) -> Any:
    from blocking import work  # type: ignore[import-not-found]

    return sleigh.eachElem(work, range(4), timeout=LIMIT)


CALLS: dict[str, Callable[[Sleigh], Any]] = {
    "the module": function_of_a_module,
    "a module that a task imports": lambda sleigh: sleigh.eachElem(
        "from blocking import work", range(2), timeout=LIMIT
    ),
    "a fixed argument": lambda sleigh: sleigh.eachElem(
        times_ten, range(4), [HangsWhenRead()], timeout=LIMIT
    ),
    "an argument": lambda sleigh: sleigh.eachElem(
        times_ten, [[HangsWhenRead(), HangsWhenRead()]], timeout=LIMIT
    ),
    "a worker's argument": lambda sleigh: sleigh.eachWorker(
        times_ten, HangsWhenRead(), timeout=LIMIT
    ),
    "an iterator": lambda sleigh: list(sleigh.imap(times_ten, [HangsWhenRead()], timeout=LIMIT)),
}


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    "name",
    [
        "the module",
        "a module that a task imports",
        "an argument",
        "a worker's argument",
        # An argument is read in the same way there.
        pytest.param("a fixed argument", marks=pytest.mark.nightly),
        pytest.param("an iterator", marks=pytest.mark.nightly),
    ],
)
def test_what_hangs_while_it_is_read(sleigh: Sleigh, name: str) -> None:
    results = Aside(lambda: CALLS[name](sleigh)).result()
    assert results
    for result in results:
        assert isinstance(result.__cause__, TimeoutError)
        assert "took longer than" in str(result)
        assert "wait_forever" in str(result), "it says what hung"
    assert sleigh.eachElem(times_ten, [1], timeout=60) == [10]


@pytest.mark.slow
def test_an_initializer_that_hangs(impatient: None, on_server: dict[str, Any]) -> None:
    """It ends the call, and not for as long as a single call lets it run."""
    with Sleigh(**on_server, workerCount=1, initializer=wait_forever) as sleigh:
        pending = sleigh.eachElem(times_ten, [1], blocking=False)
        pending.cancel()
        with pytest.raises(SleighInitializerException, match=r"longer than 1 second\b") as caught:
            Aside(lambda: sleigh.eachElem(times_ten, [1], timeout=LIMIT)).result()
        assert "wait_forever" in str(caught.value), "it says what hung"
        assert isinstance(caught.value.__cause__, TimeoutError)


def raise_ours() -> None:
    raise NwsTimeoutException("of the user's own server")


class RaisesWhenRead:
    def __reduce__(self) -> Any:
        return raise_ours, ()


def test_an_error_of_a_server_while_the_function_is_read(sleigh: Sleigh) -> None:
    """It is the call's, and not taken for one of the sleigh's server."""
    call = Aside(lambda: sleigh.eachElem(times_ten, [1], [RaisesWhenRead()]))
    with pytest.raises(SleighTaskException, match="of the user's own server") as caught:
        call.result()
    assert isinstance(caught.value.__cause__, NwsTimeoutException)

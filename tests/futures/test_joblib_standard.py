"""What joblib's own tests ask of a backend: those of `joblib.test.test_parallel` that are given one
are run as they are, with ours, but for those in `LEFT_OUT`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from types import FunctionType
from typing import Any, ClassVar, Final

import pytest
from joblib.parallel import register_parallel_backend

import nws.joblib
from nws.futures import SleighExecutor
from nws.sleigh import Sleigh
from tests.support.processes import children, until

test_parallel = pytest.importorskip("joblib.test.test_parallel")

LEFT_OUT: Final = {
    "looks at the pool inside of loky and multiprocessing": "test_error_capture",
    "is about memmaps of joblib; ours are arrays in shared memory "
    "(test_large_arrays_are_sent_once)": (
        "test_auto_memmap_on_arrays_from_generator test_memmapping_leaks"
    ),
    "is given no other backend than the default one": "test_background_thread_parallelism",
    "its program does not register the backend; what no worker can import is sent "
    "(test_results_in_order)": (
        "test_parallel_with_interactively_defined_functions "
        "test_parallel_with_unpicklable_functions_in_args"
    ),
    "compares loky with threads and the sequential one": (
        "test_multiple_generator_call_separated_gc"
    ),
    "without n_jobs= ours has all workers, theirs one (test_it_runs_on_the_workers)": (
        "test_nested_backend_in_sequential"
    ),
    "needs a module of joblib's own that is not in its wheel": "test_parallel_thread_limit",
}

BY_DAY: Final = [
    "test_simple_parallel",
    "test_main_thread_renamed_no_warning",
    "test_parallel_as_context_manager",
    "test_error_in_task_iterator",
    "test_dispatch_one_job",
    "test_batching_auto_subprocesses",
    "test_nested_exception_dispatch",
    "test_invalid_njobs",
    "test_njobs_converted_to_int",
    "test_nested_backend_context_manager",
    "test_lambda_expression",
    "test_nested_parallelism_limit",
]
"""Quick, and of any duration; all others are for the night."""


class NwsBackend(nws.joblib.SleighBackend):
    """Borrows workers if there is no initializer. The tests expect this name of its class."""

    executor: ClassVar[SleighExecutor]

    def configure(self, *args: Any, **options: Any) -> int:
        borrows = not (self._initializer or options.get("initializer"))
        self._given = self.executor if borrows else None
        return super().configure(*args, **options)


@pytest.fixture(scope="module", autouse=True)
def registered(sleigh: Sleigh, nothing_is_left: None) -> Iterator[None]:
    own = nws.joblib._Executors()
    before = children(os.getpid())
    with (
        pytest.MonkeyPatch.context() as patch,
        SleighExecutor(sleigh, cancel_running=True) as NwsBackend.executor,
    ):
        patch.setattr(nws.joblib, "_executors", own)
        register_parallel_backend("nws", NwsBackend)
        yield
    nws.joblib.register()
    if own._executor is not None:
        own._executor.shutdown()
    gc.collect()  # the managers of multiprocessing that tests have started
    until(lambda: children(os.getpid()) == before, "the end of all that tests have started")


def _with_our_backend(test: FunctionType) -> FunctionType:
    """Return a test with our backend in place of those with which joblib runs it."""
    ours = FunctionType(
        test.__code__, test.__globals__, test.__name__, test.__defaults__, test.__closure__
    )
    marks = [mark for mark in _marks(test) if mark.name != "xfail" and not _names_backends(mark)]
    marks.append(pytest.mark.parametrize("backend", ["nws"]).mark)
    # joblib's own tests let it warn of results that nobody takes.
    marks.append(
        pytest.mark.filterwarnings("ignore:.*tasks which were still being:UserWarning").mark
    )
    if test.__name__ not in BY_DAY:
        marks.append(pytest.mark.nightly.mark)
    ours.pytestmark = marks  # type: ignore[attr-defined]
    return ours


def _marks(test: FunctionType) -> list[pytest.Mark]:
    return getattr(test, "pytestmark", [])


def _names_backends(mark: pytest.Mark) -> bool:
    return mark.name == "parametrize" and mark.args[0] == "backend"


_THEIRS: Final = {
    name: test
    for name, test in vars(test_parallel).items()
    if name.startswith("test_") and any(map(_names_backends, _marks(test)))
}
_OTHERS: Final = {name for names in LEFT_OUT.values() for name in names.split()}
globals().update(
    {name: _with_our_backend(test) for name, test in _THEIRS.items() if name not in _OTHERS}
)


def test_every_reason_names_a_test_that_is_there() -> None:
    assert not {*BY_DAY, *_OTHERS} - vars(test_parallel).keys()

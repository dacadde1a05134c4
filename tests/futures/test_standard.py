"""What CPython's own tests ask of an executor: `test.test_concurrent_futures`, where this Python
has it. Its classes are run as they are, but for the tests in `LEFT_OUT`."""

from __future__ import annotations

import importlib
import sys
import unittest
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context, resource_tracker
from typing import Any, ClassVar, Final

import pytest

from nws.futures import SleighExecutor as _SleighExecutor
from nws.sleigh import Sleigh

pytest.importorskip("test.test_concurrent_futures")

LEFT_OUT: Final = {
    "looks at the processes and queues inside ProcessPoolExecutor": (
        "test_context_manager_shutdown test_del_shutdown test_idle_process_reuse_multiple "
        "test_idle_process_reuse_one test_processes_terminate test_python_finalization_error "
        "test_saturation test_shutdown_deadlock_pickle test_shutdown_no_wait "
        "test_gh105829_should_not_deadlock_if_wakeup_pipe_full"
    ),
    "there is no max_tasks_per_child, and no limit of Windows": (
        "test_max_tasks_early_shutdown test_max_tasks_per_child "
        "test_max_tasks_per_child_defaults_to_spawn_context test_max_workers_too_large"
    ),
    "a worker that dies breaks nothing (test_a_worker_that_dies_costs_no_call)": (
        "test_killed_child"
    ),
    "what cannot be read breaks nothing (test_what_cannot_be_read_fails_its_call)": (
        "test_error_at_task_unpickle test_error_during_result_unpickle_in_result_handler "
        "test_exit_at_task_unpickle test_exit_during_result_unpickle_in_result_handler"
    ),
    "the traceback is in a SleighTaskException (test_the_exception_is_the_call_s_own)": (
        "test_traceback"
    ),
}


class SleighExecutor(_SleighExecutor):
    """Takes the arguments of ProcessPoolExecutor; borrows workers if there is no initializer."""

    sleigh: ClassVar[Sleigh]

    def __init__(self, max_workers: int, mp_context: Any = None, **initializer: Any) -> None:
        borrows = max_workers > 0 and not initializer
        super().__init__(self.sleigh if borrows else max_workers, **initializer)

    @property
    def _broken(self) -> str:
        return self.broken


@pytest.fixture(scope="module", autouse=True)
def workers(on_server: dict[str, Any], nothing_is_left: None) -> Iterator[None]:
    patched = pytest.MonkeyPatch()
    for module in _modules():
        # Scripts of these tests, and what an executor that is broken raises.
        if (run := getattr(module, "assert_python_ok", None)) is not None:
            patched.setattr(module, "assert_python_ok", _with_our_executor(run))
        if hasattr(module, "BrokenProcessPool"):
            patched.setattr(module, "BrokenProcessPool", BrokenExecutor)
    with Sleigh(**on_server, workerCount=5) as SleighExecutor.sleigh:
        yield
    patched.undo()
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def _modules() -> list[Any]:
    """Return the modules of the tests: one, or since Python 3.12 several."""
    package = importlib.import_module("test.test_concurrent_futures")
    if not hasattr(package, "__path__"):
        return [package]
    names = "executor test_as_completed test_deadlock test_init test_process_pool test_shutdown"
    return [
        importlib.import_module(f"{package.__name__}.{name}")
        for name in f"{names} test_wait util".split()
    ]


def _with_our_executor(run: Callable[..., Any]) -> Callable[..., Any]:
    def run_with_ours(option: str, program: str) -> Any:
        return run(
            option, program.replace("from concurrent.futures import", "from nws.futures import")
        )

    return run_with_ours


def _standard(name: str) -> Any:
    """Return a class of the tests."""
    return next(vars(module)[name] for module in _modules() if name in vars(module))


class _OnSleigh(_standard("ExecutorMixin")):  # type: ignore[misc]
    """Makes the executor of a test."""

    executor_type = SleighExecutor

    def setUp(self) -> None:
        for why, names in LEFT_OUT.items():
            if self._testMethodName in names.split():
                self.skipTest(why)
        super().setUp()

    def get_context(self) -> Any:
        return get_context("spawn")


class TestExecutor(_OnSleigh, _standard("ProcessPoolExecutorTest"), unittest.TestCase):  # type: ignore[misc]
    pass


class TestWait(_OnSleigh, _standard("WaitTests"), unittest.TestCase):  # type: ignore[misc]
    pass


class TestAsCompleted(_OnSleigh, _standard("AsCompletedTests"), unittest.TestCase):  # type: ignore[misc]
    pass


class TestShutdown(_OnSleigh, _standard("ProcessPoolShutdownTest"), unittest.TestCase):  # type: ignore[misc]
    pass


class TestDeadlock(_OnSleigh, _standard("ExecutorDeadlockTest"), unittest.TestCase):  # type: ignore[misc]
    pass


class TestInitializer(_standard("InitializerMixin"), _OnSleigh, unittest.TestCase):  # type: ignore[misc]
    pass


class TestFailingInitializer(_standard("FailingInitializerMixin"), _OnSleigh, unittest.TestCase):  # type: ignore[misc]
    def _assert_logged(self, msg: str) -> AbstractContextManager[None]:
        return nullcontext()  # it is the cause of the BrokenExecutor


def test_every_reason_names_a_test_that_is_there() -> None:
    there = set(dir(TestExecutor) + dir(TestShutdown) + dir(TestDeadlock))
    missing = {name for names in LEFT_OUT.values() for name in names.split()} - there
    assert sys.version_info < (3, 13) or not missing

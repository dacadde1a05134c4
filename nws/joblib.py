"""A backend of joblib over workers of a sleigh.

::

    import joblib
    import nws.joblib

    nws.joblib.register()
    with joblib.parallel_config("nws"):
        ...  # joblib.Parallel, or scikit-learn with n_jobs=
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

import cloudpickle

try:
    from joblib.parallel import (
        AutoBatchingMixin,
        FallbackToBackend,
        ParallelBackendBase,
        SequentialBackend,
        register_parallel_backend,
    )
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"nws.joblib needs what is not installed here ({error}): "
        "`pip install 'networkspaces[joblib]'`",
        name=error.name,
    ) from error

from nws.futures import SleighExecutor
from nws.futures.file_arrays import FileArray
from nws.sleigh.shared.cores import available_cores

__all__ = ["SleighBackend", "register"]

_MIN_SCATTERED_BYTES: Final = 1024 * 1024
"""Smaller arrays travel with each call. The same bound as joblib's own."""


def register() -> None:
    """Make ``joblib.parallel_config("nws")`` known. It takes ``executor=``, a
    `nws.futures.SleighExecutor` to use; by default there is one for all calls with as many workers
    as ``n_jobs`` says, which stay until the program ends. For these it takes what loky does:
    ``initializer=`` and ``initargs=``, which each worker calls before its first call, and
    ``inner_max_num_threads=``."""
    register_parallel_backend("nws", SleighBackend)


class SleighBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """What joblib asks of a backend; made by joblib."""

    default_n_jobs = -1
    supports_retrieve_callback = True
    supports_inner_max_num_threads = True

    def __init__(
        self,
        executor: SleighExecutor | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        nesting_level: int | None = None,
        inner_max_num_threads: int | None = None,
    ) -> None:
        super().__init__(nesting_level=nesting_level, inner_max_num_threads=inner_max_num_threads)
        self._given = executor
        self._initializer = initializer
        self._initargs = initargs
        self._executor: SleighExecutor | None = None
        self._futures: set[Future[Any]] = set()
        self._min_scattered_bytes: float = _MIN_SCATTERED_BYTES
        self._scattered: dict[int, tuple[Any, Any]] = {}  # arrays and their handles, by id

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs is None or _in_task.is_set():
            return 1  # in a task no worker is free to wait for
        if n_jobs > 0:
            return n_jobs
        workers = available_cores() if self._given is None else self._given.max_workers
        return max(1, workers + 1 + n_jobs)

    def configure(
        self,
        n_jobs: int | None = 1,
        parallel: Any = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        max_nbytes: float | None = _MIN_SCATTERED_BYTES,
        mmap_mode: str | None = "r",
        **_: Any,
    ) -> int:
        """Find workers for a call of ``Parallel``, whose initializer counts before the one that
        `parallel_config` was given."""
        self._min_scattered_bytes = math.inf  # calls may write into their arrays
        if max_nbytes is not None and mmap_mode == "r":
            self._min_scattered_bytes = max_nbytes
        workers = self.effective_n_jobs(n_jobs)
        if workers == 1:
            raise FallbackToBackend(SequentialBackend(nesting_level=self.nesting_level))
        self.parallel = parallel
        if initializer is None:
            initializer, initargs = self._initializer, self._initargs
        if self._given is None:
            variables = self._thread_limits(workers)
            self._executor = _executors.get(workers, variables, initializer, initargs)
        elif initializer is None:
            self._executor = self._given
        else:
            raise ValueError(
                "executor= has workers already: give it the initializer, "
                "as SleighExecutor(initializer=...)"
            )
        return workers

    def _thread_limits(self, workers: int) -> Mapping[str, str]:
        """Return variables that limit threads of libraries, where the user has said how many; else
        each worker has its share of the cores anyway."""
        if self.inner_max_num_threads is None:
            return {}
        limits: Mapping[str, str] = self._prepare_worker_env(n_jobs=workers)
        return limits

    def submit(self, func: Any, callback: Callable[[Any], object] | None = None) -> Future[Any]:
        assert self._executor is not None
        func.items = [
            (
                function,
                tuple(map(self._passed, args)),
                {name: self._passed(value) for name, value in kwargs.items()},
            )
            for function, args, kwargs in func.items
        ]
        future = self._executor.submit(_run, func)
        self._futures.add(future)
        future.add_done_callback(self._futures.discard)
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # as it was called before joblib 1.5

    def _passed(self, argument: Any) -> Any:
        """Return what stands for an array that is not to be sent with each call; anything else as
        it is."""
        if not _is_array(argument):
            return argument
        in_file = FileArray.of(argument)
        if in_file is not None or argument.nbytes < self._min_scattered_bytes:
            return in_file or argument
        if id(argument) not in self._scattered:
            assert self._executor is not None
            self._scattered[id(argument)] = argument, self._executor.scatter(argument)
        return self._scattered[id(argument)][1]

    def retrieve_result_callback(self, out: Future[Any]) -> Any:
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        for future in list(self._futures):
            future.cancel()

    def terminate(self) -> None:
        self._scattered.clear()
        self._executor = None
        self.reset_batch_stats()


_in_task: Final = threading.Event()


def _run(batch: Callable[[], Any]) -> Any:
    """Run calls in a task. They may use this backend too: then they do all by themselves."""
    register()
    was_in_task = _in_task.is_set()
    _in_task.set()
    try:
        return batch()
    finally:
        if not was_in_task:
            _in_task.clear()


def _is_array(argument: Any) -> bool:
    """Tell whether this is an array of numbers: its data lies in one piece of memory."""
    return type(argument).__module__ == "numpy" and not argument.dtype.hasobject


class _Executors:
    """The executor that all calls share, as long as they want the same of its workers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._executor: SleighExecutor | None = None
        self._wanted: tuple[object, ...] = ()

    def get(
        self,
        workers: int,
        variables: Mapping[str, str],
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> SleighExecutor:
        """Return it; with these variables in the environment of its workers, which have called
        this initializer."""
        # Arrays among the arguments could not be compared as they are.
        beginning = cloudpickle.dumps((initializer, tuple(initargs)))
        wanted = os.getpid(), workers, dict(variables), beginning
        with self._lock:
            if self._executor is None or self._wanted != wanted or self._executor.broken:
                if self._executor is not None:
                    self._executor.shutdown(wait=False)
                self._executor = SleighExecutor(
                    workers, initializer, initargs, cancel_running=True, environment=variables
                )
                self._wanted = wanted
            return self._executor


_executors: Final = _Executors()

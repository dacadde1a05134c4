"""What an executor is in a task: calls run at once, in the task's own process.

A task that waited for another worker would keep its own worker busy meanwhile. If all did, nothing
would go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import Any

from nws.futures.mapping import mapped

__all__ = ["ExecutorInTask"]


class ExecutorInTask(Executor):
    """Runs each call in the thread that submits it, before `submit` returns."""

    def __init__(self) -> None:
        self._is_shut_down = False

    def __reduce__(self) -> tuple[Any, ...]:
        return ExecutorInTask, ()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self._is_shut_down:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # as an executor's process has it
            future.set_exception(error)
        return future

    def scatter(self, value: Any) -> Any:
        return value

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        return mapped(self.submit, fn, iterables, timeout, chunksize, buffersize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._is_shut_down = True

    def terminate_workers(self) -> None:
        self.shutdown()

    def kill_workers(self) -> None:
        self.shutdown()

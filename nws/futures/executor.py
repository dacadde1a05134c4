"""`SleighExecutor`: a `concurrent.futures.Executor` over the workers of a sleigh."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future
from operator import index
from typing import Any

from nws.futures.calls import Calls
from nws.futures.in_task import ExecutorInTask
from nws.futures.mapping import mapped
from nws.futures.output import show
from nws.sleigh import Sleigh
from nws.sleigh.launch.local import LocalLauncher

__all__ = ["SleighExecutor"]


class SleighExecutor(Executor):
    """An executor whose calls survive the death of their worker, and need not be importable.

    It may be used by any threads, not by forks of this process. One that is passed to a task runs
    calls in that task's own process, so tasks never wait for each other's workers.

    Attributes:
        max_workers: how many workers there are, or are to come.
    """

    def __init__(
        self,
        max_workers: int | Sleigh | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] = (),
        *,
        cancel_running: bool = False,
        group: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start workers, or borrow those of a sleigh.

        Args:
            max_workers: how many on this machine; by default as many as this process may use cores.
                Or a sleigh, which is not stopped with the executor; several executors, and its own
                calls, share its workers.
            initializer, initargs: what each worker calls once before its first call, also one that
                takes the place of another. If it fails on a worker, the executor is broken.
            cancel_running: ``Future.cancel`` stops calls that run, by replacing their workers.
            group: of a borrowed sleigh, whose workers do the calls; by default all do. If it has no
                worker, the executor is broken by its first call.
            environment: variables that workers have from their start, before they import anything,
                beside those of this process; so libraries find theirs, such as OMP_NUM_THREADS.

        Raises:
            ValueError: no workers are wanted; an initializer or variables are given for a borrowed
                sleigh, which has its own; or a group without a sleigh.
            TypeError: the initializer cannot be called; or ``max_workers`` is no whole number.
            SleighException: workers cannot be started, the sleigh was stopped, or variables are no
                texts.
        """
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        owns = not isinstance(max_workers, Sleigh)
        if isinstance(max_workers, Sleigh):
            if initializer is not None:
                raise ValueError("a borrowed sleigh has its own: Sleigh(initializer=...)")
            if environment is not None:
                raise ValueError("environment= is for new workers; those of a sleigh have theirs")
            sleigh = max_workers
        else:
            if group:
                raise ValueError(
                    f"group={group!r} is for a sleigh: SleighExecutor(sleigh, group=...)"
                )
            if max_workers is not None and index(max_workers) <= 0:
                raise ValueError("max_workers must be greater than 0")
            sleigh = Sleigh(
                launch=LocalLauncher(environment),
                workerCount=max_workers,
                initializer=initializer,
                initargs=initargs,
                output=show,
            )
        self.max_workers = sleigh.size
        self._calls = Calls(sleigh, group, owns=owns, cancel_running=cancel_running)
        # At the interpreter's end there is another way to wait for them.
        end = weakref.finalize(self, self._calls.shut_down, wait=False, cancel_futures=False)
        end.atexit = False

    @property
    def broken(self) -> str:
        """Why it can do no more calls; empty as long as it can."""
        return self._calls.broken

    def __reduce__(self) -> tuple[Any, ...]:
        return ExecutorInTask, ()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Call a function once, on any worker, without waiting.

        Args:
            fn: any callable; what workers cannot import, such as a lambda, is sent to them.
            args, kwargs: its arguments, sent as they are now.

        Returns:
            A future. Its exception is the one that the call has raised, with the worker's traceback
            as its ``__cause__``; a CallLostError if three workers have died at it; a
            BrokenSleighExecutor if the executor is broken. It runs, and cannot be cancelled any
            more, when a worker has taken it. Callbacks run one at a time, on a thread of the
            executor.

        Raises:
            RuntimeError: the executor was shut down, the interpreter ends, or this is a fork.
            BrokenSleighExecutor: the executor is broken.
        """
        return self._calls.submit(fn, args, kwargs)

    def scatter(self, value: Any) -> Any:
        """Store a value once for many calls: what is returned stands for it in their arguments, and
        keeps it; see `nws.sleigh.Sleigh.scatter`.

        Raises:
            SleighException: the value cannot be pickled, the server refuses it, or is gone.
        """
        return self._calls.scatter(value)

    def map(
        self,
        fn: Callable[..., Any],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[Any]:
        """Return an iterator over the results of a function, in the order of the elements.

        Args:
            fn: see `submit`.
            iterables: of its arguments; the shortest one ends the elements.
            timeout: seconds from now in which each result must be there; None for any time.
            chunksize: elements in a call.
            buffersize: calls that are submitted and whose results were not taken; the input is read
                no further. None for all.

        Raises:
            ValueError: ``chunksize`` or ``buffersize`` is less than 1.
            concurrent.futures.TimeoutError: by the iterator: a result is not there in time.
            Exception: by the iterator: what a call has raised. The others are cancelled.
        """
        return mapped(self.submit, fn, iterables, timeout, chunksize, buffersize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. Workers that are not borrowed end when all calls are done.

        Args:
            wait: return after that. (In a callback it returns at once.)
            cancel_futures: cancel the calls that no worker has taken.
        """
        self._calls.shut_down(wait=wait, cancel_futures=cancel_futures)

    def terminate_workers(self) -> None:
        """Shut down; cancel the calls that wait and stop those that run, whose futures have a
        BrokenSleighExecutor. Those have a quarter of a second to end."""
        self._calls.terminate(kill=False)

    def kill_workers(self) -> None:
        """Do so, but kill workers on this machine at once if they are not borrowed."""
        self._calls.terminate(kill=True)

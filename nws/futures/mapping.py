"""`Executor.map`: calls for elements, alone or in chunks, and their results in order."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import islice
from operator import index
from typing import Any

__all__ = ["mapped"]

Submit = Callable[..., "Future[Any]"]


def mapped(
    submit: Submit,
    function: Callable[..., Any],
    iterables: Sequence[Iterable[Any]],
    timeout: float | None,
    chunksize: int,
    buffersize: int | None,
) -> Iterator[Any]:
    """Submit calls and return an iterator over their results; see
    `nws.futures.SleighExecutor.map`."""
    if index(chunksize) < 1:
        raise ValueError(f"chunksize={chunksize}: it must be >= 1.")
    if buffersize is not None and index(buffersize) < 1:
        raise ValueError(f"buffersize={buffersize}: it must be None or > 0")
    end = None if timeout is None else time.monotonic() + timeout
    elements = zip(*iterables)  # noqa: B905 - the shortest ends it, as in the builtin map
    if chunksize == 1:
        calls: Iterator[Future[Any]] = (submit(function, *each) for each in elements)
    else:
        chunks = iter(lambda: list(islice(elements, chunksize)), [])
        calls = (submit(_run_chunk, function, chunk) for chunk in chunks)
    futures = deque(islice(calls, buffersize))
    ahead = calls if buffersize is not None else iter(())
    results = _results(futures, ahead, end)
    if chunksize == 1:
        return results
    return _flattened(results)


def _results(
    futures: deque[Future[Any]], ahead: Iterator[Future[Any]], end: float | None
) -> Iterator[Any]:
    """Give the results in order, and have a further call submitted for each of them. No reference
    to a result is kept."""
    try:
        while futures:
            futures.extend(islice(ahead, 1))
            yield _result_of_first(futures, end)
    finally:
        while futures:
            futures.pop().cancel()


def _result_of_first(futures: deque[Future[Any]], end: float | None) -> Any:
    future = futures[0]
    try:
        result = future.result(None if end is None else end - time.monotonic())
        futures.popleft()
        return result
    finally:
        del future  # its exception may lead to this frame


def _flattened(chunks: Iterator[list[Any]]) -> Iterator[Any]:
    """Give the results in chunks one by one."""
    for chunk in chunks:
        chunk.reverse()
        while chunk:
            yield chunk.pop()


def _run_chunk(function: Callable[..., Any], chunk: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Run a chunk, on a worker."""
    return [function(*arguments) for arguments in chunk]

"""The program of a contender (see `contenders`): it opens one parallel map and runs tasks."""

from __future__ import annotations

import gc
import json
import os
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any, Final, TextIO, TypeAlias

from scripts.benchmarks.maps import MAPS, Function, MapCall, ParallelMap
from scripts.benchmarks.tasks import array, millisecond, same, write_at_once, write_in_pieces

ONE: Final = "one"
MANY: Final = "many"
SINGLE: Final = "single"
SUBMITTED: Final = "submitted"
ABS: Final = "abs"
ABS_ITERATED: Final = "abs, iterated"
ABS_SPARING: Final = "abs, sparing"
BYTES: Final = "bytes"
ARRAYS: Final = "arrays"
IN_CHUNKS: Final = "in chunks"
IN_CHUNKS_ITERATED: Final = "in chunks, iterated"
WRITTEN_AT_ONCE: Final = "written at once"
WRITTEN_IN_PIECES: Final = "written in pieces"
MILLISECONDS: Final = "milliseconds"
KEPT: Final = "kept"
KEPT_COPY: Final = "kept copy"

_VALUE_BYTES: Final = 1_000_000


_Piece: TypeAlias = Callable[[ParallelMap, int], float]
"""Run that many tasks; return what is measured, for one of them."""


def main() -> None:
    """Answer until there are no more requests."""
    replies = _take_stdout()
    with MAPS[sys.argv[1]].open() as parallel_map:
        parallel_map.one(same, 0)
        _say(replies, {})
        for line in sys.stdin:
            piece, count = json.loads(line)
            _say(replies, _answer(_PIECES[piece], parallel_map, count))


def _take_stdout() -> TextIO:
    """Keep stdout for the answers; all other output goes to stderr."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return replies


def _say(replies: TextIO, reply: dict[str, Any]) -> None:
    print(json.dumps(reply), file=replies, flush=True)


def _answer(piece: _Piece, parallel_map: ParallelMap, count: int) -> dict[str, Any]:
    try:
        return {"measured": piece(parallel_map, count)}
    except Exception as error:  # the bench reports it and goes on
        return {"error": f"{type(error).__name__}: {error}"}


def _timed(
    run: Callable[[ParallelMap, Sequence[Any]], list[Any]],
    make: Callable[[int], Sequence[Any]] = range,
) -> _Piece:
    """Measure the seconds that a task takes.

    Args:
        run: return the results for some values.
        make: make that many values.
    """

    def piece(parallel_map: ParallelMap, count: int) -> float:
        values = make(count)
        start = perf_counter()
        results = run(parallel_map, values)
        seconds = perf_counter() - start
        if len(results) != count:
            raise ValueError(f"{len(results)} results of {count} tasks")
        wrong = [result for result in results if type(result) is not type(values[0])]
        if wrong:
            raise ValueError(f"{len(wrong)} of {count} results are wrong: {wrong[0]}")
        return seconds / count

    return piece


def _kept(parallel_map: ParallelMap, count: int, *, copied: bool = False) -> float:
    """Measure the bytes that one of the results takes when the others are gone."""
    tracemalloc.start()
    try:
        kept = parallel_map.many(array, range(count))[0]
        if copied:
            kept = kept.copy()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        del kept
        gc.collect()
        return float(before - tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()


def _one(parallel_map: ParallelMap, values: Sequence[Any]) -> list[Any]:
    return [parallel_map.one(same, value) for value in values]


def _all(name: str, fun: Function, parallel_map: ParallelMap, values: Sequence[Any]) -> list[Any]:
    call: MapCall = getattr(parallel_map, name)
    return call(fun, values)


def _bytes(count: int) -> list[bytes]:
    return [os.urandom(_VALUE_BYTES) for _ in range(count)]


def _arrays(count: int) -> list[Any]:
    numpy = import_module("numpy")
    return [numpy.frombuffer(value) for value in _bytes(count)]


_PIECES: Final[dict[str, _Piece]] = {
    ONE: _timed(_one),
    MANY: _timed(partial(_all, "many", same)),
    SINGLE: _timed(partial(_all, "single", same)),
    SUBMITTED: _timed(partial(_all, "submitted", same)),
    ABS: _timed(partial(_all, "many", abs)),
    ABS_ITERATED: _timed(partial(_all, "iterated", abs)),
    ABS_SPARING: _timed(partial(_all, "sparing", abs)),
    BYTES: _timed(partial(_all, "many", same), _bytes),
    ARRAYS: _timed(partial(_all, "many", same), _arrays),
    IN_CHUNKS: _timed(partial(_all, "in_chunks", abs)),
    IN_CHUNKS_ITERATED: _timed(partial(_all, "in_chunks_iterated", abs)),
    WRITTEN_AT_ONCE: _timed(partial(_all, "many", write_at_once)),
    WRITTEN_IN_PIECES: _timed(partial(_all, "many", write_in_pieces)),
    MILLISECONDS: _timed(partial(_all, "many", millisecond)),
    KEPT: _kept,
    KEPT_COPY: partial(_kept, copied=True),
}

if __name__ == "__main__":
    main()

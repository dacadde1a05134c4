"""The program of a contender (see `contenders`): it opens one parallel map and runs tasks."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import Any, Final, NamedTuple, TextIO

from scripts.benchmarks.maps import MAPS, Function, MapCall, ParallelMap
from scripts.benchmarks.tasks import same

ONE: Final = "one"
MANY: Final = "many"
SINGLE: Final = "single"
SUBMITTED: Final = "submitted"
ABS: Final = "abs"
ABS_ITERATED: Final = "abs, iterated"
ABS_SPARING: Final = "abs, sparing"
BYTES: Final = "bytes"
ARRAYS: Final = "arrays"

_VALUE_BYTES: Final = 1_000_000


class _Piece(NamedTuple):
    """A piece of work.

    Attributes:
        run: return the results for the values.
        values: how many of them to make.
    """

    run: Callable[[ParallelMap, Sequence[Any]], list[Any]]
    values: Callable[[int], Sequence[Any]] = range


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
        return {"seconds": _measure(piece, parallel_map, count)}
    except Exception as error:  # the bench reports it and goes on
        return {"error": f"{type(error).__name__}: {error}"}


def _measure(piece: _Piece, parallel_map: ParallelMap, count: int) -> float:
    values = piece.values(count)
    start = perf_counter()
    results = piece.run(parallel_map, values)
    seconds = perf_counter() - start
    if len(results) != count:
        raise ValueError(f"{len(results)} results of {count} tasks")
    wrong = [result for result in results if type(result) is not type(values[0])]
    if wrong:
        raise ValueError(f"{len(wrong)} of {count} results are wrong: {wrong[0]}")
    return seconds / count


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


_PIECES: Final = {
    ONE: _Piece(_one),
    MANY: _Piece(partial(_all, "many", same)),
    SINGLE: _Piece(partial(_all, "single", same)),
    SUBMITTED: _Piece(partial(_all, "submitted", same)),
    ABS: _Piece(partial(_all, "many", abs)),
    ABS_ITERATED: _Piece(partial(_all, "iterated", abs)),
    ABS_SPARING: _Piece(partial(_all, "sparing", abs)),
    BYTES: _Piece(partial(_all, "many", same), _bytes),
    ARRAYS: _Piece(partial(_all, "many", same), _arrays),
}

if __name__ == "__main__":
    main()

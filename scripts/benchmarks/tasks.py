"""What the tasks of a parallel map do. The workers import it, so it holds nothing else."""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Final, TypeVar

_T = TypeVar("_T")

_PRINTED: Final = list(range(160_000))
_ARRAY_BYTES: Final = 80_000


def same(value: object) -> object:
    """Return the argument. It uses no name of this module, as ppft sends it as source."""
    return value


def do_same(value: _T) -> _T:
    """Return the argument, as a slave of MasterSlave."""
    return value


def write_in_pieces(value: _T) -> _T:
    """Write a megabyte to stdout in 320,000 pieces, as `json.dump` does."""
    json.dump(_PRINTED, sys.stdout)
    return value


def write_at_once(value: _T) -> _T:
    """Write the same in one piece."""
    sys.stdout.write(json.dumps(_PRINTED))
    return value


def millisecond(value: _T) -> _T:
    """Use the processor for a millisecond."""
    end = time.process_time() + 0.001
    while time.process_time() < end:
        pass
    return value


def array(number: int) -> Any:
    """Return an array of 80 KB."""
    import numpy

    return numpy.full(_ARRAY_BYTES // 8, float(number))

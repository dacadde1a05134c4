"""The sleigh's initializer at the master: made ready for the workers, and its failure told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nws.errors import SleighIllegalValueException, SleighInitializerException
from nws.sleigh.master.source_lines import with_source_lines
from nws.sleigh.master.values import cause_of
from nws.sleigh.shared.functions import Function, check_function, packed_function
from nws.sleigh.shared.messages import Failure, Results
from nws.sleigh.shared.pickling import Packed

__all__ = ["initializer_error", "initializer_of", "packed_initializer"]


def initializer_of(fun: Any, arguments: Iterable[Any]) -> Function | None:
    """Return what each worker calls first; None if there is nothing.

    Raises:
        SleighIllegalValueException: it cannot be called, or ``arguments`` is no iterable.
    """
    if fun is None:
        return None
    try:
        fixed = tuple(arguments)
    except TypeError:
        raise SleighIllegalValueException(
            f"initargs={arguments!r} is not a list of arguments"
        ) from None
    return Function(*check_function(fun, None), fixed, {}, None)


def packed_initializer(initializer: Function | None) -> Packed | None:
    """Pack what each worker calls first.

    Raises:
        SleighIllegalValueException: it cannot be pickled.
    """
    if initializer is None:
        return None
    return packed_function(tuple(initializer), "the initializer or initargs")


def initializer_error(failed: Results) -> SleighInitializerException:
    """Return the error for what a worker says of its initializer."""
    failure = failed.outcomes[0]
    assert isinstance(failure, Failure)
    error = SleighInitializerException(
        f"the initializer failed on worker {failed.rank}\n{with_source_lines(failure.text)}"
    )
    error.__cause__ = cause_of(failure)
    return error

"""Checks of what users pass: with the types of exceptions that pp raises."""

from __future__ import annotations

from typing import Any, Final

from nws.sleigh.shared.cores import available_cores

__all__ = ["AUTODETECT", "check_callable", "check_callback", "check_tuple", "worker_count"]

AUTODETECT: Final = "autodetect"


def worker_count(ncpus: int | str) -> int:
    """Return how many workers ``ncpus`` stands for.

    Raises:
        TypeError: it is neither ``autodetect`` nor a whole number.
        ValueError: it is negative.
    """
    if ncpus == AUTODETECT:
        return available_cores()
    if not isinstance(ncpus, int) or isinstance(ncpus, bool):
        raise TypeError(f"ncpus={ncpus!r} is neither a whole number nor {AUTODETECT!r}")
    if ncpus < 0:
        raise ValueError(f"ncpus={ncpus}: the number of workers cannot be negative")
    return ncpus


def check_tuple(name: str, thing: Any) -> tuple[Any, ...]:
    """Return the argument of this name.

    Raises:
        TypeError: it is no tuple.
    """
    if not isinstance(thing, tuple):
        hint = f"; for a single one write ({thing!r},)" if isinstance(thing, str) else ""
        raise TypeError(f"{name} must be a tuple, not {type(thing).__name__}{hint}")
    return thing


def check_callable(name: str, thing: Any) -> None:
    """Raise TypeError if the argument of this name cannot be called."""
    if not callable(thing):
        raise TypeError(f"{name} must be a function, not {type(thing).__name__}")


def check_callback(callback: Any, callbackargs: Any) -> None:
    """Raise TypeError if a callback cannot be called, or its arguments are no tuple."""
    check_tuple("callbackargs", callbackargs)
    if callback is not None:
        check_callable("callback", callback)

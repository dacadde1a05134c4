"""How far a call has come, for people: a bar, or whatever the user's function makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nws.errors import SleighIllegalValueException

__all__ = ["Progress", "no_progress", "progress_for"]

Progress = Callable[[int, "int | None"], None]
"""Called with the number of elements that are done, and of all; None while nobody knows."""


def no_progress(done: int, total: int | None) -> None:
    """Show nothing."""


def progress_for(wanted: Any) -> Progress:
    """Return what shows the progress of a call.

    Args:
        wanted: True for a bar on stderr, a function, or False.

    Raises:
        SleighIllegalValueException: it is something else; or tqdm is missing.
    """
    if wanted is True:
        return _bar()
    if not wanted:
        return no_progress
    if callable(wanted):
        show: Progress = wanted
        return show
    raise SleighIllegalValueException(f"progress={wanted!r} is neither a function nor True")


def _bar() -> Progress:
    from tqdm.auto import tqdm

    bars: list[Any] = []

    def show(done: int, total: int | None) -> None:
        if not bars:
            bars.append(tqdm(total=total, unit=" elements"))
        (bar,) = bars
        bar.update(done - bar.n)
        if done == total:
            bar.close()

    return show

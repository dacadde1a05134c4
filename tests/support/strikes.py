"""Exceptions that strike inside the client, as Ctrl-C does, at each moment where they can.

CPython runs the handler of a signal when a Python function begins and when a call of a C function
has returned (and inside a C function that waits). A profile function is told of the same moments.
"""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any


class Strike(BaseException):
    """What the handler of a signal raised."""


class Striker:
    """While it is entered, the client is struck once, at the moment with a given number.

    Attributes:
        struck: whether it got that far.
    """

    def __init__(self, moment: int, error: BaseException | None = None) -> None:
        """Raise ``error``, a `Strike` by default."""
        self.struck = False
        self._left = moment
        self._error = error or Strike()

    def __enter__(self) -> Striker:
        sys.setprofile(self._profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _profile(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "c_return") or not _inside(frame):
            return
        self._left -= 1
        if self._left < 0 and not self.struck:
            self.struck = True
            raise self._error


def _inside(frame: FrameType | None) -> bool:
    """Tell whether the client is at work here, by itself or through a library."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name == __name__:
            return False
        if name.startswith("nws."):
            return True
        frame = frame.f_back
    return False

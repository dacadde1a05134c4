"""How the master learns which workers have left in order: by a variable for each supervisor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["HAVE_LEFT", "ids_of_left", "left_variable"]

HAVE_LEFT: Final = "haveLeft"
"""The variable that has a value once workers of any supervisor have left."""

_LEFT: Final = "left "


def left_variable(id: str) -> str:
    """Return the name of the variable with the ranks that have left a supervisor in order."""
    return f"{_LEFT}{id}"


def ids_of_left(variables: Iterable[str]) -> list[str]:
    """Return the ids of supervisors with such a variable."""
    return [name.removeprefix(_LEFT) for name in variables if name.startswith(_LEFT)]

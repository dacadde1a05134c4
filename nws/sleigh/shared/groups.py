"""Groups of workers: their names, and the variables that hold tasks for one of them only."""

from __future__ import annotations

import re
from typing import Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.messages import TASK

__all__ = ["checked_group", "group_of", "is_queue", "queue_of"]

_NAME: Final = re.compile(r"[\w.-]{1,64}")


def checked_group(group: Any) -> str:
    """Return the name of a group, empty for none.

    Raises:
        SleighIllegalValueException: it can be no name.
    """
    if group is None or group == "":
        return ""
    if not isinstance(group, str) or _NAME.fullmatch(group) is None:
        raise SleighIllegalValueException(
            f"group={group!r} is not a name of at most 64 letters, digits, and '_', '.' and '-'"
        )
    return group


def queue_of(group: str) -> str:
    """Return the name of the variable with tasks for a group; those of no group are for anybody."""
    return f"{TASK} {group}" if group else TASK


def is_queue(variable: str) -> bool:
    """Tell whether a variable holds tasks, by its name."""
    return variable.partition(" ")[0] == TASK


def group_of(queue: str) -> str:
    """Undo `queue_of`."""
    return queue.removeprefix(TASK).removeprefix(" ")

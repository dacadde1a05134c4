"""Calls that somebody else than the program wants to cancel, as by `nws sleigh cancel`.

Each request is a text in the variable `CANCEL`: the number of the call.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

from nws.client import NetWorkSpace
from nws.sleigh.shared.messages import CANCEL, log_dropped

__all__ = ["take_cancel_requests"]

_MAX_TAKEN_REQUESTS: Final = 100
"""At a time; further ones follow with the next look."""


def take_cancel_requests(workspace: NetWorkSpace) -> list[int]:
    """Take out what there is, and return the numbers of the calls. What is no number is dropped."""
    numbers = []
    for _ in range(_MAX_TAKEN_REQUESTS):
        text = BytesIO()
        if workspace.fetchTryFile(CANCEL, text) is False:
            break
        try:
            numbers.append(int(text.getvalue()))
        except ValueError:
            log_dropped(CANCEL, text.getvalue())
    return numbers

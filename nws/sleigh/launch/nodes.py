"""The entries of ``nodeList``: a machine, and how many workers it is to have."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from nws.errors import SleighIllegalValueException

__all__ = ["NodeEntry", "node_of"]

_FORM: Final = re.compile(r"(\[.+\]|[^:]+)(?::(\d+))?|([^:]*:[^:]*:.*)")
"""The last is an IPv6 address without brackets, which leaves no room for a number."""

_MAX_WORKERS: Final = 100_000
"""On one machine."""


class NodeEntry(NamedTuple):
    """A machine."""

    name: str
    workers: int = 1
    """They share a supervisor."""


def node_of(entry: str) -> NodeEntry:
    """Read an entry, such as ``hosta`` or ``hosta:8``.

    Raises:
        SleighIllegalValueException: it is none.
    """
    form = _FORM.fullmatch(entry.strip())
    workers = int(form[2] or 1) if form and len(form[2] or "") < 9 else 0
    if form is None or not 0 < workers <= _MAX_WORKERS:
        raise SleighIllegalValueException(
            f"nodeList has the entry {entry!r}; one is the name of a machine, and may have the "
            "number of its workers behind a colon, as in 'hosta:8'"
        )
    return NodeEntry(form[1] or form[3], workers)

"""Names of workspaces and variables: which are allowed, and how they are shown to people."""

from __future__ import annotations

from typing import Final

_CONTROL: Final = bytes(range(32)) + b"\x7f"


def is_clean(name: bytes) -> bool:
    """Tell whether a name is free of control characters, which would garble listings."""
    return len(name.translate(None, _CONTROL)) == len(name)


def shown(name: bytes) -> str:
    """Return a name as it stands in the reason of a failure."""
    return repr(name.decode("utf-8", "replace"))

"""Global names that the initializer has set: functions that come later find them.

A function that travels by value has globals of its own, a copy of what it used at the master. An
initializer that says ``global model`` would set that name where nobody looks.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from types import FunctionType, ModuleType
from typing import Any

from nws.sleigh.shared.pickling import pack, pieces_of

__all__ = ["KeptGlobals"]


class KeptGlobals:
    """What the initializer has set or changed among its globals, if these are a copy."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._module: Any = None
        self._kept: dict[str, Any] = {}

    @contextmanager
    def noting(self, names: dict[str, Any]) -> Iterator[None]:
        """Keep what is set or changed meanwhile among the globals of the initializer."""
        module = names.get("__name__")
        if module is None or vars(sys.modules.get(module, _NO_MODULE)) is names:
            yield  # all functions of that module see it
            return
        before = {name: (value, _state_of(value)) for name, value in names.items()}
        yield
        self._module = module
        for name, value in names.items():
            former, state = before.get(name, (_NO_MODULE, None))
            if value is not former or state is None or _state_of(value) != state:
                self._kept[name] = value

    def give(self, names: dict[str, Any]) -> None:
        """Set what was kept among the globals of another function, if it is of that module."""
        if self._kept and names.get("__name__") == self._module:
            names.update(self._kept)


_NO_MODULE = ModuleType("none")


def _state_of(value: Any) -> bytes | None:
    """Return a digest of what can be changed in an object; None if nobody can tell."""
    if isinstance(value, (FunctionType, ModuleType, type)):
        return b""
    digest = blake2b(digest_size=8)
    try:
        for piece in pieces_of(pack(value)):
            digest.update(piece)
    except Exception:  # it cannot be pickled
        return None
    return digest.digest()

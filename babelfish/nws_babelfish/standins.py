"""Stand-ins for the objects in a pickle that are not made: plain records without behavior.

Nothing here imports a module or calls a function. ``text.py`` decides how a stand-in is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["GlobalName", "StandIn"]

_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(eq=False, slots=True)
class GlobalName:
    """A class or function that a pickle names.

    Attributes:
        module: its module.
        name: its name there, with dots if it is inside a class.
    """

    module: str
    name: str

    @property
    def text(self) -> str:
        """The name as in a program; quoted if it is not a valid one."""
        text = self.name if self.module == "builtins" else f"{self.module}.{self.name}"
        return text if _DOTTED.fullmatch(text) else repr(text)


@dataclass(eq=False, slots=True)
class StandIn:
    """The result that a call in a pickle would have had, and the later changes to it.

    Attributes:
        function: that would have been called; usually a `GlobalName`.
        arguments: positional ones.
        keywords: keyword arguments.
        state: its attributes, as its class pickled them; None if there are none.
        items: appended or added to it.
        pairs: keys and values set in it.
    """

    function: Any
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)

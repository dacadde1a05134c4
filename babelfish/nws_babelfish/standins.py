"""What stands in a value for things that are not to be made: plain records, without behaviour.

Nothing here may do anything: no module is imported, nothing is called. How a stand-in looks to
people is the business of ``text.py``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Name", "StandIn"]

_DOTTED: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(eq=False, slots=True)
class Name:
    """A class or function that a pickle names.

    Attributes:
        module: where it is from.
        name: what it is called there; with dots if it is inside a class.
    """

    module: str
    name: str

    @property
    def text(self) -> str:
        """The name as in a program; quoted if a program could not use it."""
        text = self.name if self.module == "builtins" else f"{self.module}.{self.name}"
        return text if _DOTTED.fullmatch(text) else repr(text)


@dataclass(eq=False, slots=True)
class StandIn:
    """What a call in a pickle would have returned, and what was then done to it.

    Attributes:
        function: what would have been called; most often a `Name`.
        arguments: by position.
        keywords: and by name.
        state: its attributes, as its class packed them; None if there are none.
        items: what was appended or added to it.
        pairs: keys and values that were set in it.
    """

    function: Any
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    items: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)

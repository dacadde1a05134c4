"""The constants of the user guide."""

from __future__ import annotations

from typing import Final

__all__ = [
    "DICT",
    "FIFO",
    "LIFO",
    "MULTI",
    "SINGLE",
    "STRING",
    "V_FETCHERS",
    "V_FINDERS",
    "V_MODE",
    "V_VALUES",
    "V_VARIABLE",
    "WS_MINE",
    "WS_NAME",
    "WS_NUMVARS",
    "WS_OWNER",
    "WS_PERSISTENT",
    "WS_VARLIST",
]

# Modes of variables.
FIFO: Final = "fifo"
LIFO: Final = "lifo"
MULTI: Final = "multi"
SINGLE: Final = "single"

# Formats of listings, and the places in their tuples.
STRING: Final = "string"
DICT: Final = "dict"
WS_NAME, WS_MINE, WS_OWNER, WS_PERSISTENT, WS_NUMVARS, WS_VARLIST = range(6)
V_VARIABLE, V_VALUES, V_FETCHERS, V_FINDERS, V_MODE = range(5)

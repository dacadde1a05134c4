"""Names for temporary workspaces."""

from __future__ import annotations

import re
from typing import Final

_TEMPLATE: Final = re.compile(rb"(?:[^%]|%%)*%0?(\d{0,2})d(?:[^%]|%%)*", re.DOTALL)
MAX_WIDTH: Final = 20


def is_template(text: bytes) -> bool:
    """Tell whether a text has exactly one integer conversion: ``%d``, ``%5d`` or ``%05d``.

    The original hands the client's text to a formatter unchecked, and a huge width eats its memory.
    """
    match = _TEMPLATE.fullmatch(text)
    return match is not None and int(match[1] or 0) <= MAX_WIDTH


def fill(template: bytes, serial: int) -> bytes:
    """Put a number into a template that `is_template` accepted."""
    return template % serial

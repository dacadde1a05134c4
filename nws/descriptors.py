"""The descriptors of values: numbers that say who wrote a payload, and how.

The server never looks at them; clients agree on their meaning (see docs/protocol.md, section 6).
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "BINARY",
    "BINARY_BIT",
    "BUFFERS_BIT",
    "DIRECT_BIT",
    "LANGUAGE_SHIFT",
    "OTHER_LANGUAGES",
    "PICKLE",
    "PICKLE_WITH_BUFFERS",
    "PYTHON",
    "TEXT",
    "is_direct",
]

LANGUAGE_SHIFT: Final = 24
PYTHON: Final = 1
DIRECT_BIT: Final = 1
BINARY_BIT: Final = 2
BUFFERS_BIT: Final = 16
"""Our own; it means nothing to others in a payload that is not direct."""

TEXT: Final = b"%020d" % (PYTHON << LANGUAGE_SHIFT | DIRECT_BIT)
BINARY: Final = b"%020d" % (PYTHON << LANGUAGE_SHIFT | DIRECT_BIT | BINARY_BIT)
PICKLE: Final = b"%020d" % (PYTHON << LANGUAGE_SHIFT)
PICKLE_WITH_BUFFERS: Final = b"%020d" % (PYTHON << LANGUAGE_SHIFT | BUFFERS_BIT)

OTHER_LANGUAGES: Final = {
    2: "Matlab",
    3: "R",
    4: "Perl",
    5: "Ruby",
    6: "Octave",
    7: "Java",
    8: "C#",
    9: "Objective-C",
    10: "Emacs Lisp",
}


def is_direct(descriptor: int) -> bool:
    """Tell whether a payload is text or bytes as they are, not a pickle."""
    return bool(descriptor & DIRECT_BIT)

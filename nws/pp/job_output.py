"""What a job has printed, kept until somebody asks for it."""

from __future__ import annotations

import io
from typing import Final

__all__ = ["JobOutput"]

_MAX_CHARS: Final = 16 * 1024 * 1024
"""Of a job. One that prints without end must not fill the memory of the program."""


class JobOutput:
    """Texts, up to a limit; what comes then is counted and dropped."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept = io.StringIO()
        self._dropped = 0

    def add(self, text: str) -> None:
        """Keep a text, or as much of it as there is room for."""
        room = _MAX_CHARS - self._kept.tell()
        self._kept.write(text[:room])
        self._dropped += max(0, len(text) - room)

    def __str__(self) -> str:
        kept = self._kept.getvalue()
        if not self._dropped:
            return kept
        return f"{kept}\npp: {self._dropped} more characters were dropped\n"

"""No file is too long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.checks.source import python_files

MAX_LINES: Final = 500


def long_files(root: Path) -> Iterator[str]:
    """Describe each Python file of a checkout that has more than `MAX_LINES` lines."""
    for path in python_files(root):
        lines = path.read_text(encoding="utf-8").count("\n")
        if lines > MAX_LINES:
            yield f"{path.relative_to(root)}: {lines} lines, at most {MAX_LINES} are allowed"

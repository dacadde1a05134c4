"""The Python files of a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

_GENERATED: Final = {"build", "dist", "__pycache__"}


def python_files(root: Path) -> Iterator[Path]:
    """Return the Python files below a folder, sorted; hidden and generated folders are left out."""
    for path in sorted(root.iterdir()):
        if path.name.startswith(".") or path.name in _GENERATED:
            continue
        if path.is_dir():
            yield from python_files(path)
        elif path.suffix in (".py", ".tac"):
            yield path

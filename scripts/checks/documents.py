"""The documents name only files that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scripts.checks.source import python_files

_FILE_NAME: Final = re.compile(r"`([\w/]+\.py)`")


def missing_files(root: Path) -> Iterator[str]:
    """Describe each Python file that a document names, by the end of its path, and that is gone."""
    ends = {f"/{path.relative_to(root).as_posix()}" for path in python_files(root)}
    for document in [*sorted(root.glob("docs/*.md")), *sorted(root.glob("*.md"))]:
        names = _FILE_NAME.findall(document.read_text(encoding="utf-8"))
        for name in sorted(set(names)):
            if not any(end.endswith(f"/{name}") for end in ends):
                yield f"{document.relative_to(root)}: there is no file {name}"

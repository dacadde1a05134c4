"""Check what ruff, mypy and import-linter do not: `python -m scripts.checks [FOLDER]`.

It prints what it finds wrong in a checkout, by default this one; then its exit status is 1.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from scripts.checks.class_names import shared_names
from scripts.checks.documents import missing_files
from scripts.checks.file_length import long_files

ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Check a checkout; return the exit status."""
    root = Path(arguments[0]) if arguments else ROOT
    problems = [*long_files(root), *shared_names(root), *missing_files(root)]
    print("\n".join(problems) or "Files are short, class names unique, and documents up to date.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Source lines that only the master has: of its script, and of what was typed at its prompt or in a
notebook. Tracebacks of workers are completed with them."""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections.abc import Iterator
from itertools import chain, pairwise
from typing import Final

__all__ = ["with_source_lines"]

_FRAME: Final = re.compile(r'( *)File "(.+)", line (\d+), in ')


def with_source_lines(text: str) -> str:
    """Return a traceback with the lines that a worker could not add to it."""
    return "\n".join(_completed(text.split("\n"))) if 'File "' in text else text


def _completed(lines: list[str]) -> Iterator[str]:
    for line, following in pairwise(chain(lines, [""])):
        yield line
        frame = _FRAME.match(line)
        if frame is None:
            continue
        indent, file, number = frame.groups()
        if not following.startswith(f"{indent}  ") and _is_only_here(file):
            source = linecache.getline(file, int(number)).strip()
            if source:
                yield f"{indent}  {source}"


def _is_only_here(file: str) -> bool:
    """Tell whether the source is our script, or is in no file: others may be others there."""
    if file == getattr(sys.modules["__main__"], "__file__", None):
        return True
    return file in linecache.cache and not os.path.exists(file)

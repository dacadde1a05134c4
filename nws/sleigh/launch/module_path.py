"""Where workers elsewhere look for modules: where the master does, but in their own Python."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Sequence
from typing import Final

__all__ = ["own_entries"]

_LIBRARY_PATHS: Final = ("stdlib", "platstdlib", "purelib", "platlib")


def own_entries(path: Sequence[str]) -> list[str]:
    """Return the entries of the master's path that do not belong to its Python: the folder of its
    script, those of PYTHONPATH, and the like.

    A worker's Python has libraries of its own, perhaps for another version.
    """
    libraries = {sysconfig.get_path(name) for name in _LIBRARY_PATHS}
    libraries.update(site.getsitepackages(), [site.getusersitepackages()])
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return [
        entry
        for entry in map(os.path.abspath, path)  # an empty one is the working folder
        if os.path.basename(entry) != zipped
        and not any(f"{entry}{os.sep}".startswith(f"{library}{os.sep}") for library in libraries)
    ]

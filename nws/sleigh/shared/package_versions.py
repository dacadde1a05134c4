"""The package that an exception is about, and its version here.

What cannot be read on one machine often needs another version of a package there.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from typing import Any, Final

__all__ = ["version_about"]

_arguments_of: Final[Any] = vars(BaseException)["args"].__get__
_module_of: Final[Any] = vars(ImportError)["name"].__get__

_NO_ATTRIBUTE: Final = re.compile(r"Can't get attribute .* on <module '([^']+)'")
"""What pickle says of a function or class that a module does not have."""


def version_about(error: BaseException | None) -> str:
    """Return the package that an exception is about, with its version, such as ``numpy 1.24.4``.
    Empty if it is about none, or if that is not here or has no version.

    Args:
        error: that was raised as something was imported or unpickled, perhaps elsewhere.
    """
    package = _package_in(error)
    version = _version_of(package) if package else ""
    return f"{package} {version}" if version else ""


def _package_in(error: BaseException | None) -> str:
    # What `str` and attributes of an exception do may be the user's.
    if isinstance(error, ImportError):
        module = _module_of(error)
    elif isinstance(error, AttributeError):
        texts = (each for each in _arguments_of(error) if isinstance(each, str))
        found = _NO_ATTRIBUTE.match(next(texts, ""))
        module = found[1] if found else ""
    else:
        return ""
    return module.partition(".")[0] if isinstance(module, str) else ""


@lru_cache
def _version_of(package: str) -> str:
    """Return the version of a package that was imported or installed; else an empty text."""
    version = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(version, str):
        return version
    from importlib import metadata  # seldom needed, and slow

    try:
        return metadata.version(package)
    except (metadata.PackageNotFoundError, ValueError):
        return ""

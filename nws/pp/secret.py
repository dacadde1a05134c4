"""The secret that server and nodes share. Whoever knows it can run code on the nodes, and on the
machine of the server."""

from __future__ import annotations

import logging
import os
import runpy
from pathlib import Path
from typing import Any, Final

__all__ = ["PUBLISHED_SECRET", "SECRET_VARIABLE", "check_secret", "secret_for"]

_log = logging.getLogger("pp")

SECRET_VARIABLE: Final = "PP_SECRET"
"""Environment variable."""

PUBLISHED_SECRET: Final = "epo20pdosl;dksldkmm"
"""The default of the original, which everybody knows."""

_FILE: Final = ".pythonrc.py"
_NAME: Final = "pp_secret"


def check_secret(secret: Any, origin: str) -> str:
    """Return a secret that may be used.

    Args:
        secret: what was given.
        origin: where it comes from, for messages.

    Raises:
        TypeError: it is no string.
        ValueError: it is empty, or the published one.
    """
    if not isinstance(secret, str):
        raise TypeError(f"the secret ({origin}) must be a string, not {type(secret).__name__}")
    if not secret:
        raise ValueError(f"the secret ({origin}) is empty")
    if secret == PUBLISHED_SECRET:
        raise ValueError(f"the secret ({origin}) is the published default, which everybody knows")
    return secret


def secret_for(given: Any, origin: str) -> str:
    """Return the secret: what was given, or else that of the environment variable `SECRET_VARIABLE`
    or of ``pp_secret`` in ``~/.pythonrc.py``.

    Args:
        given: None if none was.
        origin: where it was given, or could have been.

    Raises:
        TypeError, ValueError: there is none, or it cannot be used.
    """
    if given is not None:
        return check_secret(given, origin)
    if SECRET_VARIABLE in os.environ:
        return check_secret(os.environ[SECRET_VARIABLE], SECRET_VARIABLE)
    file = Path.home() / _FILE
    if file.exists():
        found = _read(file)
        if _NAME in found:
            return check_secret(found[_NAME], f"{_NAME} in {file}")
    raise ValueError(
        f"nodes need a secret: give one ({origin}), or set {SECRET_VARIABLE}, or {_NAME} in {file}"
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_mode & 0o077:
            _log.warning("%s can be read by others: chmod 600 %s", file, file)
        return runpy.run_path(str(file))
    except Exception as error:
        raise ValueError(f"{file}, where {_NAME} may be, has failed: {error!r}") from error

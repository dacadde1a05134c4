"""The configuration file of a node: an INI file with the sections ``general`` and ``network``."""

from __future__ import annotations

from collections.abc import Callable
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Any, Final

__all__ = ["read_config"]

_KINDS: Final[dict[str, dict[str, Callable[[ConfigParser, str, str], Any]]]] = {
    "general": {
        "debug": ConfigParser.getboolean,
        "workers": ConfigParser.getint,
        "secret": ConfigParser.get,
        "proto": ConfigParser.getint,
        "restart": ConfigParser.getboolean,
        "pid_file": ConfigParser.get,
        "format": ConfigParser.get,
    },
    "network": {
        "autodiscovery": ConfigParser.getboolean,
        "interface": ConfigParser.get,
        "broadcast": ConfigParser.get,
        "port": ConfigParser.getint,
        "timeout": ConfigParser.getfloat,
        "socket_timeout": ConfigParser.getint,
    },
}


def read_config(path: Path) -> dict[str, Any]:
    """Return the options that a file sets, by their names.

    Raises:
        ValueError: the file is not there, or something in it is not as it must be.
    """
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, Error) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    options: dict[str, Any] = {}
    for name in parser.sections():
        kinds = _KINDS.get(name)
        if kinds is None:
            raise ValueError(f"{path}: no section [{name}]; there are {_listed(_KINDS)}")
        for key in parser[name]:
            if key not in kinds:
                raise ValueError(f"{path}: no {key} in [{name}]; there are {_listed(kinds)}")
            try:
                options[key] = kinds[key](parser, name, key)
            except ValueError as error:
                raise ValueError(f"{path}: {key} in [{name}]: {error}") from error
    return options


def _listed(names: dict[str, Any]) -> str:
    return ", ".join(names)

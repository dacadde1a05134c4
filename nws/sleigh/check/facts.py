"""What a machine has: its Python, modules, processors, and room for temporary files."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from nws.sleigh.shared.cores import available_cores
from nws.sleigh.shared.interpreter import interpreter_name
from nws.version import __version__

__all__ = ["Facts", "Module", "find_facts", "find_module"]


class Module(NamedTuple):
    """A module that tasks need."""

    version: str = ""
    """Empty if it does not say."""
    error: str = ""
    """Why it cannot be imported; empty if it can."""


class Facts(NamedTuple):
    """What a machine has, as a worker there sees it."""

    host: str
    python: str
    """Implementation and version."""
    path: str
    """Of that Python."""
    nws: str
    modules: Mapping[str, Module]
    """By the names that were asked for."""
    folder: str
    """For temporary files; or why there is none."""
    free_bytes: int | None
    """In that folder; None if there is none."""
    cores: int
    """That the worker may use."""
    load: float | None
    """Processes that wanted to run in the last minute; None where the system does not tell."""


def find_facts(modules: Sequence[str]) -> Facts:
    """Return what this machine has; the modules with these names are imported."""
    try:
        folder = tempfile.gettempdir()
        free_bytes: int | None = shutil.disk_usage(folder).free
    except OSError as error:
        folder, free_bytes = str(error), None
    return Facts(
        platform.node(),
        interpreter_name(),
        sys.executable,
        __version__,
        {name: find_module(name) for name in modules},
        folder,
        free_bytes,
        available_cores(),
        os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    )


def find_module(name: str) -> Module:
    """Import a module, and return its version or what is wrong with it."""
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever its code raises
        return Module(error=f"{type(error).__name__}: {error}")
    version = getattr(module, "__version__", None)
    if isinstance(version, str):
        return Module(version)
    try:
        return Module(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Module()

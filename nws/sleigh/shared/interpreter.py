"""The options with which this Python was started: workers are started with the same."""

from __future__ import annotations

import platform
import sys

__all__ = ["interpreter_flags", "interpreter_name"]


def interpreter_flags() -> list[str]:
    """Return the options that change what code does: ``-O``, ``-b``, ``-W`` and ``-X``.

    Those of ``PYTHONWARNINGS`` and ``PYTHONOPTIMIZE`` are among them. Left out are those that say
    where Python looks for modules (a worker is told), and those that belong to a single program.
    """
    flags = ["-O"] * sys.flags.optimize + ["-b"] * sys.flags.bytes_warning
    flags += [f"-W{option}" for option in sys.warnoptions]
    for name, value in sys._xoptions.items():
        flags.append(f"-X{name}" if value is True else f"-X{name}={value}")
    return flags


def interpreter_name() -> str:
    """Return implementation and version: the same mean the same by these options."""
    return f"{platform.python_implementation()} {platform.python_version()}"

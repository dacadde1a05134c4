"""Whether a machine fits: rules about what it has, beside what the master has."""

from __future__ import annotations

from typing import Final

from nws.sleigh.check.facts import Facts

__all__ = ["problems_of"]

_NO_SPACE_BYTES: Final = 50_000_000


def problems_of(there: Facts, here: Facts) -> list[str]:
    """Return what is wrong with a machine; nothing if it fits.

    Args:
        there: what it has.
        here: what the master's machine has.
    """
    problems = []
    if _feature_version(there.python) != _feature_version(here.python):
        problems.append(
            f"{there.python} there and {here.python} here: functions and classes of the main "
            "program cannot be sent there"
        )
    if there.nws != here.nws:
        problems.append(f"nws {there.nws} there and {here.nws} here")
    for name, module in there.modules.items():
        version = here.modules[name].version
        if module.error:
            problems.append(f"{name}: {module.error}")
        elif module.version and version and _major(module.version) != _major(version):
            problems.append(f"{name} {module.version} there and {version} here")
    if there.free_bytes is None:
        problems.append(f"no folder for temporary files: {there.folder}")
    elif there.free_bytes < _NO_SPACE_BYTES:
        problems.append(f"{there.free_bytes / 1e6:.0f} MB free in {there.folder}")
    return problems


def _feature_version(python: str) -> str:
    """Return implementation and version without the last number: their byte code is the same."""
    return python.rpartition(".")[0]


def _major(version: str) -> str:
    return version.partition(".")[0]

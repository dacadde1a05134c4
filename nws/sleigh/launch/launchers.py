"""Finds a launcher by its name: one of ours, or one of another package.

A package adds launchers by entry points of the group `GROUP`. What an entry point leads to is
called without arguments and returns a `nws.sleigh.launch.launcher.Launcher`. Ours are found without
that: to read what is installed takes some 20 ms, and in a frozen program nothing is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.by_command import CommandLauncher
from nws.sleigh.launch.launcher import Launcher

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["GROUP", "launcher_for", "launcher_named"]

GROUP: Final = "nws.launchers"

_OURS: Final = {
    "local": "nws.sleigh.launch.local:LocalLauncher",
    "ssh": "nws.sleigh.launch.by_command:ssh",
    "rsh": "nws.sleigh.launch.by_command:rsh",
    "web": "nws.sleigh.launch.web:WebLauncher",
    "slurm": "nws.sleigh.launch.slurm:Slurm",
    "sge": "nws.sleigh.launch.sge:GridEngine",
    "pbs": "nws.sleigh.launch.pbs:Pbs",
    "lsf": "nws.sleigh.launch.lsf:Lsf",
    "htcondor": "nws.sleigh.launch.htcondor:HTCondor",
    "mpi": "nws.sleigh.launch.mpi:Mpi",
    "dask": "nws.sleigh.launch.dask:Dask",
    "ray": "nws.sleigh.launch.ray:Ray",
    "kubernetes": "nws.sleigh.launch.kubernetes:Kubernetes",
}


def launcher_for(launch: Any) -> Launcher:
    """Return the launcher that the user's ``launch`` stands for.

    Args:
        launch: a launcher or its name; or a function that makes commands, see ``commands.py``.

    Raises:
        SleighIllegalValueException: it is none of these, or cannot be loaded.
    """
    if isinstance(launch, str):
        return launcher_named(launch)()
    if isinstance(launch, type) and hasattr(launch, "begin"):
        raise SleighIllegalValueException(
            f"launch={launch.__name__} is a class: make a launcher of it, as {launch.__name__}()"
        )
    if hasattr(launch, "begin"):
        launcher: Launcher = launch
        return launcher
    if callable(launch):
        return CommandLauncher(launch)
    raise SleighIllegalValueException(
        f"launch={launch!r} is neither the name of a launcher ({_known()}), nor a launcher, nor a "
        "function that makes commands"
    )


def launcher_named(name: str) -> Callable[..., Launcher]:
    """Return what makes the launcher with this name: its class, most often.

    Raises:
        SleighIllegalValueException: there is none, or it cannot be loaded.
    """
    if name in _OURS:
        return _ours(name)
    for plugin in _plugins():
        if plugin.name == name:
            return _loaded(plugin)
    raise SleighIllegalValueException(f"launch={name!r}: there is no such launcher, but {_known()}")


def _ours(name: str) -> Callable[..., Launcher]:
    module, _, attribute = _OURS[name].partition(":")
    try:
        launcher: Callable[..., Launcher] = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise SleighIllegalValueException(
            f"launch={name!r} needs the package {error.name}, which {sys.executable} does not have"
        ) from error
    return launcher


def _plugins() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # seldom needed, and slow

    return list(entry_points(group=GROUP))


def _loaded(plugin: EntryPoint) -> Callable[..., Launcher]:
    try:
        loaded: Callable[..., Launcher] = plugin.load()
        return loaded
    except Exception as error:
        package = plugin.dist.name if plugin.dist is not None else "an unknown package"
        raise SleighIllegalValueException(
            f"launch={plugin.name!r}: the launcher {plugin.value} of {package} cannot be loaded in "
            f"{sys.executable}: {type(error).__name__}: {error}"
        ) from error


def _known() -> str:
    names = [*_OURS, *(plugin.name for plugin in _plugins() if plugin.name not in _OURS)]
    return ", ".join(names)

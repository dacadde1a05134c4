"""Commands that start workers on other machines: the functions for ``launch`` and ``scriptExec``.

Such a command is a list of words in two parts. The first leads to the machine; it is made by a
function such as `sshcmd`. The second runs the worker's script there; it is made by a function such
as `envcmd`. Users may pass functions of their own with the same parameters.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = [
    "LaunchOptions",
    "envcmd",
    "rshcmd",
    "scriptcmd",
    "sshcmd",
    "sshforwardcmd",
]


_SSH: Final = (
    *("ssh", "-x", "-o", "BatchMode=yes"),
    *("-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=15"),
)
"""It asks for nothing, gives up a machine that does not answer after ten seconds, and notices
within a minute that the other machine is gone."""

_MODULE: Final = "nws.sleigh.launch.script"
"""What the script runs."""


class LaunchOptions(NamedTuple):
    """What the functions are told of the sleigh; see `nws.sleigh.Sleigh` for each."""

    nwsHost: str
    nwsPort: int
    nwsHostRemote: str
    nwsPortRemote: int
    scriptDir: str
    scriptName: str
    user: str
    forwarded: str = ""
    """Path of the server's socket for forwarded connections, if it is on this machine."""
    python: str = ""
    """The Python that the user wants on that machine; empty for that of the script."""


def sshcmd(host: str, options: LaunchOptions) -> list[str]:
    """Lead to a machine by ssh, which must not ask for a password."""
    return [*_SSH, *_as_user(options), host]


def sshforwardcmd(host: str, options: LaunchOptions) -> list[str]:
    """Lead to a machine by ssh, and let workers there reach the server through the same connection.

    The server need not be reachable from that machine: ``nwsPortRemote`` there leads to it. Where
    several workers are on one machine, the first connection serves all of them.
    """
    place = options.forwarded or f"{options.nwsHost}:{options.nwsPort}"
    forward = f"{options.nwsHostRemote}:{options.nwsPortRemote}:{place}"
    return [
        *_SSH,
        *("-R", forward, *_as_user(options), host),
    ]


def rshcmd(host: str, options: LaunchOptions) -> list[str]:
    """Lead to a machine by rsh. It sends everything in the clear, so the server's secret does not
    go this way; prefer `sshcmd`."""
    return ["rsh", host, *_as_user(options), "-n"]


def _as_user(options: LaunchOptions) -> list[str]:
    return ["-l", options.user] if options.user else []


def envcmd(host: str, envVars: Sequence[str], options: LaunchOptions) -> list[str]:
    """Run the script with these variables (``NAME=VALUE``) in its environment."""
    script = [options.python, "-m", _MODULE] if options.python else [_script(options)]
    return ["env", *map(shlex.quote, envVars), *map(shlex.quote, script)]


def scriptcmd(host: str, envVars: Sequence[str], options: LaunchOptions) -> list[str]:
    """Run the script with Python, and the variables as its arguments: where there is no ``env``."""
    script = ["-m", _MODULE] if options.python else [_script(options)]
    return [*map(shlex.quote, [options.python or sys.executable, *script, *envVars])]


def _script(options: LaunchOptions) -> str:
    if not options.scriptDir:
        return options.scriptName
    return f"{options.scriptDir.rstrip('/')}/{options.scriptName}"

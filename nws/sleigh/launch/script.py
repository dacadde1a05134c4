"""The worker's script, ``PythonNWSSleighWorker.sh``: what a launch command runs on a machine.

It is told all it needs by variables, from the environment or as arguments ``NAME=VALUE``. Their
names are those of the original. What nobody else may see comes on stdin: a line with the variables
of the environment that the node is to have, if there are any, and one with what lets it in at the
server. Where stdin does not get through, as with rsh, the script has to find the latter by itself.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from typing import TextIO

from nws.sleigh.shared.interpreter import interpreter_flags, interpreter_name
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["main", "settings_from", "stdin_for", "variables_for"]

_PREFIX = "PythonSleigh"

_ON_STDIN = "stdin"
"""Where login and environment are: others can see a command and its variables."""

_BEGUN_AGAIN = "NWS_SLEIGH_BEGUN_AGAIN"
"""A variable of the environment: Python was started again, as it is to be."""

_MAX_LINE_BYTES = 2**20


def stdin_for(login: str, environment: Mapping[str, str]) -> str:
    """Return what is written to the stdin of a script.

    Args:
        login: what lets it in at the server; empty for nothing.
        environment: variables that it is to find.
    """
    variables = f"{json.dumps(dict(environment))}\n" if environment else ""
    return f"{variables}{login}\n"


def variables_for(settings: Settings, environment: Mapping[str, str]) -> list[str]:
    """Return the variables that tell a script these settings, whether the rest of its environment
    is on stdin, and how our Python was started, as ``NAME=VALUE``."""
    where = settings.where
    values = {
        "NwsHost": where.host,
        "NwsPort": where.port,
        "NwsName": where.workspace,
        "UserNwsName": where.user_workspace,
        "Name": settings.machine,
        "WorkerCount": settings.expected,
        "Workers": settings.workers,
        "ID": settings.id,
        "LeaseTime": where.lease_time,
        "LogLevel": where.log_level,
        "WorkingDir": settings.working_folder,
        "NeedsFolder": int(settings.needs_folder),
        "ModulePath": os.pathsep.join(settings.module_path),
        "LogDir": settings.log_folder,
        "Neighbours": settings.neighbours,
        "Group": settings.group,
        "Interpreter": interpreter_name(),
        "Flags": shlex.join(interpreter_flags()),
        "Environment": _ON_STDIN if environment else "",
        "Login": _ON_STDIN if where.login else "",
    }
    return [f"{_PREFIX}{name}={value}" for name, value in values.items() if value != ""]


def settings_from(variables: Mapping[str, str], stdin: TextIO) -> Settings:
    """Return the settings in what `variables_for` returns, and in the line on stdin.

    Raises:
        KeyError: one is missing.
    """

    def get(name: str, default: str = "") -> str:
        return variables.get(_PREFIX + name, default)

    where = Where(
        variables[f"{_PREFIX}NwsHost"],
        int(get("NwsPort", "8765")),
        variables[f"{_PREFIX}NwsName"],
        variables[f"{_PREFIX}UserNwsName"],
        float(get("LeaseTime", "30")),
        int(get("LogLevel", str(logging.WARNING))),
        stdin.readline().strip() if get("Login") == _ON_STDIN else "",
    )
    return Settings(
        where,
        id=get("ID", f"{platform.node()}-{os.getpid()}"),
        workers=max(1, int(get("Workers", "1"))),
        expected=max(0, int(get("WorkerCount", "0"))),
        machine=get("Name"),
        working_folder=get("WorkingDir"),
        needs_folder=get("NeedsFolder") == "1",
        module_path=get("ModulePath").split(os.pathsep) if get("ModulePath") else (),
        log_folder=get("LogDir"),
        neighbours=int(get("Neighbours", "1")),
        group=get("Group"),
    )


def _begin_again(variables: Mapping[str, str]) -> None:
    """Start Python again if it is to have another environment, or the master's options and is the
    same Python.

    Raises:
        ValueError: no environment has come on stdin.
    """
    if os.environ.pop(_BEGUN_AGAIN, None) is not None:
        return
    environment = _environment() if variables.get(f"{_PREFIX}Environment") == _ON_STDIN else {}
    flags = shlex.split(variables.get(f"{_PREFIX}Flags", ""))
    if variables.get(f"{_PREFIX}Interpreter") != interpreter_name():
        flags = []
    if flags or environment:
        os.environ.update(environment)
        os.environ[_BEGUN_AGAIN] = "1"
        os.execv(sys.executable, [sys.executable, *flags, *sys.orig_argv[1:]])


def _environment() -> dict[str, str]:
    """Read the variables of this node. What follows on stdin stays there, for who comes after us.

    Raises:
        ValueError: there are none.
    """
    with open(0, "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline(_MAX_LINE_BYTES)
    if not line.strip():
        raise ValueError(
            "the node's environment is to come on stdin, and the launch command hands none on, as "
            "`rsh -n`"
        )
    environment: dict[str, str] = json.loads(line)
    return environment


def main() -> None:
    """Run one worker until the sleigh is over."""
    variables = dict(os.environ)
    variables.update(word.partition("=")[::2] for word in sys.argv[1:])
    try:
        _begin_again(variables)
        settings = settings_from(variables, sys.stdin)
    except (KeyError, ValueError) as error:
        sys.exit(f"this script is started by a sleigh, which sets its variables: {error}")
    sys.exit(supervise(settings))


if __name__ == "__main__":
    main()

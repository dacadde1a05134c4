"""Web launch: a person starts the workers, by pasting a line into Python on each machine.

The line stands in the variable `RUN_ME` of the sleigh's workspace, for the web inspector or anybody
else to show. When all workers are there, the person deletes the variable `DELETE_ME`.
"""

from __future__ import annotations

import logging
import os
import platform
from typing import Final

from nws.client import NetWorkSpace
from nws.errors import NwsOperationException
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["DELETE_ME", "RUN_ME", "wait_for_a_person", "webLaunch"]

RUN_ME: Final = "runMe"
DELETE_ME: Final = "deleteMeWhenAllWorkersStarted"

_LEASE_SECONDS: Final = 30.0


def webLaunch(
    nwsName: str, nwsHost: str = "localhost", nwsPort: int = 8765, userNwsName: str = ""
) -> None:
    """Run a worker and its supervisor in this Python session, until the sleigh is over.

    Args:
        nwsName: the sleigh's workspace.
        nwsHost, nwsPort: of the server.
        userNwsName: the workspace for users' tasks.
    """
    where = Where(
        nwsHost, nwsPort, nwsName, userNwsName or nwsName, _LEASE_SECONDS, logging.WARNING
    )
    supervise(Settings(where, id=f"{platform.node()}-{os.getpid()}"))


def wait_for_a_person(workspace: NetWorkSpace, where: Where) -> None:
    """Show what to paste, and wait until somebody says that all workers were started."""
    place = (where.workspace, where.host, where.port, where.user_workspace)
    arguments = ", ".join(map(repr, place))
    workspace.store(RUN_ME, f"import nws.sleigh; nws.sleigh.webLaunch({arguments})")
    try:
        workspace.fetch(DELETE_ME)
    except NwsOperationException:
        pass  # it was deleted
    workspace.deleteVar(RUN_ME)

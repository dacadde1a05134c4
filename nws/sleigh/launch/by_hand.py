"""Web launch: a person starts the workers, by pasting a line into Python on each machine.

The line stands in the variable `RUN_ME` of the sleigh's workspace, for the web inspector or anybody
else to show; `nws worker` does what it says. When all workers are there, the person deletes the
variable `DELETE_ME`, as `nws sleigh close` does. The log says so: without a word, the program would
seem to hang.
"""

from __future__ import annotations

import logging
import os
import platform
import shlex
from contextlib import suppress
from typing import Final

from nws.client import NetWorkSpace
from nws.connection_file import SECRET
from nws.errors import NwsOperationException
from nws.session.endpoint import Endpoint
from nws.sleigh.launch.reachable import certificate_for_workers
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["DELETE_ME", "RUN_ME", "invite", "no_more", "wait_for_a_person", "webLaunch"]

RUN_ME: Final = "runMe"
DELETE_ME: Final = "deleteMeWhenAllWorkersStarted"

_LEASE_SECONDS: Final = 30.0

_log = logging.getLogger("nws")


def webLaunch(
    nwsName: str,
    nwsHost: str = "localhost",
    nwsPort: int = 8765,
    userNwsName: str = "",
    *,
    certificate: str = "",
) -> None:
    """Run a worker and its supervisor in this Python session, until the sleigh is over.

    Args:
        nwsName: the sleigh's workspace.
        nwsHost, nwsPort: of the server.
        userNwsName: the workspace for users' tasks.
        certificate: ``sha256:`` and the fingerprint of the server's certificate, if it speaks TLS
            and the secret comes from ``NWS_SECRET``, which has only that.
    """
    login = os.environ.get(SECRET, "")
    login = f"{login}@{certificate}" if login and certificate and "@" not in login else ""
    where = Where(
        nwsHost, nwsPort, nwsName, userNwsName or nwsName, _LEASE_SECONDS, logging.WARNING, login
    )
    supervise(Settings(where, id=f"{platform.node()}-{os.getpid()}"))


def invite(workspace: NetWorkSpace, where: Where) -> None:
    """Show what to paste, until `no_more` is called. To delete the variable `DELETE_ME` asks for
    that."""
    workspace.declare(DELETE_ME, "fifo")
    place = (where.workspace, where.host, where.port, where.user_workspace)
    arguments = ", ".join(map(repr, place))
    if certificate := certificate_for_workers(workspace.server):
        arguments += f", {certificate=}"
    workspace.store(RUN_ME, f"import nws.sleigh; nws.sleigh.webLaunch({arguments})")
    name = shlex.quote(where.workspace)
    connect = Endpoint(where.host, where.port)
    _log.warning("this sleigh needs workers: `nws worker --connect %s --sleigh %s`", connect, name)


def no_more(workspace: NetWorkSpace) -> None:
    """Show nothing more to paste: the group is closed."""
    for variable in (RUN_ME, DELETE_ME):
        with suppress(NwsOperationException):  # it was deleted
            workspace.deleteVar(variable)


def wait_for_a_person(workspace: NetWorkSpace, where: Where) -> None:
    """Show what to paste, and wait until somebody says that all workers were started."""
    workspace.declare(DELETE_ME, "fifo")
    workspace.store(DELETE_ME, "delete this variable when all workers were started")
    # It has seen the variable before anybody else can: to ask for one that was deleted makes it
    # again.
    changes = workspace.ifind(DELETE_ME)
    changes.next()
    invite(workspace, where)
    place = shlex.join(["--host", where.host, "--port", str(where.port), where.workspace])
    _log.warning("it begins when all are there: `nws sleigh close %s`", place)
    with suppress(StopIteration, NwsOperationException):  # it was deleted
        changes.next()
    no_more(workspace)

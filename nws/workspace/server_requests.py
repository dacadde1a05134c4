"""The operations of a server as data; see `nws.workspace.requests`."""

from __future__ import annotations

import json
import os
from typing import TypedDict, cast

from nws.errors import NwsNoWorkSpaceException, NwsProtocolException
from nws.session.request import Request, nothing, text
from nws.wire.arguments import encode_name
from nws.wire.listings import WorkspaceInfo, parse_workspaces
from nws.wire.replies import Answer
from nws.workspace.constants import STRING
from nws.workspace.requests import check_format

__all__ = ["ServerRequests", "ServerStatus"]


class ServerStatus(TypedDict):
    """What a server reports about itself."""

    version: str
    pid: int
    uptime: float
    """Seconds."""
    connections: int
    max_connections: int
    """How many clients there can be."""
    sessions: int
    workspaces: int
    variables: int
    values: int
    leases: int
    waiting: int
    """Operations that wait for a value."""
    bytes: int
    """Of all values."""
    memory: int
    """Bytes that count towards the server's limit."""
    spooled: int
    """Bytes in files."""
    refused_connections: int
    """Those of clients beyond ``max_connections``."""
    refused_handshakes: int
    """Connections that did not begin as those of clients do."""
    overdue_handshakes: int
    """Connections that took too long to say who they are."""
    refused_logins: int
    """Connections of those who may not use the server."""
    refused_requests: int
    """Connections that were closed since their requests cannot be read."""
    refused_values: int
    """Long ones for which the spool has no room."""
    unwritable_values: int
    """Long ones that cannot be written to the disk."""
    unreadable_values: int
    """Connections that were closed since a long value cannot be read."""
    slow_clients: int
    """Times that a client did not read what it was sent for some seconds."""
    vanished_clients: int
    """Connections that were closed since the client's machine did not answer."""
    web: int | None
    """The port of the inspector."""


class ServerRequests:
    """Makes the requests that are about no workspace in particular, or about a whole one."""

    @staticmethod
    def openWs(wsName: str, *, persistent: bool = False, create: bool = True) -> Request[None]:
        """Open a workspace, and own it if nobody does."""
        return _bind(b"open ws", wsName, str(os.getpid()).encode(), persistent, create)

    @staticmethod
    def useWs(wsName: str, *, create: bool = True) -> Request[None]:
        """Use a workspace without owning it."""
        return _bind(b"use ws", wsName, b"", False, create)

    @staticmethod
    def mktempWs(wsName: str = "__pyws__%d") -> Request[str]:
        """Make a workspace under a new name."""
        return Request([b"mktemp ws", encode_name(wsName, "workspace template")], text)

    @staticmethod
    def deleteWs(wsName: str) -> Request[None]:
        """Delete a workspace."""
        return Request([b"delete ws", encode_name(wsName, "workspace")], nothing)

    @staticmethod
    def listWss(format: str = STRING) -> Request[str | dict[str, WorkspaceInfo]]:
        """List the workspaces."""
        check_format(format)

        def read(answer: Answer) -> str | dict[str, WorkspaceInfo]:
            return text(answer) if format == STRING else parse_workspaces(text(answer))

        return Request([b"list wss"], read)

    @staticmethod
    def status() -> Request[ServerStatus]:
        """Ask what the server reports about itself."""
        return Request([b"server status"], _status)


def _bind(
    operation: bytes, wsName: str, label: bytes, persistent: bool, create: bool
) -> Request[None]:
    name = encode_name(wsName, "workspace")
    fields = [operation, name, label, b"yes" if persistent else b"no"]
    if not create:
        fields.append(b"no")
    request = Request(fields, nothing)
    request.failure = NwsNoWorkSpaceException
    return request


def _status(answer: Answer) -> ServerStatus:
    said = text(answer)
    try:
        status = json.loads(said)
    except ValueError:
        status = None
    if not isinstance(status, dict):
        raise NwsProtocolException(f"the status cannot be read: {said[:100]!r}")
    return cast("ServerStatus", status)

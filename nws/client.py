"""Workspaces on a server: the names of the user guide's appendix A.1, and ours beside them.

::

    from nws.client import NetWorkSpace

    ws = NetWorkSpace("my space")
    ws.store("x", 42)
    ws.find("x")  # 42, and it is still there
    ws.fetch("x")  # 42, and it is gone

Every object may be used by several threads, but inboxes, outboxes and watches by one at a time.
After a fork the child gets a session of its own when it first uses an object, and the parent keeps
its own. Blocking calls can be interrupted with Ctrl-C and take a ``timeout`` in seconds; either way
no value is lost and the object stays usable. (An original server can do neither: there an
interrupted call costs the connection, and a timeout is kept by asking again and again.)

Any call can raise these, besides what its own docstring says:

=================================  =================================================================
NwsConnectionDroppedException      the server is gone or does not answer, or the session was closed
NwsConnectException                one more connection was needed, for a thread or after a fork
NwsProtocolException               what came over the connection was not the protocol
NwsNoWorkSpaceException            the workspace was deleted
NwsOperationException              the server refused, for example because of a limit
NwsServerException                 the server failed; its log says why
TypeError, UnicodeEncodeError      a name is not a string, or not one that can be encoded
ValueError                         a timeout or duration is not a number of seconds from 0 to 10^9
ValueError                         a name is too long, or these are more leases, indexes or names
                                   than a request can have: nothing was done
=================================  =================================================================

All of ours are subclasses of NwsException. After one of the first three it is not known whether
an operation that was under way has happened; after the others it has not.
"""

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsDeclarationFailedException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsPicklingException,
    NwsProtocolException,
    NwsServerException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from nws.wire.listings import VariableInfo, WorkspaceInfo
from nws.workspace.constants import (
    DICT,
    FIFO,
    LIFO,
    MULTI,
    SINGLE,
    STRING,
    V_FETCHERS,
    V_FINDERS,
    V_MODE,
    V_VALUES,
    V_VARIABLE,
    WS_MINE,
    WS_NAME,
    WS_NUMVARS,
    WS_OWNER,
    WS_PERSISTENT,
    WS_VARLIST,
)
from nws.workspace.iterators import NwsValueIterator
from nws.workspace.leases import Lease
from nws.workspace.server import NwsServer
from nws.workspace.server_requests import ServerStatus
from nws.workspace.streams import Inbox, Outbox, Watch
from nws.workspace.textfile import NwsTextFile
from nws.workspace.workspace import NetWorkSpace

__all__ = [
    "DICT",
    "FIFO",
    "LIFO",
    "MULTI",
    "SINGLE",
    "STRING",
    "V_FETCHERS",
    "V_FINDERS",
    "V_MODE",
    "V_VALUES",
    "V_VARIABLE",
    "WS_MINE",
    "WS_NAME",
    "WS_NUMVARS",
    "WS_OWNER",
    "WS_PERSISTENT",
    "WS_VARLIST",
    "Inbox",
    "Lease",
    "NetWorkSpace",
    "NwsConnectException",
    "NwsConnectionDroppedException",
    "NwsDeclarationFailedException",
    "NwsException",
    "NwsLeaseLostException",
    "NwsNoWorkSpaceException",
    "NwsOperationException",
    "NwsPicklingException",
    "NwsProtocolException",
    "NwsServer",
    "NwsServerException",
    "NwsTextFile",
    "NwsTimeoutException",
    "NwsUnpicklingException",
    "NwsUnsupportedOperationException",
    "NwsValueIterator",
    "Outbox",
    "ServerStatus",
    "VariableInfo",
    "Watch",
    "WorkspaceInfo",
]

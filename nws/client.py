"""The names of the user guide's appendix A.1: what programs import.

They live in `nws.workspace` and `nws.errors`; this module hands them on.
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
from nws.workspace.iterators import NwsValueIterator
from nws.workspace.leases import Lease
from nws.workspace.streams import Inbox, Outbox, Watch
from nws.workspace.textfile import NwsTextFile
from nws.workspace.workspace import (
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
    NetWorkSpace,
    NwsServer,
)

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
    "VariableInfo",
    "Watch",
    "WorkspaceInfo",
]

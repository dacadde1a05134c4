"""The names of the user guide's appendix A.1, and ours beside them."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from typing import Final

import pytest

import nws
from nws import client, sleigh
from nws.client import NetWorkSpace, NwsServer, NwsTextFile, NwsValueIterator
from tests.support.cases import each

CONSTANTS: Final[dict[str, object]] = {
    "DICT": "dict",
    "FIFO": "fifo",
    "LIFO": "lifo",
    "MULTI": "multi",
    "SINGLE": "single",
    "STRING": "string",
    "V_FETCHERS": 2,
    "V_FINDERS": 3,
    "V_MODE": 4,
    "V_VALUES": 1,
    "V_VARIABLE": 0,
    "WS_MINE": 1,
    "WS_NAME": 0,
    "WS_NUMVARS": 4,
    "WS_OWNER": 2,
    "WS_PERSISTENT": 3,
    "WS_VARLIST": 5,
}
PARENTS: Final = {
    "NwsException": "Exception",
    "NwsServerException": "NwsException",
    "NwsConnectException": "NwsServerException",
    "NwsConnectionDroppedException": "NwsServerException",
    "NwsUnsupportedOperationException": "NwsServerException",
    "NwsProtocolException": "NwsServerException",
    "NwsOperationException": "NwsException",
    "NwsNoWorkSpaceException": "NwsOperationException",
    "NwsDeclarationFailedException": "NwsOperationException",
    "NwsPicklingException": "NwsOperationException",
    "NwsUnpicklingException": "NwsOperationException",
    "NwsTimeoutException": "NwsOperationException",
    "NwsLeaseLostException": "NwsOperationException",
}
CLASSES: Final = {
    "Inbox",
    "Lease",
    "NetWorkSpace",
    "NwsServer",
    "NwsTextFile",
    "NwsValueIterator",
    "Outbox",
    "ServerStatus",
    "VariableInfo",
    "Watch",
    "WorkspaceInfo",
}
GUIDE: Final[dict[str, str]] = {
    # As appendix A.1 writes them; what we added comes behind, by keyword only.
    "NetWorkSpace.__init__": "wsName='__default', serverHost='localhost', serverPort=8765, "
    "useUse=False, server=None",
    "NetWorkSpace.currentWs": "",
    "NetWorkSpace.declare": "varName, mode",
    "NetWorkSpace.deleteVar": "varName",
    "NetWorkSpace.fetch": "varName",
    "NetWorkSpace.fetchFile": "varName, fobj",
    "NetWorkSpace.fetchTry": "varName, missing=None",
    "NetWorkSpace.fetchTryFile": "varName, fobj",
    "NetWorkSpace.find": "varName",
    "NetWorkSpace.findFile": "varName, fobj",
    "NetWorkSpace.findTry": "varName, missing=None",
    "NetWorkSpace.findTryFile": "varName, fobj",
    "NetWorkSpace.ifetch": "varName",
    "NetWorkSpace.ifetchTry": "varName",
    "NetWorkSpace.ifind": "varName",
    "NetWorkSpace.ifindTry": "varName",
    "NetWorkSpace.listVars": "wsName=None, format='string'",
    "NetWorkSpace.makefile": "varName, mode='r'",
    "NetWorkSpace.store": "varName, val",
    "NetWorkSpace.storeFile": "varName, fobj, n=0",
    "NwsServer.__init__": "host='localhost', port=8765",
    "NwsServer.close": "",
    "NwsServer.deleteWs": "wsName",
    "NwsServer.listWss": "format='string'",
    "NwsServer.mktempWs": "wsName='__pyws__%d'",
    "NwsServer.openWs": "wsName, space=None",
    "NwsServer.useWs": "wsName, space=None",
    "NwsValueIterator.next": "",
    "NwsValueIterator.reset": "",
    "NwsValueIterator.restart": "",
    "NwsValueIterator.writeTo": "fobj",
}
OURS: Final = {
    "NetWorkSpace": "fetchAny fetch_many findAny inbox lease leaseAny lease_many outbox "
    "release renew settle settle_and_lease store_many watch withdraw",
    "NwsServer": "address endpoint nwsSocket session status view",
    "NwsValueIterator": "",
}


def test_what_is_public_is_known() -> None:
    assert sorted(client.__all__) == sorted(CONSTANTS.keys() | PARENTS.keys() | CLASSES)
    assert list(client.__all__) == sorted(
        client.__all__, key=lambda name: (not name.isupper(), name)
    )
    assert all(hasattr(client, name) for name in client.__all__)


@each("name, value", CONSTANTS.items())
def test_constants(name: str, value: object) -> None:
    assert getattr(client, name) == value


@each("name, parent", PARENTS.items())
def test_exceptions(name: str, parent: str) -> None:
    kind = getattr(client, name)
    assert kind.__bases__[0].__name__ == parent
    assert kind.__doc__


def test_a_timeout_is_a_timeout_error() -> None:
    assert issubclass(client.NwsTimeoutException, TimeoutError)


def test_exceptions_about_values_carry_what_they_are_about() -> None:
    cause = ValueError()
    assert client.NwsPicklingException("text", cause).exception is cause
    unreadable = client.NwsUnpicklingException("text", cause, b"payload")
    assert (unreadable.exception, unreadable.obj) == (cause, b"payload")
    assert str(unreadable) == "text"


@each("name, arguments", GUIDE.items())
def test_the_guides_arguments(name: str, arguments: str) -> None:
    owner, method = name.split(".")
    signature = inspect.signature(getattr(getattr(client, owner), method))
    positional = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    assert ", ".join(map(str, positional[1:])) == arguments


@pytest.mark.parametrize("kind", [NetWorkSpace, NwsServer, NwsValueIterator])
def test_no_other_methods_are_public(kind: type) -> None:
    public = {name for name in dir(kind) if not name.startswith("_")}
    guide = {name.partition(".")[2] for name in GUIDE if name.startswith(kind.__name__ + ".")}
    assert public == guide - {"__init__"} | set(OURS[kind.__name__].split())
    assert all(getattr(kind, name).__doc__ for name in public)


def test_the_text_file_is_a_file() -> None:
    assert issubclass(NwsTextFile, io.TextIOBase)
    public = {name for name in vars(NwsTextFile) if not name.startswith("_")}
    assert public == {"flush", "read", "readable", "readline", "writable", "write"}


def test_the_two_main_names_of_the_package() -> None:
    assert nws.NetWorkSpace is client.NetWorkSpace
    assert nws.Sleigh is sleigh.Sleigh
    assert {"NetWorkSpace", "Sleigh"} <= set(dir(nws))
    with pytest.raises(AttributeError, match="'nws' has no attribute 'Slay'"):
        _ = nws.Slay  # type: ignore[attr-defined]


def test_the_package_imports_them_when_they_are_used() -> None:
    program = "import sys, nws; sys.exit(bool({'nws.client', 'nws.sleigh'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_everything_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from nws.client import *", names)
    assert names.keys() - {"__builtins__"} == set(client.__all__)

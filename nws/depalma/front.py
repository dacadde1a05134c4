"""The XML-RPC front: the master's methods over HTTP, for whoever knows the password."""

from __future__ import annotations

import base64
import hmac
import logging
import re
import threading
from collections.abc import Callable, Sequence
from inspect import signature
from socketserver import ThreadingMixIn
from typing import Any, Final
from urllib.parse import quote
from xmlrpc.client import MAXINT, Binary, Fault, dumps, loads
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer

from nws.depalma.config import FrontConfig
from nws.depalma.methods import METHODS, Methods
from nws.errors import (
    DepalmaArgumentException,
    DepalmaConfigException,
    DepalmaException,
    DepalmaLookupException,
    DepalmaStateException,
    DepalmaStoppedException,
    NwsException,
)

__all__ = ["FAULTS", "Front"]

_log = logging.getLogger("nws.depalma")

FAULTS: Final[dict[type[Exception], int]] = {
    DepalmaArgumentException: 1,
    DepalmaConfigException: 1,
    DepalmaLookupException: 2,
    DepalmaStateException: 3,
    DepalmaStoppedException: 4,
    DepalmaException: 5,
    NwsException: 5,
}
"""The code of the fault that each exception becomes."""

_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that would make a response unreadable."""

_WRONG_CALL: Final = 1
_INTERNAL: Final = 6

_MAX_BODY_BYTES: Final = 64 * 1024 * 1024
_IDLE_SECONDS: Final = 300.0
"""After which a connection without a request is closed."""


class Front:
    """A thread that serves the methods of a master."""

    def __init__(self, config: FrontConfig, password: str, methods: Methods) -> None:
        """Start to serve.

        Raises:
            DepalmaException: the address cannot be had.
        """
        self._config = config
        credentials = base64.b64encode(f"{config.user}:{password}".encode()).decode()
        self._accepted = (f"Basic {credentials}", f"Bearer {password}")
        try:
            self._server = _Server((config.interface, config.port), self._may_enter)
        except OSError as error:
            raise DepalmaException(
                f"the front cannot listen on {config.interface}, port {config.port}: {error}; the "
                "configuration has another one under [front]"
            ) from error
        for name in METHODS:
            self._server.register_function(getattr(methods, name), name)
        self._server.register_introspection_functions()
        self._server.register_multicall_functions()
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="depalma front", daemon=True
        )
        self._thread.start()

    def _may_enter(self, authorization: str) -> bool:
        return any(
            hmac.compare_digest(authorization.encode(), accepted.encode())
            for accepted in self._accepted
        )

    def address(self, password: str) -> str:
        """Return the address with user and password."""
        host, port = self._server.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        login = f"{quote(self._config.user, safe='')}:{quote(password, safe='')}"
        return f"http://{login}@{name}:{port}/"

    def close(self) -> None:
        """Stop to serve. Requests under way are answered or lost."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _misfit(
    method: str, function: Callable[..., object] | None, arguments: Sequence[object]
) -> Fault | None:
    """Return a fault if there are too few arguments for a method, or too many."""
    if function is None:
        return None
    called = signature(function)
    try:
        called.bind(*arguments)
    except TypeError as error:
        names = ", ".join(called.parameters)
        return Fault(_WRONG_CALL, f"DepalmaArgumentException: {method}({names}): {error}")
    return None


def _fault_of(error: Exception, method: str) -> Fault:
    for kind, code in FAULTS.items():
        if isinstance(error, kind):
            return Fault(code, f"{type(error).__name__}: {error}")
    if method == "system.multicall":
        return Fault(
            _WRONG_CALL, f"a multicall has structures with methodName and params: {error!r}"
        )
    _log.error("%s failed", method, exc_info=error)
    return Fault(_INTERNAL, f"{method} failed, which is a defect: {type(error).__name__}: {error}")


def _wrapped_fault(fault: Fault) -> Fault:
    return Fault(fault.faultCode, _wrapped(fault.faultString))


def _unwrapped(value: Any) -> Any:
    """Return an argument as Python has it. Languages without integers send pids as doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value.data if isinstance(value, Binary) else value


def _wrapped(value: Any) -> Any:
    if isinstance(value, bytes):
        return Binary(value)
    if isinstance(value, str):
        return _NOT_IN_XML.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_wrapped(key): _wrapped(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_wrapped(each) for each in value]
    if isinstance(value, int) and abs(value) > MAXINT:
        return float(value)
    return value


class _Handler(SimpleXMLRPCRequestHandler):
    """Lets in only those who know the password."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    rpc_paths = ("/", "/RPC2")
    server: _Server

    def do_POST(self) -> None:
        if not self.server.may_enter(self.headers.get("Authorization", "")):
            self._refuse(401, "a user and a password are needed")
        elif not 0 <= self._body_bytes() <= _MAX_BODY_BYTES:
            self._refuse(413, f"a request has a length, of at most {_MAX_BODY_BYTES} bytes")
        else:
            super().do_POST()

    def _body_bytes(self) -> int:
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() and len(text) < 20 else -1

    def _refuse(self, status: int, reason: str) -> None:
        body = reason.encode()
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="depalma"')
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")  # the body of the request is not read
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        _log.debug(format, *arguments)


class _Server(ThreadingMixIn, SimpleXMLRPCServer):
    """Serves each connection in a thread, which does not keep the program from ending."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], may_enter: Callable[[str], bool]) -> None:
        self.may_enter = may_enter
        super().__init__(address, _Handler, logRequests=False)

    def _marshaled_dispatch(self, data: Any, *_: Any) -> bytes:  # type: ignore[override] # not str
        """Return the response to a request. That of the library calls all errors Exception."""
        try:
            response = dumps((self._called(data),), methodresponse=True)
        except Fault as fault:
            response = dumps(_wrapped_fault(fault))
        return response.encode()

    def _called(self, data: Any) -> Any:
        try:
            arguments, method = loads(data)
            if method is None:
                raise ValueError("it names no method")
        except Exception as error:
            raise Fault(_WRONG_CALL, f"the request is no call of XML-RPC: {error}") from error
        return self._dispatch(method, arguments)

    def _dispatch(self, method: str, arguments: Any) -> Any:
        """Call a method, with XML-RPC's kinds of bytes and of errors. A multicall calls it, too."""
        function = self.funcs.get(method)
        try:
            if function is None:
                there = ", ".join(METHODS)
                raise DepalmaLookupException(
                    f"there is no method {method!r:.100}; there are {there}"
                )
            return _wrapped(function(*map(_unwrapped, arguments)))
        except Fault:
            raise
        except Exception as error:
            raise _misfit(method, function, arguments) or _fault_of(error, method) from error

"""One blocking connection to a server: operations in the form of fields and answers.

An operation that is cut short by an exception is finished in the background of that exception: the
server is told to cancel it, its reply is read in any case, and what it removed is given back. Where
that cannot be done the connection is dropped, and a server of ours then puts the value back itself.

A removed value is acknowledged once its last byte was read. The acknowledgement shares a packet
with the next request where the system can do that (``MSG_MORE``): the kernel owns it from then on,
and sends it after 200 ms at the latest, even when this process is killed.

Threads, forks and sessions are the business of ``pool.py``.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsOperationException,
    NwsProtocolException,
    Status,
    exception_for,
)
from nws.exchange import ANSWER_TIMEOUT, TICK, Answer, Exchange, Field, Item, look_up
from nws.handshake import ClientHandshake
from nws.wire import Dialect, encode_request

__all__ = ["Address", "Transport"]

CONNECT_TIMEOUT: Final = 20.0
"""Seconds for connecting and shaking hands."""

_MORE: Final[int] = getattr(socket, "MSG_MORE", 0)
_ACK: Final = encode_request([b"ack"])
_NACK: Final = encode_request([b"nack"])
_CANCEL: Final = encode_request([b"cancel"])


class Address(NamedTuple):
    """Where a server is: a host and a port; or ``unix:`` and the path of a socket, and any port."""

    host: str
    port: int

    def __str__(self) -> str:
        return self.host if self.host.startswith("unix:") else f"{self.host}:{self.port}"


class Transport:
    """A connection to a server, for one thread at a time.

    Attributes:
        address: of the server.
        dialect: what was agreed on.
        socket: to look at.
    """

    def __init__(self, address: Address, timeout: float = CONNECT_TIMEOUT) -> None:
        """Connect and shake hands.

        Raises:
            NwsConnectException: within ``timeout`` seconds this was not possible.
        """
        self.address = address
        self._exchange: Exchange | None = None
        self._dropped = ""
        try:
            self.socket = _connect(address, timeout)
        except OSError as error:
            raise NwsConnectException(
                f"cannot connect to a NetWorkSpaces server at {address}: {error}; "
                "is it running? `nws server start` starts one on this machine"
            ) from error
        self.dialect = self._shake_hands()
        weakref.finalize(self, self.socket.close)
        look_up(self.socket)

    def _shake_hands(self) -> Dialect:
        handshake = ClientHandshake()
        try:
            self.socket.sendall(handshake.start())
            while handshake.dialect is None and handshake.refused is None:
                data = self.socket.recv(4096)
                if not data:
                    handshake.refused = "it closed the connection during the handshake"
                self.socket.sendall(handshake.feed(data))
        except OSError as error:
            handshake.refused = f"the handshake failed: {error}"
        except BaseException:
            self.socket.close()
            raise
        if handshake.dialect is None:
            self.socket.close()
            raise NwsConnectException(
                f"cannot use the server at {self.address}: {handshake.refused}"
            )
        return handshake.dialect

    # Operations

    def short(
        self, fields: Sequence[Field], ordinary: type[NwsException] = NwsOperationException
    ) -> None:
        """Do an operation that is answered with a status.

        Raises:
            NwsException: ``ordinary`` for an ordinary failure, else as `exception_for` has it.
        """
        exchange = Exchange(self.socket, self.dialect, fields)
        exchange.read = exchange.read_short
        self._run(exchange, ordinary)

    def long(
        self,
        fields: Sequence[Field],
        *,
        removes: bool = False,
        patience: float | None = ANSWER_TIMEOUT,
        into: BinaryIO | None = None,
    ) -> Answer:
        """Do an operation that is answered with a payload.

        Args:
            fields: of the request.
            removes: it takes a value away; see `give_back`.
            patience: seconds after which a silent server is given up; None if it may wait for ever.
            into: a file that is given the payload piece by piece, in place of the answer.

        Raises:
            NwsException: as `exception_for` has it.
            OSError: the file cannot be written. The value stays with the server.
        """
        exchange = Exchange(
            self.socket, self.dialect, fields, removes=removes, patience=patience, into=into
        )
        exchange.read = exchange.read_long
        return self._run(exchange)

    def many(
        self,
        fields: Sequence[Field],
        *,
        removes: bool = False,
        patience: float | None = ANSWER_TIMEOUT,
    ) -> Sequence[Item]:
        """Do an operation that is answered with several values; see `long`."""
        exchange = Exchange(self.socket, self.dialect, fields, removes=removes, patience=patience)
        exchange.read = exchange.read_many
        return self._run(exchange).items

    def give_back(self) -> None:
        """Have the server put back what the last operation removed.

        Nothing is raised if it cannot be told: it does so by itself when the connection ends.
        """
        if self.usable and self.dialect.extensions:
            try:
                self.socket.send(_NACK)
            except OSError as error:
                self._drop(str(error))

    def close(self) -> None:
        """Hang up. A thread that waits here gets an NwsConnectionDroppedException."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # closing alone would not wake that thread
        except OSError:
            pass  # it is gone already
        self._drop("it was closed")

    def forget(self) -> None:
        """Close this process's handle of a connection that belongs to the parent process."""
        self._drop("it belongs to the parent process")

    @property
    def usable(self) -> bool:
        """Whether the connection is there, as far as one knows."""
        return not self._dropped

    # An exchange

    def _run(
        self, exchange: Exchange, ordinary: type[NwsException] = NwsOperationException
    ) -> Answer:
        if self._exchange is not None:
            self._recover(self._exchange)
        if self._dropped:
            raise NwsConnectionDroppedException(
                f"the connection to the server at {self.address} is gone: {self._dropped}"
            )
        self._exchange = exchange
        try:
            exchange.send()
            answer = exchange.answer = exchange.read()
            if exchange.removes and not answer.status and self.dialect.extensions:
                self._acknowledge()
            self._exchange = None
        except (NwsConnectionDroppedException, NwsProtocolException) as error:
            self._drop(str(error))
            deed = _deed(exchange.fields)
            raise type(error)(f"{deed}: lost the server at {self.address}: {error}") from error
        except BaseException:
            self._recover(exchange)
            raise
        if answer.status:
            raise self._failure(exchange, answer, ordinary)
        return answer

    def _acknowledge(self) -> None:
        try:
            self.socket.send(_ACK, _MORE)
        except OSError as error:
            raise NwsConnectionDroppedException(str(error)) from error

    def _failure(
        self, exchange: Exchange, answer: Answer, ordinary: type[NwsException]
    ) -> NwsException:
        kind = exception_for(answer.status)
        if kind is NwsOperationException:
            kind = ordinary
        reason = answer.reason or "the server refused"
        return kind(f"{_deed(exchange.fields)} at {self.address}: {reason}")

    # An exchange that was cut short

    def _recover(self, exchange: Exchange) -> None:
        """Bring the connection back into step, or drop it. Another interruption is no harm."""
        try:
            self._finish(exchange)
        except (OSError, NwsException) as error:
            self._drop(f"{_deed(exchange.fields)} was interrupted, and then: {error}")
        self._exchange = None

    def _finish(self, exchange: Exchange) -> None:
        """Read what nobody waits for any more, and give it back."""
        if exchange.unsent:
            return
        if exchange.half_sent:
            raise NwsConnectionDroppedException("only a part of the request had been sent")
        if not self.dialect.extensions:
            raise NwsConnectionDroppedException("this server cannot cancel an operation")
        if exchange.answer is None:
            self.socket.send(_CANCEL)
            exchange.patience = TICK
            exchange.into = None
            exchange.answer = exchange.read()
        items = exchange.answer.items
        if items and items[0].lease:
            ids = b" ".join(b"%d" % item.lease for item in items)
            self._exchange = None
            self.short([b"release", ids, b"no"])
        elif exchange.removes and exchange.answer.status == Status.OK:
            self.socket.send(_NACK)

    def _drop(self, reason: str) -> None:
        if not self._dropped:
            self._dropped = reason
        self._exchange = None
        self.socket.close()


def _connect(address: Address, timeout: float) -> socket.socket:
    if address.host.startswith("unix:"):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(address.host.removeprefix("unix:"))
        except BaseException:
            sock.close()
            raise
        return sock
    sock = socket.create_connection(address, timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # A server whose machine went away is noticed within two minutes, also by a blocked fetch.
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def _deed(fields: Sequence[Field]) -> str:
    """Say what a request asks for, for people."""
    texts = [field.decode("utf-8", "replace") for field in fields[:3] if isinstance(field, bytes)]
    name = texts[0]
    if name in ("list wss", "session", "attach", "settle", "renew", "release", "server status"):
        return name
    if name.endswith(" ws") or name.startswith("list "):
        return " ".join([name, *map(repr, texts[1:2])])
    return f"{name} of {texts[2]!r} in workspace {texts[1]!r}" if len(texts) == 3 else name

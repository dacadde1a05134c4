"""One blocking connection to a server: operations in the form of fields and answers.

An operation that is cut short by an exception is finished in the background of that exception: the
server is told to cancel it, its reply is read in any case, and what it removed is given back. Where
that cannot be done in a few seconds, or only a part of the request was sent, the connection is
``stuck``: useless, but it keeps its session alive until another connection takes its place. When it
is closed then, the server puts the value back by itself. An original server can do none of this:
there the connection is dropped.

A removed value is acknowledged once its last byte was read. The acknowledgement shares a packet
with the next request where the system can do that (``MSG_MORE``): the kernel owns it from then on,
and sends it after 200 ms at the latest, even when this process is killed. It can be taken back
until the next request; hence an exchange that removed something stays ``pending`` until the caller
says that the value is in its hands, and by that time no exception can get between.

Threads, forks and sessions are the business of ``pool.py``.
"""

from __future__ import annotations

import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsOperationException,
    NwsProtocolException,
    exception_for,
)
from nws.session.endpoint import UNIX, Endpoint
from nws.session.exchange import Answer, Exchange, Field, Item, Patience, is_ours, look_up
from nws.wire.handshake import ClientHandshake
from nws.wire.requests import Dialect, encode_request

__all__ = ["Transport"]

CONNECT_TIMEOUT: Final = 20.0
"""Seconds for connecting and shaking hands."""

_ON_THE_WAY: Final = 1024 * 1024
"""Bytes that the system may hold for a server on this machine; often it lets us have less. By
itself it holds a fifth of a mebibyte, and each fill of that wakes the other side."""

_MORE: Final[int] = getattr(socket, "MSG_MORE", 0)
_ACK: Final = encode_request([b"ack"])
_NACK: Final = encode_request([b"nack"])
_CANCEL: Final = encode_request([b"cancel"])


class Transport:
    """A connection to a server, for one thread at a time. To an original server: for one operation
    at a time, whatever the thread; there is only one connection.

    Attributes:
        address: of the server.
        dialect: what was agreed on.
        socket: to look at.
        pending: the operation that is under way, or whose outcome is not in the caller's hands
            yet. The caller sets it to None once it is. Whatever is found here later was cut short.
        stuck: out of step with the server for good; close it when another one is there.
    """

    def __init__(
        self,
        address: Endpoint,
        timeout: float = CONNECT_TIMEOUT,
        patience: Patience = Patience(),  # noqa: B008 - it is a tuple
    ) -> None:
        """Connect and shake hands.

        Raises:
            NwsConnectException: within ``timeout`` seconds this was not possible.
        """
        self.address = address
        self.pending: Exchange | None = None
        self.stuck = False
        self._patience = patience
        self._dropped = ""
        self._turn = threading.RLock()  # for an original server
        self.socket: socket.socket
        deadline = time.monotonic() + timeout
        try:
            self._connect(timeout, deadline)
        except (OSError, OverflowError, UnicodeError) as error:
            if _by_alarm(error, deadline):
                raise
            raise NwsConnectException(
                f"cannot connect to a NetWorkSpaces server at {address}: {error}; "
                "is it running? `nws server start` starts one on this machine"
            ) from error
        self.dialect = self._shake_hands(deadline)
        weakref.finalize(self, self.socket.close)
        look_up(self.socket, patience.tick)

    def _connect(self, timeout: float, deadline: float) -> None:
        problem = OSError("the name has no address")
        for sock, where in _candidates(self.address):
            self.socket = sock
            _transports.add(self)
            try:
                sock.settimeout(timeout)
                sock.connect(where)
                if not self.address.host.startswith(UNIX):
                    _tune(sock)
                return
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError) or _by_alarm(error, deadline):
                    raise
                problem = error
        raise problem

    def _shake_hands(self, deadline: float) -> Dialect:
        handshake = ClientHandshake()
        try:
            self.socket.sendall(handshake.start())
            while handshake.dialect is None and handshake.refused is None:
                # Not zero, which would mean not to wait at all.
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                data = self.socket.recv(4096)
                if not data:
                    handshake.refused = "it closed the connection during the handshake"
                self.socket.sendall(handshake.feed(data))
        except BaseException as error:
            self.socket.close()
            if not isinstance(error, OSError) or _by_alarm(error, deadline):
                raise
            handshake.refused = f"the handshake failed: {error}"
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
        exchange = Exchange(self.socket, self.dialect, fields, self._patience)
        exchange.reader = Exchange.read_short
        self._run(exchange, ordinary)

    def long(
        self,
        fields: Sequence[Field],
        *,
        removes: bool = False,
        wait: float | None = 0.0,
        into: BinaryIO | None = None,
    ) -> Answer:
        """Do an operation that is answered with a payload.

        Args:
            fields: of the request.
            removes: it takes a value away, and stays ``pending``.
            wait: seconds that the server may wait before it answers; None for any time.
            into: a file that is given the payload piece by piece, in place of the answer.

        Raises:
            NwsException: as `exception_for` has it.
            OSError: the file cannot be written. The value stays with the server.
        """
        exchange = Exchange(
            self.socket,
            self.dialect,
            fields,
            self._patience,
            removes=removes,
            wait=wait,
            into=into,
        )
        exchange.reader = Exchange.read_long
        return self._run(exchange)

    def many(self, fields: Sequence[Field], *, wait: float | None = 0.0) -> Sequence[Item]:
        """Do an operation that takes or leases values and is answered with them; see `long`."""
        exchange = Exchange(
            self.socket, self.dialect, fields, self._patience, removes=True, wait=wait
        )
        exchange.reader = Exchange.read_many
        return self._run(exchange).items

    def give_back(self, *, blame: bool = False) -> None:
        """Undo what is ``pending``, or bring it to its end. After another exception: do it again.

        Args:
            blame: if it was a lease, count it as an attempt.
        """
        exchange = self.pending
        if exchange is None:
            return
        try:
            self._finish(exchange, blame)
        except (OSError, NwsException) as error:
            if isinstance(error, OSError) and not is_ours(error):
                raise
            self._be_stuck(f"{_deed(exchange.fields)} was interrupted, and then: {error}")
        self.pending = None

    def close(self) -> None:
        """Hang up. A thread that waits here gets an NwsConnectionDroppedException."""
        self._dropped = self._dropped or "it was closed"
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is gone already
        # Who is at it closes the socket, for its number may be given out again at once.
        if self.pending is None:
            self.socket.close()

    def forget(self) -> None:
        """Close this process's handle of a connection that belongs to the parent process."""
        self._drop("it belongs to the parent process")

    @property
    def usable(self) -> bool:
        """Whether the connection is there and in step, as far as one knows."""
        return not self._dropped

    # An exchange

    def _run(
        self, exchange: Exchange, ordinary: type[NwsException] = NwsOperationException
    ) -> Answer:
        if self.dialect.extensions:
            return self._exchange(exchange, ordinary)
        with self._turn:
            return self._exchange(exchange, ordinary)

    def _exchange(self, exchange: Exchange, ordinary: type[NwsException]) -> Answer:
        if self.pending is not None:
            self.give_back()
        if self._dropped:
            raise NwsConnectionDroppedException(
                f"the connection to the server at {self.address} is gone: {self._dropped}"
            )
        self.pending = exchange
        try:
            exchange.send()
            answer = exchange.answer = exchange.read()
            if not exchange.removes or answer.status or not self.dialect.extensions:
                self.pending = None
            elif not (answer.items and answer.items[0].lease):  # a lease is in the server's books
                exchange.say(_ACK, _MORE)
        except (NwsConnectionDroppedException, NwsProtocolException) as error:
            self._drop(str(error))
            deed = _deed(exchange.fields)
            reason = f"{deed}: lost the server at {self.address}: {self._dropped}"
            raise type(error)(reason) from error
        except BaseException:
            self.give_back()
            raise
        if answer.status:
            raise self._failure(exchange, answer, ordinary)
        return answer

    def _failure(
        self, exchange: Exchange, answer: Answer, ordinary: type[NwsException]
    ) -> NwsException:
        kind = exception_for(answer.status)
        if kind is NwsOperationException:
            kind = ordinary
        reason = answer.reason or "the server refused"
        return kind(f"{_deed(exchange.fields)} at {self.address}: {reason}")

    # An exchange that was cut short

    def _finish(self, exchange: Exchange, blame: bool) -> None:
        """Read what nobody waits for any more, and give it back."""
        if exchange.unsent:
            return
        if exchange.half_sent:
            raise NwsConnectionDroppedException("only a part of the request had been sent")
        if exchange.answer is None:
            if not self.dialect.extensions:
                raise NwsConnectionDroppedException("this server cannot cancel an operation")
            exchange.say(_CANCEL)
            exchange.hurry()
            exchange.answer = exchange.read()
        if exchange.answer.status or not exchange.removes or not self.dialect.extensions:
            return
        items = exchange.answer.items
        if items and items[0].lease:
            self._release(exchange, items, blame)
        else:
            exchange.say(_NACK)

    def _release(self, exchange: Exchange, items: Sequence[Item], blame: bool) -> None:
        ids = b" ".join(b"%d" % item.lease for item in items)
        if exchange.undo is None:
            exchange.undo = Exchange(
                self.socket,
                self.dialect,
                [b"release", ids, b"yes" if blame else b"no"],
                self._patience,
            )
        exchange.undo.hurry()
        exchange.undo.send()
        exchange.undo.read_short()

    def _be_stuck(self, reason: str) -> None:
        if not self.dialect.extensions:
            self._drop(reason)
        self._dropped = self._dropped or reason
        self.stuck = True

    def _drop(self, reason: str) -> None:
        self._dropped = self._dropped or reason
        self.pending = None
        self.socket.close()


def _by_alarm(error: Exception, deadline: float) -> bool:
    """Tell whether the handler of a signal raised a TimeoutError: it was not time yet for ours."""
    early = time.monotonic() < deadline
    return early and isinstance(error, TimeoutError) and not is_ours(error)


def _candidates(address: Endpoint) -> Iterator[tuple[socket.socket, Any]]:
    """Make a socket for each way to an address."""
    if address.host.startswith(UNIX):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ON_THE_WAY)
        yield sock, address.host.removeprefix(UNIX)
        return
    found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, kind, protocol, _, where in found:
        yield socket.socket(family, kind, protocol), where


def _tune(sock: socket.socket) -> None:
    """Send at once; notice within two minutes that the server's machine has gone away, also while
    a fetch is blocked."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _deed(fields: Sequence[Field]) -> str:
    """Say what a request asks for, for people."""
    texts = [field.decode("utf-8", "replace") for field in fields[:3] if isinstance(field, bytes)]
    name = texts[0]
    if name in ("list wss", "session", "attach", "settle", "renew", "release", "server status"):
        return name
    if name.endswith(" ws") or name.startswith("list "):
        return " ".join([name, *map(repr, texts[1:2])])
    return f"{name} of {texts[2]!r} in workspace {texts[1]!r}" if len(texts) == 3 else name


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _let_go() -> None:
    """In a forked child, let go of the parent's connections at once, even of those that another
    thread is just making: if we held them open, the server would not notice the parent's end."""
    for transport in list(_transports):
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)

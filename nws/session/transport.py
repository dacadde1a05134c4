"""One blocking connection to a server: requests in the form of fields, and their replies.

An operation that is interrupted by an exception is finished before the exception goes on: the
server is told to cancel it, its reply is read in any case, and what it removed is given back. Where
that cannot be done in a few seconds, or only a part of the request was sent, the connection is
``stuck``: useless, but it keeps its session alive until another connection takes its place. When it
is closed then, the server puts the value back by itself. An original server can do none of this:
there the connection is dropped.

A removed value is acknowledged when the caller has made of it what it wants: see `acknowledge`. The
acknowledgement shares a packet with the next request where the system can do that
(``MSG_MORE``): the kernel owns it from then on, and sends it even when this process is killed; at
once if no request follows within milliseconds (``flusher.py``). It can be taken back for a moment
(see docs/protocol.md); hence an exchange that removed something stays ``pending`` until the caller
says that it holds the value, and no exception can strike between.

Threads, forks and sessions are the business of ``pool.py``.
"""

from __future__ import annotations

import errno
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsOperationException,
    NwsProtocolException,
)
from nws.session.delivery import ACK, CANCEL, NACK, are_leased, release_fields
from nws.session.endpoint import Endpoint
from nws.session.exchange import Exchange
from nws.session.failures import lost, no_server, refused
from nws.session.flusher import flush_soon
from nws.session.sockets import (
    Timeouts,
    candidate_sockets,
    is_system_error,
    is_tcp,
    local_socket,
    raised_by_handler,
    set_poll_interval,
    tune,
    waiting_for,
)
from nws.session.trust import client_login, server_end, why_not_trusted
from nws.session.unix_exchange import UnixExchange
from nws.wire.dialect import Dialect
from nws.wire.handshake import ClientHandshake
from nws.wire.operations import describe_request
from nws.wire.replies import Answer
from nws.wire.requests import Field

if TYPE_CHECKING:
    from nws.session.tls_channel import TlsChannel

__all__ = ["Transport"]

_CONNECT_SECONDS: Final = 20.0
"""Seconds for connecting and shaking hands."""

_NO_ANSWER: Final = (errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH)
"""How the system says that it has given up another machine, once there was a connection."""

_MORE: Final[int] = getattr(socket, "MSG_MORE", 0)


class Transport:
    """A connection to a server, for one thread at a time. To an original server: for one operation
    at a time, whatever the thread; there is only one connection.

    Attributes:
        endpoint: of the server.
        dialect: what was agreed on.
        token: by which other connections join the session that this one has begun; empty if the
            server knows no extensions.
        socket: to look at.
        pending: the operation that is under way, or whose value the caller does not hold yet. The
            caller sets it to None once it does. Whatever is found here later was interrupted.
        stuck: out of step with the server for good; close it when another one is there.
        vanished: the server's machine did not answer for as long as the system waits.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        timeout: float = _CONNECT_SECONDS,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - it is a tuple
    ) -> None:
        """Connect and shake hands.

        Args:
            endpoint: of the server.
            timeout: for this, in seconds.
            timeouts: for what comes afterwards.

        Raises:
            NwsConnectException: within ``timeout`` seconds this was not possible.
        """
        self.endpoint = endpoint
        self.pending: Exchange | None = None
        self.stuck = self.vanished = False
        self._timeouts = timeouts
        self._dropped = ""  # why there is no connection any more
        self._turn = threading.RLock()  # for an original server
        self.socket: socket.socket
        deadline = time.monotonic() + timeout
        try:
            self._connect(timeout, deadline)
        except (OSError, OverflowError, UnicodeError) as error:
            if raised_by_handler(error, deadline):
                raise
            raise NwsConnectException(no_server(endpoint, error)) from error
        self._certificate = b""  # the server's, if we speak TLS
        self._channel: socket.socket | TlsChannel = self.socket  # to send and receive by
        self._make_exchange: Callable[..., Exchange] = Exchange
        if endpoint.is_encrypted:
            self._encrypt(deadline)
        elif endpoint.local and not is_tcp(self.socket):
            self._make_exchange = partial(UnixExchange, waiting_for(self.socket))
        # A Unix socket sends everything at once, and so does TLS.
        self._more = _MORE if is_tcp(self.socket) and not endpoint.is_encrypted else 0
        self.dialect = self._shake_hands(deadline)
        weakref.finalize(self, self.socket.close)
        set_poll_interval(self.socket, timeouts.poll_interval)

    def _connect(self, timeout: float, deadline: float) -> None:
        local = local_socket(self.endpoint)
        if local is not None:
            self.socket = local
            _transports.add(self)
            local.settimeout(timeout)
            return
        problem = OSError("the name has no address")
        for sock, address in candidate_sockets(self.endpoint):
            self.socket = sock
            _transports.add(self)
            try:
                sock.settimeout(timeout)
                sock.connect(address)
                if is_tcp(sock):
                    tune(sock, self.endpoint)
                return
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError) or raised_by_handler(error, deadline):
                    raise
                problem = error
        raise problem

    def _encrypt(self, deadline: float) -> None:
        from nws.session.tls import TlsError, begin_tls  # which is slow to import
        from nws.session.tls_exchange import TlsExchange

        try:
            self._channel = channel = begin_tls(self.socket, self.endpoint, deadline)
        except BaseException as error:
            self.socket.close()
            if not isinstance(error, TlsError | OSError) or raised_by_handler(error, deadline):
                raise
            raise NwsConnectException(
                f"cannot use the server at {self.endpoint}: {error}"
            ) from error
        self._certificate = channel.certificate
        self._make_exchange = TlsExchange

    def _shake_hands(self, deadline: float) -> Dialect:
        login = client_login(self.endpoint, self.socket, self._certificate)
        handshake = ClientHandshake(self.endpoint.peer_timeout, login)
        try:
            self._channel.sendall(handshake.start())
            while handshake.dialect is None and handshake.refused is None:
                # Not zero, which would mean not to wait at all.
                self.socket.settimeout(max(0.001, deadline - time.monotonic()))
                data = self._channel.recv(4096)
                if not data:
                    handshake.end()
                answer = handshake.feed(data)
                if answer:  # even sending nothing fails once the server has hung up
                    self._channel.sendall(answer)
            if handshake.refused is None and login is None:
                handshake.refused = self._why_not_trusted() or None
        except BaseException as error:
            self.socket.close()
            if not isinstance(error, OSError) or raised_by_handler(error, deadline):
                raise
            handshake.refused = f"the handshake failed: {error}"
        if handshake.dialect is None or handshake.refused is not None:
            self.socket.close()
            raise NwsConnectException(
                f"cannot use the server at {self.endpoint}: {handshake.refused}"
            )
        self.token = handshake.token
        return handshake.dialect

    def _why_not_trusted(self) -> str:
        return why_not_trusted(self.socket)

    @property
    def address(self) -> str:
        """The server's own address for this connection, as proofs of the login contain it."""
        return server_end(self.socket, self._certificate)

    # Operations

    def run(
        self,
        fields: Sequence[Field],
        wait: float | None = 0.0,
        into: BinaryIO | None = None,
        failure: type[NwsException] = NwsOperationException,
        meanwhile: Callable[[], object] | None = None,
    ) -> Answer:
        """Do an operation. One that removes or leases values stays ``pending``; see `acknowledge`.

        Args:
            fields: of the request; the first one is a name in `nws.wire.operations`.
            wait: seconds that the server may wait before it replies; None for any time.
            into: a file that is given the payload piece by piece, in place of the answer.
            failure: what to raise for an ordinary failure.
            meanwhile: is called when the request was sent.

        Raises:
            NwsException: as `exception_for` has it.
            OSError: the file cannot be written. The value stays with the server.
        """
        exchange = self._make_exchange(
            self._channel, self.dialect, fields, self._timeouts, wait, into
        )
        if self.dialect.extensions:
            return self._run(exchange, failure, meanwhile)
        with self._turn:
            return self._run(exchange, failure, meanwhile)

    def acknowledge(self) -> None:
        """Acknowledge what is ``pending``: the caller has made of it what it wants.

        Raises:
            NwsConnectionDroppedException: the connection is gone; the value is back.
        """
        exchange = self.pending
        if exchange is None or not exchange.removes or exchange.answer is None:
            return
        if are_leased(exchange.answer):
            return
        try:
            exchange.append(ACK, self._more)
        except NwsConnectionDroppedException as error:
            raise self._lost(exchange, error) from error
        if self._more:
            flush_soon(self.socket)

    def prepare(self, fields: Sequence[Field], wait: float | None = None) -> Exchange:
        """Prepare a request whose reply is read later; see `run`, `send` and `end`. It has to be
        ``pending`` when it is sent, and the one before it must have come to its end."""
        return self._make_exchange(self._channel, self.dialect, fields, self._timeouts, wait)

    def send(self, exchange: Exchange) -> None:
        """Send what was not sent yet of a request that was prepared."""
        if self._dropped:
            self._refuse()
        try:
            exchange.send()
        except NwsConnectionDroppedException as error:
            raise self._lost(exchange, error) from error

    def end(self, exchange: Exchange) -> Answer:
        """Wait for the reply to a request that was prepared. It can be called again.

        Raises:
            NwsException: as for `run`.
        """
        answer = exchange.answer
        if answer is None:
            if self._dropped or not exchange.is_sent:
                self.send(exchange)
            try:
                answer = exchange.answer = exchange.read()
            except (NwsConnectionDroppedException, NwsProtocolException) as error:
                raise self._lost(exchange, error) from error
        if answer.status:
            raise refused(exchange.fields, answer, self.dialect, self.endpoint)
        return answer

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
        except (OSError, NwsException, MemoryError) as error:
            if isinstance(error, OSError) and not is_system_error(error):
                raise
            why = str(error) or "there was no memory"
            self._be_stuck(f"{describe_request(exchange.fields)} was interrupted, and then: {why}")
        self.pending = None

    def close(self) -> None:
        """Hang up. A thread that waits here gets an NwsConnectionDroppedException."""
        self._dropped = self._dropped or "it was closed"
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is gone already
        # Whoever is using the socket closes it: its number may be given out again at once.
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
        self,
        exchange: Exchange,
        failure: type[NwsException],
        meanwhile: Callable[[], object] | None = None,
    ) -> Answer:
        if self.pending is not None:
            self.give_back()
        if self._dropped:
            self._refuse()
        self.pending = exchange
        try:
            exchange.send()
            if meanwhile is not None:
                meanwhile()
            answer = exchange.answer = exchange.read()
            if not exchange.removes or answer.status:
                self.pending = None
        except (NwsConnectionDroppedException, NwsProtocolException) as error:
            raise self._lost(exchange, error) from error
        except BaseException:
            self.give_back()
            raise
        if answer.status:
            raise refused(exchange.fields, answer, self.dialect, self.endpoint, failure)
        return answer

    def _refuse(self) -> NoReturn:
        """Say why there is no connection any more."""
        if not self.stuck:
            self._drop("")
        raise NwsConnectionDroppedException(
            f"the connection to the server at {self.endpoint} is gone: {self._dropped}"
        )

    def _lost(
        self, exchange: Exchange, error: NwsConnectionDroppedException | NwsProtocolException
    ) -> NwsException:
        """Drop the connection; return what to raise."""
        self.vanished = getattr(error.__cause__, "errno", None) in _NO_ANSWER
        self._drop(str(error))
        return lost(exchange.fields, error, self.endpoint, self._dropped)

    # An exchange that was interrupted

    def _finish(self, exchange: Exchange, blame: bool) -> None:
        """Read the reply that nobody waits for any more, and give back what it removed."""
        if exchange.unsent:
            return
        if exchange.half_sent:
            raise NwsConnectionDroppedException("only a part of the request had been sent")
        if exchange.answer is None:
            if not self.dialect.extensions:
                raise NwsConnectionDroppedException("this server cannot cancel an operation")
            exchange.append(CANCEL)
            exchange.discard()
            exchange.answer = exchange.read()
        if exchange.answer.status or not exchange.removes:
            return
        if are_leased(exchange.answer):
            self._release(exchange, exchange.answer, blame)
        else:
            exchange.append(NACK)

    def _release(self, exchange: Exchange, answer: Answer, blame: bool) -> None:
        if exchange.undo is None:
            fields = release_fields(answer, blame=blame)
            exchange.undo = self._make_exchange(self._channel, self.dialect, fields, self._timeouts)
        exchange.undo.discard()
        exchange.undo.send()
        exchange.undo.read()

    def _be_stuck(self, reason: str) -> None:
        if not self.dialect.extensions:
            self._drop(reason)
        self._dropped = self._dropped or reason
        self.stuck = True

    def _drop(self, reason: str) -> None:
        self._dropped = self._dropped or reason
        self.pending = None
        with suppress(OSError):  # this program has closed it by its number
            self.socket.close()


_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


def _forget_all() -> None:
    """In a forked child, close the parent's connections at once, even of those that another
    thread is just making: if we held them open, the server would not notice the parent's end."""
    for transport in list(_transports):
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

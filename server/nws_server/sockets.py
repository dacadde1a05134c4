"""The sockets below Twisted's transports."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import (
    ISSLTransport,
    ISystemHandle,
    ITCPTransport,
    IUNIXTransport,
)
from twisted.internet.tcp import Connection as TcpConnection

__all__ = ["direct_receive", "direct_send", "tcp_socket"]


def tcp_socket(transport: Any) -> socket.socket | None:
    """Return the socket of a TCP connection, or None."""
    is_tcp = ITCPTransport.providedBy(transport) and not IUNIXTransport.providedBy(transport)
    if not is_tcp or not ISystemHandle.providedBy(transport):
        return None
    return cast(socket.socket, transport.getHandle())


def direct_receive(transport: Any) -> Callable[[], Any] | None:
    """Return a ``doRead`` for the transport of a Unix socket; None for others.

    Twisted's own looks for descriptors, which nobody sends us: for a small request, that takes as
    long as receiving it. The system closes those that come nevertheless.
    """
    if IUNIXTransport.providedBy(transport) and isinstance(transport, TcpConnection):
        return partial(TcpConnection.doRead, transport)
    return None


def direct_send(transport: Any) -> Callable[[bytes | memoryview], int] | None:
    """Return the ``send`` of a transport's socket; None if Twisted does more than carry bytes.

    Then `NwsProtocol` is a pull producer: `startWriting` without anything to write makes Twisted
    ask it for more as soon as the socket takes more.
    """
    if (
        isinstance(transport, FileDescriptor)
        and ISystemHandle.providedBy(transport)
        and not ISSLTransport.providedBy(transport)
    ):
        handle: Any = transport.getHandle()
        send: Callable[[bytes | memoryview], int] = handle.send
        return send
    return None

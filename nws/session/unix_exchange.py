"""A request and its reply over a Unix socket.

When the server has read a request, Linux wakes whoever waits on that socket, since there is room to
send more: also who only waits to receive, and has to sleep again. That costs both sides as much as
the request itself. `poll` is woken by what it waits for only.
"""

from __future__ import annotations

import select
import socket
from typing import Any, Protocol

from nws.session.exchange import Exchange
from nws.wire.replies import ReplyDecoder

__all__ = ["UnixExchange", "poll_for"]


class Poll(Protocol):
    """What `select.poll` returns, once a socket is registered."""

    def poll(self, timeout: float, /) -> list[Any]: ...


def poll_for(sock: socket.socket) -> Poll:
    """Return what waits until something can be received."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return poll


class UnixExchange(Exchange):
    """Waits in `poll` for its reply."""

    def __init__(self, poll: Poll, *arguments: Any, **options: Any) -> None:
        """Prepare one; see `Exchange` for the arguments behind the first."""
        super().__init__(*arguments, **options)
        self._poll = poll

    def _receive(self, decoder: ReplyDecoder) -> None:
        while not self._poll.poll(1000 * self._timeouts.poll_interval):
            timeout = self._timeouts.reply if decoder.begun else self._reply_timeout
            self._check_silence(BlockingIOError(0, "nothing has come"), timeout)
        super()._receive(decoder)

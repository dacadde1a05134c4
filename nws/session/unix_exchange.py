"""A request and its reply over the Unix socket that a connection file names.

When the server has read a request, Linux wakes whoever waits on that socket, since there is room to
send more: also who only waits to receive, and has to sleep again. That costs both sides as much as
the request itself. `poll` is woken by what it waits for only. Why a sleigh's own processes, which
name their server's socket themselves, do without says docs/design.md.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, Final

from nws.session.exchange import Exchange
from nws.wire.replies import ReplyDecoder

__all__ = ["UnixExchange"]


_LOOK: Final[int] = socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)


class UnixExchange(Exchange):
    """Waits in `poll` for its reply."""

    def __init__(self, poll: Callable[[float], bool], *arguments: Any, **options: Any) -> None:
        """Prepare one.

        Args:
            poll: waits up to so many seconds, and tells whether something can be received.
            arguments, options: see `Exchange`.
        """
        super().__init__(*arguments, **options)
        self._poll = poll

    def _receive(self, decoder: ReplyDecoder) -> None:
        while not self._poll(self._timeouts.poll_interval):
            timeout = self._timeouts.reply if decoder.begun else self._reply_timeout
            try:
                # Its number may be that of another file by now, of which nobody hears.
                self._socket.recv(1, _LOOK)
                break
            except OSError as error:
                self._check_silence(error, timeout)
        super()._receive(decoder)

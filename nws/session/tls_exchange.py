"""A request and its reply over TLS."""

from __future__ import annotations

from typing import Any

from nws.errors import NwsConnectionDroppedException
from nws.session.exchange import Exchange
from nws.session.tls_channel import BLOCK_BYTES, RECORD_BYTES, TlsChannel
from nws.wire.replies import Answer, ReplyDecoder

__all__ = ["TlsExchange"]


class TlsExchange(Exchange):
    """What is encrypted counts as sent: it goes before all else that is sent there."""

    def __init__(self, channel: TlsChannel, *arguments: Any, **options: Any) -> None:
        """Prepare one; see `Exchange` for the arguments behind the first."""
        super().__init__(channel.socket, *arguments, **options)
        self._channel = channel

    def send(self, flags: int = 0) -> None:
        super().send(flags)
        self._flush()  # if an exception struck there

    def _send_all(self, data: bytes | memoryview, done: int, flags: int) -> None:
        while done < len(data):
            block = memoryview(data)[done : done + BLOCK_BYTES]
            try:
                self._channel.encrypt(block, self._sent)
            except OSError as error:
                self._check_silence(error, self._timeouts.reply)
            done += len(block)
            self._flush()

    def _flush(self) -> None:
        while True:
            try:
                self._channel.flush()
                return
            except OSError as error:
                self._check_silence(error, self._timeouts.reply)

    def read(self) -> Answer:
        if self._channel.torn:
            raise NwsConnectionDroppedException("an exception took the place of what had come")
        return super().read()

    def _receive(self, decoder: ReplyDecoder) -> None:
        lacking = decoder.lacking
        pieces = decoder.pieces
        while lacking > 0:
            timeout = self._timeouts.reply if decoder.begun else self._reply_timeout
            if not self._channel.may_decrypt:
                self._receive_more(timeout)
            if self._decrypt(pieces, timeout, RECORD_BYTES):
                lacking -= self._check_received(len(pieces[-1]))

    def _fill(self, filled: list[int], buffer: memoryview) -> None:
        done = 0
        while done < len(buffer):
            with buffer[done:] as rest:
                if self._decrypt(filled, self._timeouts.reply, RECORD_BYTES, rest):
                    done += self._check_received(filled[-1])

    def _decrypt(
        self, taken: list[Any], timeout: float | None, size: int, *buffer: memoryview
    ) -> bool:
        """Decrypt something, see `TlsChannel.decrypt`; if it is not there, receive more."""
        try:
            if self._channel.decrypt(taken, size, *buffer):
                return True
        except OSError as error:
            self._check_silence(error, timeout)
        self._receive_more(timeout)
        return False

    def _receive_more(self, timeout: float | None) -> None:
        """Receive something to decrypt."""
        while True:
            try:
                self._check_received(self._channel.receive())
                return
            except OSError as error:
                self._check_silence(error, timeout)

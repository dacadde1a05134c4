"""One request and its reply on a blocking socket, in step whatever happens.

Theory of operation
-------------------
An exception may strike at any moment: the handler of a signal, such as Ctrl-C's, runs between any
two byte codes. So all that an exchange has sent and received so far is kept in it, and bytes and
counts go from the socket into its lists without a byte code in between:
``list.extend(map(receive, ...))`` runs in C. Hence an exchange that was interrupted can be brought
to its end later, by calling the same methods again.

A handler also runs inside a call that waits for the socket; see `is_system_error`.

What an interrupted exchange means for its connection is the business of ``transport.py``, and what
the bytes mean that of `nws.wire.replies`.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import BinaryIO, Final

from nws.counted import counted
from nws.errors import NwsConnectionDroppedException, NwsProtocolException
from nws.session.sockets import Timeouts, is_closed_here, is_system_error
from nws.session.transfers import Download, Upload
from nws.wire.dialect import Dialect
from nws.wire.operations import EXTENDED_OPERATIONS
from nws.wire.replies import Answer, ReplyDecoder
from nws.wire.requests import Field, frame_request, framed_again

__all__ = ["Exchange"]

_MAX_DISCARDED_BYTES: Final = 16 * 1024 * 1024
"""Of a payload that nobody wants. It is read to stay in step; if it is longer, the connection is
dropped instead."""

_MIN_RECEIVE_BYTES: Final = 64 * 1024
_MAX_RECEIVE_BYTES: Final = 1024 * 1024
_WAIT_ALL: Final[int] = getattr(socket, "MSG_WAITALL", 0)


class Exchange:
    """What is known of a request that was, or is being, sent, and of its reply.

    Attributes:
        fields: of the request.
        operation: what it asks for.
        is_sent: the whole request is known to be sent. Where it was in parts, one has to `send`.
        removes: success takes values from the server that can be given back.
        answer: the reply, once it is complete.
        undo: an exchange that undoes this one, if that takes one.
    """

    answer: Answer | None = None
    is_sent = False
    undo: Exchange | None = None
    _unwanted = False
    _reading = False
    _silent_seconds = 0.0

    def __init__(
        self,
        sock: socket.socket,
        dialect: Dialect,
        fields: Sequence[Field],
        timeouts: Timeouts,
        wait: float | None = 0.0,
        into: BinaryIO | None = None,
    ) -> None:
        """Prepare an exchange.

        Args:
            sock: the connection, to which `set_poll_interval` was applied.
            dialect: what is spoken there.
            fields: of the request; a tuple of bytes if it is sent again and again.
            timeouts: for the server.
            wait: seconds that the server may wait before it replies; None for any time.
            into: file that is given the payload.
        """
        name = fields[0]
        assert isinstance(name, bytes)
        operation = EXTENDED_OPERATIONS[name]
        self.fields = fields
        self.operation = operation
        self.removes = operation.removes and dialect.extensions
        self._socket = sock
        self._timeouts = timeouts
        self._reply_timeout = None if wait is None else float(wait) + timeouts.reply
        self._parts = framed_again(fields) if type(fields) is tuple else frame_request(fields)
        self._notes: list[bytes] = []  # which are sent behind it
        self._sent: list[int] = []  # what each call took
        sink = None if into is None else Download(into)
        self._decoder = ReplyDecoder(operation.form, dialect, sink)

    # Sending

    @property
    def unsent(self) -> bool:
        """Whether the server knows nothing of it."""
        return not self._sent

    @property
    def half_sent(self) -> bool:
        """Whether the server has a part of the request only."""
        return bool(self._sent) and sum(self._sent) < sum(map(len, self._parts))

    @property
    def begun(self) -> bool:
        """Whether something of the reply has come."""
        return self._decoder.begun

    def send(self, flags: int = 0) -> None:
        """Send what was not sent yet of the request and of the notes behind it."""
        parts, sent = self._parts, self._sent
        if len(parts) == 1 and type(parts[0]) is bytes and not self._notes:
            if not sent:
                self._send_all(parts[0], 0, flags)
                self.is_sent = True
                return
            if sent[0] == len(parts[0]):  # as a rule
                return
        begin, done = 0, sum(sent)
        for part in (*parts, *self._notes):
            end = begin + len(part)
            if end > done:
                if isinstance(part, Upload):
                    for block in part.blocks():
                        self._send_all(block, 0, flags)
                else:
                    assert isinstance(part, bytes | memoryview)
                    self._send_all(part, max(0, done - begin), flags)
            begin = end

    def append(self, note: bytes, flags: int = 0) -> None:
        """Send a note behind the request, unless that was done. There is no reply to it."""
        if not self._notes:  # as the reply has come, the request was sent as a whole
            self._notes.append(note)
            self._send_all(note, 0, flags)
            return
        if note not in self._notes:
            self._notes.append(note)
        self.send(flags)

    def _send_all(self, data: bytes | memoryview, done: int, flags: int) -> None:
        while done < len(data):
            rest = memoryview(data)[done:] if done else data
            try:
                if flags:
                    self._sent.extend(map(self._socket.send, (rest,), (flags,)))
                else:
                    self._sent.extend(map(self._socket.send, (rest,)))
            except OSError as error:
                self._check_silence(error, self._timeouts.reply)
            else:
                done += self._sent[-1]
                self._silent_seconds = 0.0

    # Receiving. This may be called again after an exception.

    def discard(self) -> None:
        """Nobody wants the payload any more: drop what comes, and do not wait long for it."""
        self._unwanted = True
        self._decoder.drop()
        self._reply_timeout = self._timeouts.recovery
        self._silent_seconds = 0.0

    def read(self) -> Answer:
        """Read the reply."""
        decoder = self._decoder
        answer = None
        if self._reading:  # an exception struck here
            answer = decoder.decode()
        self._reading = True
        while answer is None:
            if decoder.in_place:
                with decoder.buffer() as buffer:
                    self._receive_in_place(decoder, buffer)
            else:
                self._receive(decoder)
            answer = decoder.decode()
        if decoder.rest:
            raise NwsProtocolException(f"{len(decoder.rest)} bytes came that nobody asked for")
        return answer

    def _receive(self, decoder: ReplyDecoder) -> None:
        """Receive as many bytes as the decoder needs, and more if they are there."""
        lacking = decoder.lacking
        pieces = decoder.pieces
        while lacking > 0:
            size = _MIN_RECEIVE_BYTES
            if lacking > size:
                size = min(lacking, _MAX_RECEIVE_BYTES)
            try:
                pieces.extend(map(self._socket.recv, (size,)))
            except OSError as error:
                begun = decoder.begun
                self._check_silence(error, self._timeouts.reply if begun else self._reply_timeout)
                continue
            lacking -= len(pieces[-1]) or self._check_received(0)
            self._silent_seconds = 0.0

    def _receive_in_place(self, decoder: ReplyDecoder, buffer: memoryview) -> None:
        """Receive bytes of a large payload where they belong."""
        if self._unwanted and decoder.missing > _MAX_DISCARDED_BYTES:
            raise NwsConnectionDroppedException(
                f"{decoder.missing} bytes are too many to read for nothing"
            )
        self._fill(decoder.filled, buffer)

    def _fill(self, filled: list[int], buffer: memoryview) -> None:
        while True:
            try:
                filled.extend(map(self._socket.recv_into, (buffer,), (0,), (_WAIT_ALL,)))
            except OSError as error:
                self._check_silence(error, self._timeouts.reply)
                continue
            self._check_received(filled[-1])
            return

    def _check_received(self, size: int) -> int:
        if not size:
            raise NwsConnectionDroppedException("the server closed the connection")
        self._silent_seconds = 0.0
        return size

    def _check_silence(self, error: OSError, timeout: float | None) -> None:
        """Nothing could be sent or received: try again, or give up after ``timeout`` seconds."""
        if not is_system_error(error):
            raise error
        if not isinstance(error, BlockingIOError):
            where = "this program has closed its socket: " if is_closed_here(error) else ""
            raise NwsConnectionDroppedException(f"{where}{error}") from error
        self._silent_seconds += self._timeouts.poll_interval
        if timeout is not None and self._silent_seconds >= timeout:
            raise NwsConnectionDroppedException(
                f"no answer for {counted(round(self._silent_seconds), 'second')}"
            )

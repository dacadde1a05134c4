"""One request and its reply on a blocking socket, in step whatever happens.

Theory of operation
-------------------
An exception may strike at any moment: Ctrl-C raises one between any two byte codes. So all that an
exchange has got so far is kept in it, and bytes and counts go from the socket into its lists
without a byte code in between: ``list.extend(map(receive, ...))`` runs in C. Hence an exchange that
was cut short can be read to its end later, by calling the same method again.

This module knows sockets and the shape of replies; what a cut-short exchange means for the
connection is the business of ``transport.py``.
"""

from __future__ import annotations

import socket
import struct
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from nws.errors import NwsConnectionDroppedException, NwsProtocolException
from nws.wire import REASON, Dialect, parse_dict

__all__ = [
    "ANSWER_TIMEOUT",
    "TICK",
    "Answer",
    "Exchange",
    "Field",
    "Item",
    "Upload",
    "frame",
    "look_up",
]

ANSWER_TIMEOUT: Final = 60.0
"""Seconds without a byte after which a server that owes an answer is given up."""

TICK: Final = 5
"""Seconds. How often a blocked read or write looks whether it should go on."""

_LARGE: Final = 256 * 1024
"""Bytes. Longer payloads are received in place."""

_BUFFER: Final = 64 * 1024
_BLOCK: Final = 1024 * 1024
_ALL: Final[int] = getattr(socket, "MSG_WAITALL", 0)


class Upload:
    """A field that is read from a file while it is sent.

    A file that turns out to be shorter than announced is filled up with zeros, for the announced
    length has been sent by then; a warning says so.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Announce ``size`` bytes, read from the file's present position on."""
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def blocks(self) -> Iterator[bytes]:
        """Read the field."""
        left = self._size
        while left:
            block = self._file.read(min(left, _BLOCK))
            if not block:
                warnings.warn(
                    f"the file ended {left} bytes early; zeros are stored in their place",
                    stacklevel=2,
                )
                block = bytes(min(left, _BLOCK))
            left -= len(block)
            yield block


Field: TypeAlias = "bytes | Upload | Sequence[bytes | memoryview]"
"""One field of a request; a long one may come in pieces or from a file."""


def frame(fields: Sequence[Field]) -> list[bytes | memoryview | Upload]:
    """Frame a request; small pieces are joined, large ones are left alone."""
    small = [b"%04d" % len(fields)]
    pieces: list[bytes | memoryview | Upload] = []
    for field in fields:
        parts = (field,) if isinstance(field, bytes | Upload) else field
        small.append(b"%020d" % sum(map(len, parts)))
        for part in parts:
            if len(part) < _BUFFER and not isinstance(part, Upload):
                small.append(bytes(part))
            else:
                pieces += (b"".join(small), part)
                small = []
    if small:
        pieces.append(b"".join(small))
    return pieces


def look_up(sock: socket.socket) -> None:
    """Let a blocking socket return every `TICK`, empty-handed."""
    sock.settimeout(None)
    if sys.platform != "win32":  # there only the connection's end can end a wait
        tick = struct.pack("ll", TICK, 0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, tick)


class Item(NamedTuple):
    """One of several values in a reply."""

    descriptor: int
    lease: int
    attempt: int
    payload: bytes


class Answer(NamedTuple):
    """A complete reply. Fields that its form does not have are empty."""

    status: int
    reason: str
    descriptor: int = 0
    variable_id: bytes = b""
    value_index: int = 0
    payload: bytes | bytearray = b""
    size: int = 0
    """Length of the payload, also when it went to a file."""
    items: Sequence[Item] = ()


class Exchange:
    """What is known of a request that was, or is being, sent, and of its reply.

    Attributes:
        fields: of the request.
        removes: success takes values away from the server.
        patience: seconds without a byte after which the server is given up; None: never.
        into: file that is given the payload.
        read: the one of the methods for reading that fits the reply.
        answer: the reply, once it is complete.
    """

    def __init__(
        self,
        sock: socket.socket,
        dialect: Dialect,
        fields: Sequence[Field],
        *,
        removes: bool = False,
        patience: float | None = ANSWER_TIMEOUT,
        into: BinaryIO | None = None,
    ) -> None:
        self.fields = fields
        self.removes = removes
        self.patience = patience
        self.into = into
        self.read: Callable[[], Answer] = self.read_short
        self.answer: Answer | None = None
        self._socket = sock
        self._dialect = dialect
        self._request = frame(fields)
        self._sent: list[int] = []  # what each call took
        self._pieces: list[bytes] = []  # what came, but for a large payload
        self._received: list[int] = []  # how much came of a large payload
        self._waited = 0.0

    # Sending

    @property
    def unsent(self) -> bool:
        """Whether the server knows nothing of it."""
        return not self._sent

    @property
    def half_sent(self) -> bool:
        """Whether the server has a part of the request only."""
        return bool(self._sent) and sum(self._sent) < sum(map(len, self._request))

    def send(self) -> None:
        """Send the request, whole."""
        for piece in self._request:
            if isinstance(piece, Upload):
                for block in piece.blocks():
                    self._send_all(block)
            else:
                self._send_all(piece)

    def _send_all(self, data: bytes | memoryview) -> None:
        done = 0
        while done < len(data):
            rest = memoryview(data)[done:] if done else data
            try:
                self._sent.extend(map(self._socket.send, (rest,)))
            except BlockingIOError:
                self._be_patient(ANSWER_TIMEOUT)
            except OSError as error:
                raise NwsConnectionDroppedException(str(error)) from error
            else:
                done += self._sent[-1]
                self._waited = 0.0

    # Reading. Each of these may be called again after an exception.

    def read_short(self) -> Answer:
        """Read a reply that is a status."""
        reason, data, at = self._head(4)
        self._expect_end(data, at + 4)
        return Answer(_int(data[at : at + 4]), reason)

    def read_long(self) -> Answer:
        """Read a reply with a payload."""
        reason, data, at = self._head(84 if self._dialect.cookie else 44)
        status = _int(data[at : at + 4])
        descriptor = _int(data[at + 4 : at + 24])
        variable_id, index = b"", 0
        at += 24
        if self._dialect.cookie:
            variable_id = data[at : at + 20]
            index = _int(data[at + 20 : at + 40])
            at += 40
        size = _int(data[at : at + 20])
        at += 20
        payload: bytes | bytearray = b""
        if self.into is not None or self._received:
            self._pour(data[at:], size)
        elif size > _LARGE:
            payload = self._receive_in_place(data[at:], size)
        else:
            if len(data) < at + size:
                data = self._need(at + size)
            payload = data[at : at + size]
            self._expect_end(data, at + size)
        return Answer(status, reason, descriptor, variable_id, index, payload, size)

    def read_many(self) -> Answer:
        """Read a reply with several values."""
        reason, data, at = self._head(8)
        status = _int(data[at : at + 4])
        count = _int(data[at + 4 : at + 8])
        at += 8
        items = []
        for _ in range(count):
            if self._dialect.metadata_out:
                _, at = self._dict(at)
            data = self._need(at + 64)
            descriptor = _int(data[at : at + 20])
            lease = _int(data[at + 20 : at + 40])
            attempt = _int(data[at + 40 : at + 44])
            end = at + 64 + _int(data[at + 44 : at + 64])
            data = self._need(end)
            items.append(Item(descriptor, lease, attempt, data[at + 64 : end]))
            at = end
        self._expect_end(data, at)
        return Answer(status, reason, items=items)

    def _head(self, width: int) -> tuple[str, bytes, int]:
        """Receive a reply's dict and ``width`` bytes; return reason, data and where they are."""
        if not self._dialect.metadata_out:
            return "", self._need(width), 0
        data = self._need(4 + width)
        if data.startswith(b"0000"):
            return "", data, 4
        reason, at = self._dict(0)
        return reason, self._need(at + width), at

    def _dict(self, at: int) -> tuple[str, int]:
        """Receive the dict that starts at ``at``; return the reason in it and its end."""
        data = self._need(at + 4)
        entries, end = parse_dict(data, at)
        while end < 0:
            data = self._need(len(data) + 1)
            entries, end = parse_dict(data, at)
        return entries.get(REASON, b"").decode("utf-8", "replace"), end

    def _expect_end(self, data: bytes, end: int) -> None:
        if len(data) > end:
            raise NwsProtocolException(f"{len(data) - end} bytes came that nobody asked for")

    # Bytes

    def _need(self, size: int) -> bytes:
        """Return what came: at least ``size`` bytes."""
        pieces = self._pieces
        have = sum(map(len, pieces))
        while have < size:
            wanted = max(size - have, _BUFFER)
            try:
                pieces.extend(map(self._socket.recv, (wanted,)))
            except OSError as error:
                self._look_up(error)
                continue
            have += self._check(len(pieces[-1]))
        if len(pieces) > 1:
            pieces[:] = [b"".join(pieces)]
        return pieces[0]

    def _receive_in_place(self, begun: bytes, size: int) -> bytearray:
        """Receive a large payload without copying it."""
        payload = bytearray(size)
        payload[: len(begun)] = begun
        self._received.append(len(begun))
        with memoryview(payload) as view:
            while (done := sum(self._received)) < size:
                self._receive_into(view[done:])
        return payload

    def _pour(self, begun: bytes, size: int) -> None:
        """Receive a payload into the file; without one, what is left of it is dropped."""
        if not self._received:
            self._received.append(len(begun))
            if self.into is not None:
                self.into.write(begun)
        with memoryview(bytearray(min(size, _BLOCK))) as view:
            while (rest := size - sum(self._received)) > 0:
                self._receive_into(view[: min(rest, _BLOCK)])
                if self.into is not None:
                    self.into.write(view[: self._received[-1]])

    def _receive_into(self, view: memoryview) -> None:
        """Fill a part of a block, and count it."""
        while True:
            try:
                self._received.extend(map(self._socket.recv_into, (view,), (0,), (_ALL,)))
            except OSError as error:
                self._look_up(error)
                continue
            self._check(self._received[-1])
            return

    def _check(self, came: int) -> int:
        if not came:
            raise NwsConnectionDroppedException("the server closed the connection")
        self._waited = 0.0
        return came

    def _look_up(self, error: OSError) -> None:
        """A read came back without a byte: go on waiting, or give up."""
        if not isinstance(error, BlockingIOError):
            raise NwsConnectionDroppedException(str(error)) from error
        self._be_patient(self.patience)

    def _be_patient(self, patience: float | None) -> None:
        self._waited += TICK
        if patience is not None and self._waited >= patience:
            raise NwsConnectionDroppedException(f"no answer for {self._waited:.0f} seconds")


def _int(field: bytes) -> int:
    if not field.isdigit():
        raise NwsProtocolException(f"expected a number, got {field[:20]!r}")
    return int(field)

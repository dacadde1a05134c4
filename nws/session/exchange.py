"""One request and its reply on a blocking socket, in step whatever happens.

Theory of operation
-------------------
An exception may strike at any moment: the handler of a signal, such as Ctrl-C's, runs between any
two byte codes. So all that an exchange has sent and got so far is kept in it, and bytes and counts
go from the socket into its lists without a byte code in between: ``list.extend(map(receive, ...))``
runs in C. Hence an exchange that was cut short can be brought to its end later, by calling the same
methods again.

A handler also runs inside a call that waits for the socket. What it raises may be an OSError, such
as TimeoutError, but unlike those of the system it has no number (`is_ours`).

This module knows sockets and the shape of replies; what a cut-short exchange means for the
connection is the business of ``transport.py``.
"""

from __future__ import annotations

import io
import socket
import struct
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO, Final, NamedTuple, TypeAlias

from nws.errors import NwsConnectionDroppedException, NwsProtocolException
from nws.values import is_direct
from nws.wire.requests import REASON, Dialect, parse_dict

__all__ = [
    "Answer",
    "Exchange",
    "Field",
    "Item",
    "Patience",
    "Upload",
    "frame",
    "is_ours",
    "look_up",
]


class Patience(NamedTuple):
    """How long a silent server is borne. All in seconds."""

    answer: float = 60.0
    """Without a byte, after which a server that owes an answer is given up."""
    recovery: float = 5.0
    """The same for an answer that nobody waits for any more."""
    tick: float = 5.0
    """How often a blocked read or write looks whether it should go on."""


_LARGE: Final = 256 * 1024
"""Bytes. Longer payloads are received in place, unless they are there already."""

_LONGEST: Final = 2**47
"""Bytes. No machine can hold more, so this is not a length."""

_WORTH_READING: Final = 16 * 1024 * 1024
"""Bytes. Less of a payload that nobody wants is read to stay in step."""

_BUFFER: Final = 64 * 1024
_BLOCK: Final = 1024 * 1024
_ALL: Final[int] = getattr(socket, "MSG_WAITALL", 0)


_SHORT: Final = 256
_LENGTHS: Final = [b"%020d" % size for size in range(_SHORT)]
"""The lengths of short fields, ready to be sent."""


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
        while left and (block := self._file.read(min(left, _BLOCK))):
            left -= len(block)
            yield block
        if left:
            warnings.warn(
                f"the file ended {left} bytes early; zeros are stored in their place", stacklevel=2
            )
        while left:
            block = bytes(min(left, _BLOCK))
            left -= len(block)
            yield block


Field: TypeAlias = "bytes | Upload | Sequence[bytes | memoryview]"
"""One field of a request; a long one may come in pieces or from a file."""


def frame(fields: Sequence[Field]) -> list[bytes | memoryview | Upload]:
    """Frame a request; small pieces are joined, large ones are left alone."""
    small = [b"%04d" % len(fields)]
    pieces: list[bytes | memoryview | Upload] = []
    for given in fields:
        field = given[0] if isinstance(given, tuple) and len(given) == 1 else given
        if isinstance(field, bytes) and len(field) < _SHORT:  # as nearly all are
            small.append(_LENGTHS[len(field)])
            small.append(field)
            continue
        parts = (field,) if isinstance(field, bytes | memoryview | Upload) else field
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


def is_ours(error: OSError) -> bool:
    """Tell whether the system reported an error about a socket, or the handler of a signal did."""
    return error.errno is not None


def look_up(sock: socket.socket, seconds: float) -> None:
    """Let a blocking socket return every so many seconds, empty-handed."""
    sock.settimeout(None)
    if sys.platform != "win32":  # there only the connection's end can end a wait
        tick = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, tick)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, tick)


class Item(NamedTuple):
    """One of several values in a reply."""

    descriptor: int
    lease: int
    attempt: int
    payload: bytes | bytearray


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


_DONE: Final = Answer(0, "")


class Exchange:
    """What is known of a request that was, or is being, sent, and of its reply.

    Attributes:
        fields: of the request.
        removes: success takes values away from the server.
        reader: the one of the functions for reading that fits the reply. It is not bound: that
            would make a cycle, and buffers in cycles outlive their use and cannot be released.
        answer: the reply, once it is complete.
        undo: an exchange that undoes this one, if that takes one.
    """

    reader: Callable[[Exchange], Answer]
    answer: Answer | None = None
    undo: Exchange | None = None
    _unwanted = False
    _waited = 0.0

    def __init__(
        self,
        sock: socket.socket,
        dialect: Dialect,
        fields: Sequence[Field],
        patience: Patience,
        *,
        removes: bool = False,
        wait: float | None = 0.0,
        into: BinaryIO | None = None,
    ) -> None:
        """Prepare an exchange.

        Args:
            sock: the connection, to which `look_up` was applied.
            dialect: what is spoken there.
            fields: of the request.
            patience: with the server.
            removes: success takes values away from the server.
            wait: seconds that the server may wait before it answers; None for any time.
            into: file that is given the payload.
        """
        self.fields = fields
        self.removes = removes
        self._socket = sock
        self._dialect = dialect
        self._patience = patience
        self._limit = None if wait is None else wait + patience.answer
        self._into = into
        self._request = frame(fields)
        self._size = sum(map(len, self._request))
        self._sent: list[int] = []  # what each call took
        self._pieces: list[bytes] = []  # what came, but for large payloads
        # Of large payloads, by their number in the reply: how much came, and where they are.
        self._received: defaultdict[int, list[int]] = defaultdict(list)
        self._places: dict[int, bytearray | io.BytesIO] = {}

    # Sending

    @property
    def unsent(self) -> bool:
        """Whether the server knows nothing of it."""
        return not self._sent

    @property
    def half_sent(self) -> bool:
        """Whether the server has a part of the request only."""
        return bool(self._sent) and sum(self._sent) < self._size

    @property
    def begun(self) -> bool:
        """Whether something of the reply has come."""
        return bool(self._pieces)

    def send(self, flags: int = 0) -> None:
        """Send what was not sent yet of the request and of the notes behind it."""
        if len(self._request) == 1 and not self._sent:
            (piece,) = self._request
            if isinstance(piece, bytes):
                self._send_all(piece, 0, flags)
                return
        begin, done = 0, sum(self._sent)
        for piece in self._request:
            end = begin + len(piece)
            if end > done:
                if isinstance(piece, Upload):
                    for block in piece.blocks():
                        self._send_all(block, 0, flags)
                else:
                    self._send_all(piece, max(0, done - begin), flags)
            begin = end

    def say(self, note: bytes, flags: int = 0) -> None:
        """Send a note behind the request, unless that was done. There is no reply to it."""
        first = len(self._request) == 1
        if note not in self._request:
            self._request.append(note)
            if first:  # the request itself was sent, as a whole
                self._send_all(note, 0, flags)
                return
        self.send(flags)

    def _send_all(self, data: bytes | memoryview, done: int, flags: int) -> None:
        while done < len(data):
            rest = memoryview(data)[done:] if done else data
            try:
                self._sent.extend(map(self._socket.send, (rest,), (flags,)))
            except OSError as error:
                self._look_up(error, self._patience.answer)
            else:
                done += self._sent[-1]
                self._waited = 0.0

    # Reading. Each of these may be called again after an exception.

    def hurry(self) -> None:
        """Nobody wants a payload any more: drop what comes, and do not wait long for it."""
        self._unwanted = True
        self._into = None
        self._limit = self._patience.recovery
        self._waited = 0.0

    def read(self) -> Answer:
        """Read the reply."""
        return self.reader(self)

    def read_short(self) -> Answer:
        """Read a reply that is a status."""
        reason, data, at = self._head(4)
        self._expect_end(data, at + 4)
        status = _int(data[at : at + 4])
        return Answer(status, reason) if status else _DONE

    def read_long(self) -> Answer:
        """Read a reply with a payload."""
        cookie = self._dialect.cookie
        reason, data, at = self._head(84 if cookie else 44)
        status = _usual(data[at : at + 4])
        descriptor = _usual(data[at + 4 : at + 24])
        variable_id, index = b"", 0
        if cookie:
            variable_id = data[at + 24 : at + 44]
            index = _int(data[at + 44 : at + 64])
            at += 40
        size = _length(data[at + 24 : at + 44])
        at += 44
        payload: bytes | bytearray = b""
        if self._into is not None or self._unwanted:
            self._pour(data[at:], size)
        elif size > _LARGE:
            payload, _ = self._receive_in_place(0, data[at:], size, descriptor)
        else:
            if len(data) < at + size:
                data = self._need(at + size)
            payload = _cut(data, at, at + size)
            self._expect_end(data, at + size)
        return Answer(status, reason, descriptor, variable_id, index, payload, size)

    def read_many(self) -> Answer:
        """Read a reply with several values."""
        reason, data, at = self._head(8)
        status = _int(data[at : at + 4])
        count = _int(data[at + 4 : at + 8])
        at += 8
        items = []
        for number in range(count):
            if self._dialect.metadata_out:
                _, at = self._dict(at)
            if len(data) < at + 64:
                data = self._need(at + 64)
            descriptor = _usual(data[at : at + 20])
            lease = _int(data[at + 20 : at + 40])
            attempt = _usual(data[at + 40 : at + 44])
            size = _length(data[at + 44 : at + 64])
            at += 64
            # Once it has a place, ``data`` goes on behind it, however long it looks.
            if number in self._places or (size > _LARGE and len(data) < at + size):
                payload, begun = self._receive_in_place(number, data[at:], size, descriptor)
                at += begun
            else:
                if len(data) < at + size:
                    data = self._need(at + size)
                payload = _cut(data, at, at + size)
                at += size
            items.append(Item(descriptor, lease, attempt, payload))
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
        if data.startswith(b"0000", at):
            return "", at + 4
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
        have = sum(map(len, pieces)) if pieces else 0
        while have < size:
            wanted = _BUFFER if size - have < _BUFFER else min(size - have, _BLOCK)
            try:
                pieces.extend(map(self._socket.recv, (wanted,)))
            except OSError as error:
                self._look_up(error, self._patience.answer if have else self._limit)
                continue
            have += self._check(len(pieces[-1]))
        if len(pieces) > 1:
            pieces[:] = [b"".join(pieces)]
        return pieces[0]

    def _receive_in_place(
        self, number: int, begun: bytes, size: int, descriptor: int
    ) -> tuple[bytes | bytearray, int]:
        """Receive a large payload where it will stay: bytes in bytes, a pickle in a bytearray.

        Args:
            number: of the payload in this reply.
            begun: what came of it together with what is before it. After an exception there may be
                something else behind that.
            size: of the payload.
            descriptor: of the payload.

        Returns:
            The payload, and how much of it came with what is before it.
        """
        if self._unwanted:
            self._expect_little(size - sum(self._received[number]))
        place = self._places.get(number)
        if place is None:
            # A BytesIO takes over the bytes that it is given, and gives them back.
            place = io.BytesIO(bytes(size)) if is_direct(descriptor) else bytearray(size)
            self._places[number] = place
        received = self._received[number]
        if isinstance(place, bytearray):
            self._fill(memoryview(place), begun, received)
            return place, received[0]
        self._fill(place.getbuffer(), begun, received)
        return place.getvalue(), received[0]

    def _fill(self, view: memoryview, begun: bytes, received: list[int]) -> None:
        with view:
            if not received:
                view[: len(begun)] = begun
                received.append(len(begun))
            while (done := sum(received)) < len(view):
                self._receive_into(view[done:], received)

    def _pour(self, begun: bytes, size: int) -> None:
        """Receive a payload into the file; without one, what is left of it is dropped."""
        self._expect_end(begun, size)
        received = self._received[0]
        if self._unwanted:
            self._expect_little(size - sum(received))
        if not received:
            received.append(len(begun))
            self._write(memoryview(begun))
        with memoryview(bytearray(min(size, _BLOCK))) as view:
            while (rest := size - sum(received)) > 0:
                self._receive_into(view[: min(rest, _BLOCK)], received)
                self._write(view[: received[-1]])

    def _expect_little(self, size: int) -> None:
        if size > _WORTH_READING:
            raise NwsConnectionDroppedException(f"{size} bytes are too many to read for nothing")

    def _write(self, data: memoryview) -> None:
        """Write to the file; a raw one may take only a part at a time."""
        while self._into is not None and data:
            data = data[self._into.write(data) or len(data) :]

    def _receive_into(self, view: memoryview, received: list[int]) -> None:
        """Fill a part of a block, and count it."""
        while True:
            try:
                received.extend(map(self._socket.recv_into, (view,), (0,), (_ALL,)))
            except OSError as error:
                self._look_up(error, self._patience.answer)
                continue
            self._check(received[-1])
            return

    def _check(self, came: int) -> int:
        if not came:
            raise NwsConnectionDroppedException("the server closed the connection")
        self._waited = 0.0
        return came

    def _look_up(self, error: OSError, limit: float | None) -> None:
        """Nothing could be sent or received: try again, or give up after ``limit`` seconds."""
        if not is_ours(error):
            raise error
        if not isinstance(error, BlockingIOError):
            raise NwsConnectionDroppedException(str(error)) from error
        self._waited += self._patience.tick
        if limit is not None and self._waited >= limit:
            raise NwsConnectionDroppedException(f"no answer for {self._waited:.0f} seconds")


def _cut(data: bytes, begin: int, end: int) -> bytes | bytearray:
    """Copy a payload out; a longer one so that arrays in it can live there, writable."""
    if end - begin < _BUFFER:
        return data[begin:end]
    with memoryview(data) as view:
        return bytearray(view[begin:end])


@lru_cache(maxsize=1024)
def _usual(field: bytes) -> int:
    """Read a number that most likely was read before, such as a status or a length."""
    return _int(field)


def _int(field: bytes) -> int:
    if not field.isdigit():
        raise NwsProtocolException(f"expected a number, got {field[:20]!r}")
    return int(field)


def _length(field: bytes) -> int:
    length = _usual(field)
    if length > _LONGEST:
        raise NwsProtocolException(f"a payload of {length} bytes was announced")
    return length

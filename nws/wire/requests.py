"""Requests: how a client frames them, and how a server reads them, without any I/O.

A request is a group of fields: a four-digit count, then for each field its length in twenty digits
and its bytes. Where the dialect says so, a dict goes before it: the same shape, with four-digit
lengths. A number may be padded with blanks: the R client pads so.

`RequestDecoder` reads that stream. Whatever is complete in a piece of input is sliced straight out
of it; of an incomplete request it keeps the fields that it has, and the unfinished field in a
*sink*. So each byte is touched a bounded number of times however the stream is cut, and a long
value goes to a file while it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, TypeAlias

from nws.errors import NwsProtocolException
from nws.wire.dialect import MAX_DICT_ENTRIES, Dialect, encode_dict, number
from nws.wire.operations import EXTENDED_OPERATIONS, MAX_BATCH_FIELDS, MAX_FIELDS

__all__ = [
    "MAX_NAME_BYTES",
    "Field",
    "LongBody",
    "Part",
    "RefusedBody",
    "Request",
    "RequestDecoder",
    "Sink",
    "encode_request",
    "frame_request",
    "framed_again",
]

MAX_NAME_BYTES: Final = 64 * 1024
"""Of any field that is not a value; the original has no limit. Longer ones are mistakes or
attacks."""

_SEPARATE_BYTES: Final = 64 * 1024
"""Longer parts of a request are sent from where they are; shorter ones are copied together."""

_MIN_PIECE_BYTES: Final = 16 * 1024
"""Smaller pieces of a long field are put together at once: they may lie in memory that was taken
for much more."""

_MAX_FRAMED: Final = 64

_COMMON_COUNT: Final = 256
_COMMON_COUNTS: Final = [b"%04d" % count for count in range(_COMMON_COUNT)]
_COMMON_LENGTHS: Final = [b"%020d" % size for size in range(_COMMON_COUNT)]
"""Counts of few fields, and lengths of short ones, ready to be sent."""
_COMMON_SIZES: Final = {length: size for size, length in enumerate(_COMMON_LENGTHS)}
"""To look one up takes half as long as to read it."""
_NO_SIZES: Final[dict[bytes, int]] = {}


class LongBody(Protocol):
    """A value that is not held in memory: all that the protocol needs of it is its length."""

    def __len__(self) -> int: ...


Part: TypeAlias = "bytes | memoryview"
Field: TypeAlias = "bytes | LongBody | list[Part] | tuple[Part, ...]"
"""One field of a request; a long one may be in several parts, or not in memory."""

_IN_MEMORY: Final = (bytes, memoryview)


def frame_request(fields: Sequence[Field]) -> list[Part | LongBody]:
    """Frame a request (the operation's name is the first field): the parts to send, in order.

    Short fields are joined. Long ones, and those that are not in memory, are parts by themselves.

    Raises:
        ValueError: there are more fields than a request can have.
    """
    if len(fields) > MAX_BATCH_FIELDS:  # the server would hang up
        raise ValueError(
            f"this takes {len(fields):,} fields, and a request can have at most "
            f"{MAX_BATCH_FIELDS:,}: do less at once"
        )
    count = len(fields)
    small = [_COMMON_COUNTS[count] if count < _COMMON_COUNT else b"%04d" % count]
    parts: list[Part | LongBody] = []
    for field in fields:
        if field.__class__ is tuple and len(field) == 1:
            field = field[0]  # noqa: PLW2901 - as most values are
        if field.__class__ is bytes:
            size = len(field)
            if size < _COMMON_COUNT:  # as nearly all are
                small.append(_COMMON_LENGTHS[size])
                small.append(field)
                continue
        pieces = field if isinstance(field, (list, tuple)) else (field,)
        small.append(b"%020d" % sum(map(len, pieces)))
        for piece in pieces:
            if isinstance(piece, _IN_MEMORY) and len(piece) < _SEPARATE_BYTES:
                small.append(bytes(piece))
            else:
                parts += (b"".join(small), piece)
                small = []
    if small:
        parts.append(b"".join(small))
    return parts


@lru_cache(maxsize=_MAX_FRAMED)
def framed_again(fields: tuple[bytes, ...]) -> list[Part | LongBody]:
    """Do `frame_request` for a short request that is sent again and again."""
    return frame_request(fields)


def encode_request(fields: Sequence[bytes]) -> bytes:
    """Frame a request whose fields are all in memory."""
    parts = [b"%04d" % len(fields)]
    for field in fields:
        parts.append(b"%020d" % len(field))
        parts.append(field)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class RefusedBody:
    """Stands for a value whose bytes were dropped as they arrived.

    The request around it is complete and must be answered with a failure that gives ``reason``.
    """

    reason: str

    def __len__(self) -> int:
        return 0


class Sink(Protocol):
    """Where the bytes of one unfinished field go."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes. May not raise: a sink that fails remembers why for `finish`."""

    def finish(self) -> bytes | LongBody:
        """Return the field; called once, when all its bytes were written."""

    def abandon(self) -> None:
        """Drop what was written; the rest will not come."""


class _MemorySink:
    """Grows as the bytes come, so a peer must send what it announces before we hold it."""

    def __init__(self) -> None:
        self._pieces: list[bytes | bytearray] = []

    def write(self, data: bytes, /) -> None:
        pieces = self._pieces
        if len(data) >= _MIN_PIECE_BYTES:
            pieces.append(data)
        elif pieces and isinstance(pieces[-1], bytearray):
            pieces[-1] += data  # by themselves, tiny pieces would take many times their size
        else:
            pieces.append(bytearray(data))

    def finish(self) -> bytes:
        return b"".join(self._pieces)

    def abandon(self) -> None:
        self._pieces.clear()


class _DroppingSink:
    """Takes a field that is refused, so that the connection can go on behind it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def write(self, data: bytes, /) -> None:
        pass

    def finish(self) -> RefusedBody:
        return RefusedBody(self._reason)

    def abandon(self) -> None:
        pass


Request: TypeAlias = tuple[list[Any], bytes]
"""The fields of a request (bytes; a value may be a `LongBody`) and its metadata, framed, or
empty."""


class RequestDecoder:
    """Turns a stream of bytes into requests, in time linear in its length.

    However the stream is cut, the requests are the same. After bytes that are not the protocol,
    ``error`` says why and the decoder takes nothing more; requests before them are still returned.

    Attributes:
        error: None, or what made the stream unreadable.
        missing: bytes that a field still waits for of which a part has come.
    """

    def __init__(
        self,
        dialect: Dialect,
        *,
        open_spool: Callable[[int], Sink] | None = None,
        spool_threshold: int = 16 * 1024 * 1024,
        max_value: int = 2**63 - 1,
    ) -> None:
        """Read requests of one dialect.

        Args:
            dialect: outcome of the handshake.
            open_spool: called with the length of each value of at least ``spool_threshold`` bytes,
                and of those for which a request has no room in memory; None keeps all values there.
            spool_threshold: in bytes. One request may hold this much, and a mebibyte, in memory;
                twice as much for the moment in which a field is put together.
            max_value: longest value accepted, in bytes. A longer one becomes a `RefusedBody`.
        """
        self.error: NwsProtocolException | None = None
        self._open_spool = open_spool
        self._spool_threshold = spool_threshold
        self._max_value = max_value
        self._max_held = max(spool_threshold, MAX_NAME_BYTES) + 1024 * 1024
        self._max_fields = MAX_BATCH_FIELDS if dialect.extensions else MAX_FIELDS
        self._plain_size = min(MAX_NAME_BYTES, spool_threshold - 1, max_value)
        self._has_metadata = dialect.metadata_in
        self._in_dict = dialect.metadata_in  # else in the request proper
        self._metadata = b""
        self._fields: list[Any] = []
        self._in_group = False  # else the count of the next group comes first
        self._left = 0  # fields of the group still to come
        self._counted = 0  # fields whose size is part of _held
        self._held = 0
        self._tail = b""  # the beginning of a number
        self._sink: Sink | None = None
        self.missing = 0

    @property
    def unfinished(self) -> bool:
        """Whether a part of a request has come."""
        return self._in_group or self._in_dict != self._has_metadata or bool(self._tail)

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes, return the requests that they complete."""
        requests: list[Request] = []
        if self.error is None:
            try:
                self._parse(data, requests)
            except NwsProtocolException as error:
                self.error = error.with_traceback(None)  # which would keep what was read
                self.abandon()
        return requests

    def abandon(self) -> None:
        """Give up the unfinished request: the connection has ended."""
        if self._sink is not None:
            self._sink.abandon()
            self._sink = None
        self._fields = []
        self._tail = b""

    def _parse(self, data: bytes, requests: list[Request]) -> None:
        position = 0
        if self._sink is not None:
            position = self._fill_sink(data, 0)
            if self.missing:
                return
            self._left -= 1
        elif self._tail:
            data = self._tail + data
            self._tail = b""
        # What began and ended in this piece holds no more than the piece.
        may_hold_much = self._in_group or len(data) > self._max_held
        while True:
            if not self._in_group:
                start = position + 4
                count = data[position:start]
                if len(count) < 4:
                    self._tail = count
                    return
                self._begin_group(int(count) if count.isdigit() else number(count))
                position = start
            position = self._read_fields(data, position)
            if self._left or may_hold_much:
                self._count_held()
            if self._left:
                return
            self._end_group(requests)
            may_hold_much = len(data) > self._max_held

    def _begin_group(self, count: int) -> None:
        if self._in_dict:
            if count > MAX_DICT_ENTRIES:
                raise NwsProtocolException(
                    f"a dict of {count} entries (at most {MAX_DICT_ENTRIES})"
                )
            self._left = 2 * count
        elif 0 < count <= self._max_fields:
            self._left = count
        else:
            raise NwsProtocolException(f"a request of {count} fields (1 to {self._max_fields})")
        self._in_group = True
        self._counted = self._held = 0

    def _end_group(self, requests: list[Request]) -> None:
        if self._in_dict:
            texts = self._fields
            self._metadata = encode_dict(dict(zip(texts[::2], texts[1::2], strict=True)))
        else:
            requests.append((self._fields, self._metadata))
        self._fields = []
        self._in_group = False
        self._in_dict = self._has_metadata and not self._in_dict

    def _read_fields(self, data: bytes, position: int) -> int:
        """Slice out fields until the group or the data ends; return the new position."""
        width, common = (4, _NO_SIZES) if self._in_dict else (20, _COMMON_SIZES)
        plain_size = self._plain_size
        fields = self._fields
        left = self._left
        end = len(data)
        while left:
            start = position + width
            length = data[position:start]
            size = common.get(length)
            if size is None:
                if start > end:
                    self._tail = length
                    break
                size = int(length) if length.isdigit() else number(length)
            position = start + size
            if position <= end and size <= plain_size:
                fields.append(data[start:position])
            else:
                self._open_sink(size)
                position = start + self._fill_sink(data, start)
                if self.missing:
                    break
            left -= 1
        self._left = left
        return position

    def _open_sink(self, size: int) -> None:
        """Choose where a field goes that is long or not all here."""
        self.missing = size
        if size <= self._plain_size or self._in_dict:
            self._sink = _MemorySink()
            return
        if not self._is_value(len(self._fields)):
            if size > MAX_NAME_BYTES:
                raise NwsProtocolException(f"a name of {size} bytes (at most {MAX_NAME_BYTES})")
            self._sink = _MemorySink()
        elif size > self._max_value:
            self._sink = _DroppingSink(
                f"a value of {size} bytes is over the limit of {self._max_value}"
            )
        elif size >= self._spool_threshold and self._open_spool is not None:
            self._sink = self._open_spool(size)
        else:
            self._sink = _MemorySink()

    def _is_value(self, place: int) -> bool:
        """Tell whether the field at this place is a value."""
        operation = EXTENDED_OPERATIONS.get(self._fields[0]) if self._fields else None
        if operation is None or not operation.first_value:
            return False
        behind = place - operation.first_value
        return behind >= 0 and behind % operation.value_step == 0

    def _fill_sink(self, data: bytes, start: int) -> int:
        """Write what belongs to the open sink and close it when full; return the bytes used."""
        sink = self._sink
        assert sink is not None
        piece = data[start : start + self.missing]
        sink.write(piece)
        self.missing -= len(piece)
        if not self.missing:
            self._fields.append(sink.finish())
            self._sink = None
        return len(piece)

    def _count_held(self) -> None:
        """Bound what one request keeps in memory: values beyond that are the spool's business."""
        fields, open_spool = self._fields, self._open_spool
        for place in range(self._counted, len(fields)):
            field = fields[place]
            if field.__class__ is not bytes or len(field) >= self._spool_threshold:
                continue
            too_much = self._held + len(field) > self._max_held
            if too_much and open_spool is not None and self._is_value(place):
                sink = open_spool(len(field))
                sink.write(field)
                fields[place] = sink.finish()
            else:
                self._held += len(field)
        self._counted = len(fields)
        if self._held > self._max_held:
            raise NwsProtocolException(f"a request of more than {self._max_held} bytes in memory")

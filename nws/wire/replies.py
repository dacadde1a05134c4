"""Replies: how a server forms them, and how a client reads them, without any I/O.

There are four forms (see `nws.wire.operations.Form` and docs/protocol.md, section 4). Which one a
request gets depends on its operation, so a decoder is made for each request.

`ReplyDecoder` says where the next bytes belong. Small ones it takes in any pieces; for a large
payload it hands out the memory in which the payload will stay, so that a blocking client receives
straight into it. Its state changes in single assignments only. So a client that was interrupted
between any two byte codes, as by the handler of a signal, just calls `ReplyDecoder.decode` again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from nws.errors import NwsProtocolException, Status
from nws.wire.dialect import BLANK_ID, REASON, Dialect, encode_dict, parse_dict
from nws.wire.operations import Form
from nws.wire.payloads import PayloadInPlace, PayloadSink, PayloadStream

__all__ = ["Answer", "Item", "ReplyDecoder", "ReplyEncoder"]

_IN_PLACE_BYTES: Final = 256 * 1024
"""Longer payloads are received where they stay, unless they are there already."""

_WRITABLE_BYTES: Final = 64 * 1024
"""Longer payloads are copied into a bytearray, so that arrays in them can live there, writable."""

_MAX_PAYLOAD_BYTES: Final = 2**47
"""No machine can hold more, so a longer one is not a length."""


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
    """Length of the payload, also when it went to a sink."""
    items: Sequence[Item] = ()
    place: int = 0
    """Which of the variables of the request they come from."""


_SHORT_OK: Final = b"00000000"
"""With an empty dict before the status."""
_LONG_HEAD: Final = Struct("4s20s20s20s20s").unpack_from
"""Status, descriptor, id of the variable, index of the value, size: what is before a payload."""
_ORIGINAL_HEAD: Final = Struct("4s20s20s").unpack_from
"""Status, descriptor, size: the same without a cookie."""
_ITEM_HEAD: Final = Struct("20s20s4s20s").unpack_from
"""Descriptor, lease, attempt, size."""
_DONE: Final = Answer(Status.OK, "")


class _Progress(NamedTuple):
    """How far a decoder is in a reply whose beginning it has done with."""

    status: int
    reason: str
    total: int
    """Values in the reply."""
    done: int
    """Those that are complete."""
    pieces: list[bytes]
    """What came behind those."""
    head: Answer | Item | None = None
    """The one whose payload is under way, without it."""
    payload: PayloadInPlace | PayloadStream | None = None


class ReplyDecoder:
    """Reads one reply, in time linear in its length. However it is cut, the answer is the same.

    `feed` takes bytes from wherever they are. To receive from a socket without a copy, call
    `decode` and, as long as it returns None:

    - if ``in_place``, receive into `buffer` and append the number of bytes to ``filled``;
    - else receive at least ``lacking`` bytes and append them to ``pieces``.

    After an exception at any moment, `decode` comes first.

    Attributes:
        pieces: what came, but for what was received into a buffer.
        lacking: how many bytes are needed at least before `decode` can get any further.
        in_place: whether the next bytes are those of a large payload, which has memory of its own.
        filled: how much of that came at a time.
        rest: what came behind the reply.
    """

    in_place = False
    filled: list[int]
    lacking = 1
    rest = b""
    _dropping = False
    _place = 0
    _items: list[Item]
    _progress: _Progress | None = None

    def __init__(self, form: int, dialect: Dialect, sink: PayloadSink | None = None) -> None:
        """Read a reply.

        Args:
            form: of the reply; one of those of `Form` but for NONE.
            dialect: what the server speaks.
            sink: takes the payload of a long reply piece by piece, in place of the answer.
        """
        self._form = form
        self._dialect = dialect
        self._sink = sink
        self.pieces: list[bytes] = []

    @property
    def begun(self) -> bool:
        """Whether something of the reply has come."""
        return self._progress is not None or any(self.pieces)

    @property
    def missing(self) -> int:
        """How many bytes a large payload still waits for."""
        payload = self._progress.payload if self._progress is not None else None
        return 0 if payload is None else payload.size - sum(payload.filled)

    def drop(self) -> None:
        """Read the reply to its end, but keep nothing large of it and pass nothing to the sink."""
        self._dropping = True
        self._sink = None
        if self._progress is not None and self._progress.payload is not None:
            self._progress.payload.drop()

    def buffer(self) -> memoryview:
        """Return the memory for the next bytes of a large payload. Release it after use: memory
        that is garbage cannot be freed as long as it has views."""
        payload = self._progress.payload if self._progress is not None else None
        assert payload is not None
        return payload.buffer()

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes that came; return the reply if they complete it.

        Raises:
            NwsProtocolException: this is no reply.
        """
        left = memoryview(data)
        while True:
            if self.in_place:
                with self.buffer() as buffer:
                    piece = left[: len(buffer)]
                    buffer[: len(piece)] = piece
                self.filled.append(len(piece))
                left = left[len(piece) :]
            else:
                self.pieces.append(bytes(left))
                self.lacking -= len(left)
                if self.lacking > 0:
                    return None
                left = left[:0]
            answer = self.decode()
            if answer is not None:
                self.rest += bytes(left)
                return answer
            if not left:
                return None

    def decode(self) -> Answer | None:
        """Return the reply if all of it has come.

        Raises:
            NwsProtocolException: this is no reply.
        """
        form = self._form
        if form == Form.LONG:
            return self._decode_long()
        return self._decode_short() if form == Form.SHORT else self._decode_many()

    def _data(self) -> bytes:
        """Return what came, in one piece."""
        pieces = self.pieces
        if len(pieces) != 1:
            pieces[:] = [b"".join(pieces)]
        return pieces[0]

    def _decode_short(self) -> Answer | None:
        data = self._data()
        if data == _SHORT_OK and self._dialect.metadata_out:  # as nearly all are
            return _DONE
        reason, at = self._head(data, 4)
        if at < 0:
            return None
        status = _number(data[at : at + 4])
        self._end(data, at + 4)
        return Answer(status, reason) if status else _DONE

    def _decode_long(self) -> Answer | None:
        if self._progress is not None:
            return self._go_on_long(self._progress)
        data = self._data()
        cookie = self._dialect.cookie
        reason, at = self._head(data, 84 if cookie else 44)
        if at < 0:
            return None
        variable_id, index = b"", 0
        if cookie:
            status_field, kind, variable_id, index_field, size_field = _LONG_HEAD(data, at)
            index = _number(index_field)
            at += 84
        else:
            status_field, kind, size_field = _ORIGINAL_HEAD(data, at)
            at += 44
        status, descriptor = _common_number(status_field), _common_number(kind)
        size = _size(size_field)
        end = at + size
        if self._sink is None and len(data) >= end:
            self._end(data, end)
            payload = _cut(data, at, end)
            return Answer(status, reason, descriptor, variable_id, index, payload, size)
        if self._sink is None and size <= _IN_PLACE_BYTES:
            self.lacking = end - len(data)
            return None
        answer = Answer(status, reason, descriptor, variable_id, index, b"", size)
        self._end(data, end)
        large = self._begin_payload(size, descriptor, data[at:end])
        self._progress = _Progress(status, reason, 1, 0, [], answer, large)
        return self._go_on_long(self._progress)

    def _go_on_long(self, progress: _Progress) -> Answer | None:
        answer, payload = progress.head, progress.payload
        assert isinstance(answer, Answer)
        assert payload is not None
        return None if self._needs_bytes(payload) else answer._replace(payload=payload.finish())

    def _decode_many(self) -> Answer | None:
        if self._progress is not None:
            return self._go_on_many(self._progress)
        data = self.pieces[0] if len(self.pieces) == 1 else self._data()
        width = 12 if self._form == Form.ANY else 8
        reason, at = self._head(data, width)
        if at < 0:
            return None
        self._items = []
        status = _common_number(data[at : at + 4])
        if self._form == Form.ANY:
            self._place = _number(data[at + 8 : at + 12])
        total = _common_number(data[at + 4 : at + 8])
        return self._decode_items(status, reason, total, data, at + width)

    def _go_on_many(self, progress: _Progress) -> Answer | None:
        status, reason, total, done, self.pieces, item, payload = progress
        del self._items[done:]
        if payload is not None:
            if self._needs_bytes(payload):
                return None
            assert isinstance(item, Item)
            self._items.append(item._replace(payload=payload.finish()))
            self._progress = _Progress(status, reason, total, done + 1, self.pieces)
        return self._decode_items(status, reason, total, self._data(), 0)

    def _decode_items(
        self, status: int, reason: str, total: int, data: bytes, at: int
    ) -> Answer | None:
        """Read the items that have come; remember where to go on if those are not all."""
        items = self._items
        metadata = self._dialect.metadata_out
        while len(items) < total:
            begin = at
            if metadata:
                begin = at + 4 if data.startswith(b"0000", at) else parse_dict(data, at)[1]
            needed = -begin if begin < 0 else begin + 64
            if len(data) < needed:
                break
            kind, lease_field, attempt_field, size_field = _ITEM_HEAD(data, begin)
            descriptor, lease = _common_number(kind), _number(lease_field)
            attempt, size = _common_number(attempt_field), _size(size_field)
            end = needed + size
            if len(data) < end:
                if size > _IN_PLACE_BYTES:
                    payload = self._begin_payload(size, descriptor, data[needed:])
                    item = Item(descriptor, lease, attempt, b"")
                    self._progress = _Progress(status, reason, total, len(items), [], item, payload)
                    return self._go_on_many(self._progress)
                needed = end
                break
            cut = data[needed:end] if size < _WRITABLE_BYTES else _cut(data, needed, end)
            items.append(Item(descriptor, lease, attempt, cut))
            at = end
        else:
            if len(data) > at:
                self.rest = data[at:]
            return Answer(status, reason, 0, b"", 0, b"", 0, items, self._place)
        self._progress = _Progress(status, reason, total, len(items), [data[at:]])
        self.pieces = self._progress.pieces
        self.lacking = needed - len(data)
        return None

    def _begin_payload(
        self, size: int, descriptor: int, begun: bytes
    ) -> PayloadInPlace | PayloadStream:
        if self._dropping or self._sink is not None:
            return PayloadStream(size, self._sink, begun)
        return PayloadInPlace(size, descriptor, begun)

    def _needs_bytes(self, payload: PayloadInPlace | PayloadStream) -> bool:
        """Say where the next bytes of a payload belong; false if it is complete."""
        self.in_place = False
        self.filled = payload.filled
        self.in_place = payload.advance()
        return self.in_place

    def _head(self, data: bytes, width: int) -> tuple[str, int]:
        """Read the dict in front of ``width`` bytes; return the reason in it and where it ends, or
        -1 if they have not come yet."""
        reason, at = "", 0
        if self._dialect.metadata_out:
            if data.startswith(b"0000"):
                at = 4
            else:
                entries, at = parse_dict(data, 0)
                if at < 0:
                    self.lacking = -at - len(data)
                    return "", -1
                reason = entries.get(REASON, b"").decode("utf-8", "replace")
        if len(data) < at + width:
            self.lacking = at + width - len(data)
            return "", -1
        return reason, at

    def _end(self, data: bytes, end: int) -> None:
        if len(data) > end:
            self.rest = data[end:]


def _cut(data: bytes, begin: int, end: int) -> bytes | bytearray:
    """Copy a payload out."""
    if end - begin < _WRITABLE_BYTES:
        return data[begin:end]
    with memoryview(data) as view:
        return bytearray(view[begin:end])


def _number(field: bytes) -> int:
    if not field.isdigit():
        raise NwsProtocolException(f"expected a number, got {field[:20]!r}")
    return int(field)


_common_number = lru_cache(maxsize=1024)(_number)
"""For numbers that most likely were read before, such as a status or a length."""


@lru_cache(maxsize=1024)
def _size(field: bytes) -> int:
    size = _number(field)
    if size > _MAX_PAYLOAD_BYTES:
        raise NwsProtocolException(f"a payload of {size} bytes was announced")
    return size


class ReplyEncoder:
    """Forms replies in one dialect. Each method returns the bytes before the payload, if any."""

    __slots__ = ("_cookie", "_dict", "_metadata", "_nothing", "_one", "short_ok")

    def __init__(self, dialect: Dialect) -> None:
        self._cookie = dialect.cookie
        self._metadata = dialect.metadata_out
        self._dict = b"0000" if dialect.metadata_out else b""
        self._one = self._dict + b"00000001"
        self.short_ok = self._dict + b"0000"
        place = BLANK_ID + b"%020d" % 0 if dialect.cookie else b""
        self._nothing = {
            Form.SHORT: b"",
            Form.LONG: b"%020d%b%020d" % (0, place, 0),
            Form.MANY: b"0000",
            Form.ANY: b"00000000",
        }

    def failure(self, form: int, status: int, reason: str) -> bytes:
        """Form a failed reply, which is always complete. The reason goes into the metadata, where
        there is any."""
        head = encode_dict({REASON: reason.encode("utf-8", "replace")}) if self._metadata else b""
        return head + b"%04d" % status + self._nothing[form]

    def value(
        self, descriptor: bytes, variable_id: bytes, index: int, size: int, metadata: bytes
    ) -> bytes:
        """Form the head of a successful get. ``descriptor`` and ``variable_id`` have 20 bytes."""
        head = (metadata or self._dict) if self._metadata else b""
        if self._cookie:
            return b"%b0000%b%b%020d%020d" % (head, descriptor, variable_id, index, size)
        return b"%b0000%b%020d" % (head, descriptor, size)

    def text(self, size: int) -> bytes:
        """Form the head of a listing or a name: descriptor 0, no cookie."""
        if self._cookie:
            return b"%b0000%020d%b%020d%020d" % (self._dict, 0, BLANK_ID, 0, size)
        return b"%b0000%020d%020d" % (self._dict, 0, size)

    def many(self, count: int) -> bytes:
        """Form the head of a reply with several values; `item` comes before each of them."""
        return self._one if count == 1 else b"%b%04d%04d" % (self._dict, Status.OK, count)

    def any(self, count: int, place: int) -> bytes:
        """Form the head of a reply with values from one of several variables, by its place in the
        request; `item` comes before each of them."""
        return b"%b%04d%04d%04d" % (self._dict, Status.OK, count, place)

    def item(
        self, descriptor: bytes, lease: int, attempt: int, size: int, metadata: bytes
    ) -> bytes:
        """Form the head of one of several values; ``lease`` is 0 for a plain take."""
        head = (metadata or self._dict) if self._metadata else b""
        return b"%b%b%020d%04d%020d" % (head, descriptor, lease, attempt, size)

"""Streams of requests for the tests of the decoder, and what must come out of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from hypothesis import strategies as st

from nws.wire.dialect import Dialect
from nws.wire.requests import RefusedBody, Request, RequestDecoder
from tests.support.frames import framed_dict

THRESHOLD: Final = 64
MAX_VALUE: Final = 150


@dataclass
class Spooled:
    """A value that went to a spool, here in memory."""

    data: bytes

    def __len__(self) -> int:
        return len(self.data)


class MemorySpool:
    """Opens sinks as a spool does, and knows which of them are still open."""

    def __init__(self) -> None:
        self.open_sinks = 0

    def open(self, size: int) -> MemorySpoolSink:
        self.open_sinks += 1
        return MemorySpoolSink(self, size)


class MemorySpoolSink:
    def __init__(self, spool: MemorySpool, size: int) -> None:
        self._spool = spool
        self._size = size
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> None:
        self._pieces.append(data)

    def finish(self) -> Spooled:
        self._spool.open_sinks -= 1
        data = b"".join(self._pieces)
        assert len(data) == self._size
        return Spooled(data)

    def abandon(self) -> None:
        self._spool.open_sinks -= 1


@dataclass
class Reader:
    """A decoder with small limits, and all that it returned."""

    dialect: Dialect
    spool: MemorySpool = field(default_factory=MemorySpool)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.decoder = RequestDecoder(
            self.dialect,
            open_spool=self.spool.open,
            spool_threshold=THRESHOLD,
            max_value=MAX_VALUE,
        )

    def feed(self, pieces: Sequence[bytes]) -> Reader:
        for piece in pieces:
            self.requests += self.decoder.feed(piece)
        return self

    @property
    def outcome(self) -> tuple[list[Request], str]:
        """What a reader makes of its input: the requests, and the error or an empty text."""
        error = self.decoder.error
        return self.requests, "" if error is None else str(error)


@dataclass(frozen=True)
class Sent:
    """One request: how it goes over the wire and what must come out."""

    data: bytes
    request: Request


dialects = st.builds(Dialect, metadata_in=st.booleans(), extensions=st.booleans())
names = st.binary(max_size=THRESHOLD + 20)
values = st.integers(0, MAX_VALUE + 30).map(lambda size: bytes(i % 251 for i in range(size)))
_metadata = st.dictionaries(st.binary(max_size=80), st.binary(max_size=80), max_size=3)


def _is_value(operation: bytes, place: int) -> bool:
    return (
        (operation == b"store" and place == 4)
        or (operation == b"store many" and place >= 4 and place % 2 == 0)
        or (operation in (b"settle", b"settle numbered") and place >= 5 and place % 4 == 1)
        or (operation == b"settle and lease" and place >= 10 and place % 4 == 2)
    )


def _arrives_as(value: bytes) -> Any:
    size = len(value)
    if size > MAX_VALUE:
        return RefusedBody(f"a value of {size} bytes is over the limit of {MAX_VALUE}")
    return Spooled(value) if size >= THRESHOLD else value


@st.composite
def paddings(draw: st.DrawFn, value: int, width: int) -> bytes:
    """Write a number as some client may write it."""
    text = b"%d" % value
    kind = draw(st.sampled_from("zlr"))
    if kind == "z":
        return text.zfill(width)
    return text.ljust(width) if kind == "l" else text.rjust(width)


@st.composite
def sent_requests(draw: st.DrawFn, dialect: Dialect) -> Sent:
    """Make a request of a dialect."""
    operation = draw(
        st.sampled_from(
            [
                b"store",
                b"store many",
                b"settle",
                b"settle numbered",
                b"settle and lease",
                b"fetch",
                b"",
                b"%",
            ]
        )
    )
    count = draw(st.integers(0, 20 if dialect.extensions else 15))
    places = range(1, count + 1)
    fields = [draw(values if _is_value(operation, place) else names) for place in places]
    parts = [draw(paddings(1 + count, 4))]
    for each in (operation, *fields):
        parts += [draw(paddings(len(each), 20)), each]
    came = [
        _arrives_as(each) if _is_value(operation, place) else each
        for place, each in zip(places, fields, strict=True)
    ]
    metadata = b""
    if dialect.metadata_in:
        metadata = framed_dict(draw(_metadata))
        parts.insert(0, metadata)
    return Sent(b"".join(parts), ([operation, *came], metadata))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Dialect, list[Sent]]:
    """Make a dialect and some requests in it."""
    dialect = draw(dialects)
    return dialect, draw(st.lists(sent_requests(dialect), max_size=4))


@st.composite
def cuts(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """Cut bytes into pieces, some of them empty."""
    places = sorted(draw(st.lists(st.integers(0, len(data)), max_size=8)))
    edges = [0, *places, len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def single_bytes(data: bytes) -> list[bytes]:
    """Cut bytes as small as can be."""
    return [data[i : i + 1] for i in range(len(data))]

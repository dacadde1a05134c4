"""The decoder of requests: any cutting, any garbage, linear time, bounded memory."""

from __future__ import annotations

import itertools
import sys
import tracemalloc
from typing import Any, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.wire.dialect import Dialect
from nws.wire.operations import MAX_BATCH_FIELDS, MAX_FIELDS
from nws.wire.requests import MAX_NAME_BYTES, RefusedBody, RequestDecoder
from tests.support.frames import framed_dict, request
from tests.wire.streams import (
    THRESHOLD,
    MemorySpool,
    Reader,
    Sent,
    conversations,
    cuts,
    dialects,
    single_bytes,
)

PLAIN = Dialect()
EXTENDED = Dialect(extensions=True)

# Any cutting


@given(conversations(), st.data())
def test_any_cutting_gives_the_same_requests(
    conversation: tuple[Dialect, list[Sent]], data: st.DataObject
) -> None:
    dialect, sent = conversation
    reader = Reader(dialect).feed(data.draw(cuts(b"".join(each.data for each in sent))))
    assert reader.outcome == ([each.request for each in sent], "")
    assert reader.spool.open_sinks == 0


@given(conversations())
def test_byte_by_byte_is_the_same_as_whole(conversation: tuple[Dialect, list[Sent]]) -> None:
    dialect, sent = conversation
    stream = b"".join(each.data for each in sent)
    whole = Reader(dialect).feed([stream])
    assert Reader(dialect).feed(single_bytes(stream)).outcome == whole.outcome


@given(conversations(), st.data())
def test_a_cut_off_request_leaves_nothing_open(
    conversation: tuple[Dialect, list[Sent]], data: st.DataObject
) -> None:
    dialect, sent = conversation
    stream = b"".join(each.data for each in sent)
    reader = Reader(dialect).feed([stream[: data.draw(st.integers(0, len(stream)))]])
    reader.decoder.abandon()
    assert reader.requests == [each.request for each in sent][: len(reader.requests)]
    assert reader.spool.open_sinks == 0


# Any garbage


@given(conversations(), st.binary(min_size=4).filter(lambda text: not text[:4].strip().isdigit()))
def test_garbage_ends_the_stream_behind_the_last_request(
    conversation: tuple[Dialect, list[Sent]], garbage: bytes
) -> None:
    dialect, sent = conversation
    reader = Reader(dialect).feed([b"".join(each.data for each in sent) + garbage])
    assert reader.requests == [each.request for each in sent]
    assert reader.decoder.error is not None
    assert reader.decoder.feed(request("find", "ws", "x")) == []


@given(dialects, st.data())
def test_any_bytes_in_any_cutting_give_the_same_end(dialect: Dialect, data: st.DataObject) -> None:
    stream = data.draw(st.binary(max_size=300) | st.text("0123 \n").map(str.encode))
    whole = Reader(dialect).feed([stream])
    assert Reader(dialect).feed(data.draw(cuts(stream))).outcome == whole.outcome


@given(conversations(), st.data())
def test_damaged_streams_in_any_cutting_give_the_same_end(
    conversation: tuple[Dialect, list[Sent]], data: st.DataObject
) -> None:
    dialect, sent = conversation
    stream = bytearray(b"".join(each.data for each in sent))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream)))
        stream[place : place + 1] = data.draw(
            st.sampled_from([b"", b"9", b" ", b"-", b"\xff", b"00"])
        )
    whole = Reader(dialect).feed([bytes(stream)])
    reader = Reader(dialect).feed(data.draw(cuts(bytes(stream))))
    assert reader.outcome == whole.outcome
    if reader.decoder.error is not None:
        assert reader.spool.open_sinks == 0


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"GET ", "expected a number"),
        (b"-001", "expected a number"),
        (b"    ", "expected a number"),
        (b"0000", "a request of 0 fields"),
        (b"0001" + b"-" + 19 * b"0", "expected a number"),
        (b"0001" + 20 * b" ", "expected a number"),
        (b"0001" + b"%020d" % (MAX_NAME_BYTES + 1), "a name of 65537 bytes"),
        (b"0001" + 20 * b"9", "a name of 99999999999999999999 bytes"),
        (b"%04d" % (MAX_FIELDS + 1), "a request of 17 fields"),
        (b"9999", "a request of 9999 fields"),
    ],
)
def test_what_is_not_a_request_is_refused_at_once(stream: bytes, error: str) -> None:
    whole = Reader(PLAIN).feed([stream])
    assert whole.requests == []
    assert error in str(whole.decoder.error)
    assert Reader(PLAIN).feed(single_bytes(stream)).outcome == whole.outcome


@pytest.mark.parametrize("stream", [b"0065", b"x001", b"0001-001", b"00010001n000y"])
def test_what_is_not_a_dict_is_refused_at_once(stream: bytes) -> None:
    dialect = Dialect(metadata_in=True)
    whole = Reader(dialect).feed([stream])
    assert whole.decoder.error is not None
    assert Reader(dialect).feed(single_bytes(stream)).outcome == whole.outcome


def test_the_longest_dict_is_accepted() -> None:
    metadata = framed_dict({b"%02d" % n + 9997 * b"n": 9999 * b"v" for n in range(64)})
    decoder = RequestDecoder(Dialect(metadata_in=True))
    stream = metadata + request("find", "ws", "x")
    pieces = [stream[n : n + 60_000] for n in range(0, len(stream), 60_000)]
    requests = [each for piece in pieces for each in decoder.feed(piece)]
    assert requests == [([b"find", b"ws", b"x"], metadata)]


def test_an_entry_that_comes_twice_counts_once() -> None:
    twice = b"0002" + b"0001k0001v" + b"0001k0001w"
    reader = Reader(Dialect(metadata_in=True)).feed([twice + request("find")])
    assert reader.requests == [([b"find"], framed_dict({b"k": b"w"}))]


# Limits


def test_names_have_a_limit_and_values_have_not() -> None:
    name = MAX_NAME_BYTES * b"n"
    decoder = RequestDecoder(PLAIN)
    assert decoder.feed(request("find", name)) == [([b"find", name], b"")]
    value = 3 * MAX_NAME_BYTES * b"v"
    assert decoder.feed(request("store", "", "", "0", value))[0][0][4] == value
    assert decoder.feed(request("store", "", "", name + b"n", value)) == []
    assert decoder.error is not None


def test_a_batch_may_have_as_many_fields_as_the_count_can_say() -> None:
    fields = [b"store many", *((MAX_BATCH_FIELDS - 1) * [b"v"])]
    assert RequestDecoder(EXTENDED).feed(request(*fields)) == [(fields, b"")]
    assert RequestDecoder(PLAIN).feed(request(*fields)) == []


def test_a_value_over_the_limit_is_dropped_as_it_arrives() -> None:
    decoder = RequestDecoder(PLAIN, max_value=1000)
    stream = request("store", "ws", "x", "0", 1001 * b"v") + request("store", "ws", "x", "0", "v")
    refused, stored = decoder.feed(stream)
    assert refused[0][4] == RefusedBody("a value of 1001 bytes is over the limit of 1000")
    assert stored[0][4] == b"v"


def batch(sizes: list[int]) -> bytes:
    """Form a request with values of these sizes."""
    fields = [b"store many", b"ws", b"x"]
    for size in sizes:
        fields += [b"0", size * b"v"]
    return request(*fields)


@pytest.mark.parametrize("piece", [40_000, 70_000, 10_000_000])
@pytest.mark.parametrize(
    ("sizes", "accepted"),
    [
        # The limit: 64 KiB, since the threshold is less, and one MiB.
        (18 * [60_000], True),
        (19 * [60_000], False),
        ([*(18 * [60_000]), 34_080], True),  # with the other fields exactly the limit
        ([*(18 * [60_000]), 34_081], False),
        ([*(19 * [60_000]), *(50 * [1])], False),
    ],
)
def test_what_one_request_holds_is_bounded(piece: int, sizes: list[int], accepted: bool) -> None:
    """The bound is the same however the request is cut: here in pieces of some size."""
    overhead = len("store many") + len("ws") + len("x") + len(sizes)
    assert accepted == (sum(sizes) + overhead <= 64 * 1024 + 1024 * 1024)
    decoder = RequestDecoder(EXTENDED, spool_threshold=60_001)
    stream = batch(sizes)
    requests = []
    for start in range(0, len(stream), piece):
        requests += decoder.feed(stream[start : start + piece])
    assert (len(requests), decoder.error is None) == (accepted, accepted)


@pytest.mark.parametrize("piece", [1000, 40_000, 10_000_000])
@pytest.mark.parametrize("sizes", [19 * [60_000], 3 * [900_000], 500 * [5000], [5, *(9 * [10**6])]])
def test_what_has_no_room_in_a_request_goes_to_the_spool(piece: int, sizes: list[int]) -> None:
    limit = 64 * 1024 + 1024 * 1024
    spool = MemorySpool()
    decoder = RequestDecoder(EXTENDED, open_spool=spool.open, spool_threshold=1_000_001)
    limit += 1_000_001 - 64 * 1024
    stream = batch(sizes) + batch(sizes)
    requests = []
    for start in range(0, len(stream), piece):
        requests += decoder.feed(stream[start : start + piece])
    assert decoder.error is None
    assert spool.open_sinks == 0
    for fields, _ in requests:
        values = fields[4::2]
        assert [len(value) for value in values] == sizes
        assert sum(len(value) for value in values if isinstance(value, bytes)) <= limit
        assert all(isinstance(value, bytes) for value in values) == (sum(sizes) < limit - 1100)
        for value in values:
            assert (value if isinstance(value, bytes) else value.data) == len(value) * b"v"
    assert len(requests) == 2


@pytest.mark.parametrize("piece", [100_000, 10_000_000])
def test_without_a_spool_long_values_stay_in_memory(piece: int) -> None:
    stream = request("store", "ws", "x", "0", 2_000_000 * b"v")
    decoder = RequestDecoder(PLAIN, spool_threshold=1000)
    requests = []
    for start in range(0, len(stream), piece):
        requests += decoder.feed(stream[start : start + piece])
    assert [len(fields[4]) for fields, _ in requests] == [2_000_000]


def test_what_was_announced_is_not_held_before_it_comes() -> None:
    """Else a few bytes could make the server ask for all the memory that there is."""
    decoder = RequestDecoder(PLAIN)
    size = 2**62
    assert decoder.feed(b"0005" + request("store", "", "", "0")[4:] + b"%020d" % size) == []
    assert decoder.feed(b"some") == []
    assert decoder.error is None


@pytest.mark.parametrize("sizes", [[2], [20_000, 3], [10, 16_384, 1, 16_383]])
def test_small_pieces_take_no_more_memory_than_large_ones(sizes: list[int]) -> None:
    """The pieces of a field that has not come as a whole, of these sizes in turn."""
    decoder, total = RequestDecoder(PLAIN), 100_000
    value = bytes(range(250)) * (total // 250)
    decoder.feed(request("store", "", "", "0", value)[:-total])
    requests, done = [], 0
    tracemalloc.start()
    try:
        for size in itertools.cycle(sizes):
            held = tracemalloc.get_traced_memory()[0]
            assert held < 1.2 * done + 10_000
            requests += decoder.feed(value[done : done + size])
            done += size
            if done >= total:
                break
    finally:
        tracemalloc.stop()
    assert requests[0][0][4] == value


# Linear time, by counting


class Counted(bytes):
    """Bytes that count how many bytes are copied out of them or behind others."""

    copied = 0

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, bytes):
            Counted.copied += len(found)
        return found

    def __radd__(self, other: bytes) -> Counted:
        Counted.copied += len(other) + len(self)
        return Counted(bytes(other) + bytes(self))


def bytes_copied(stream: bytes, piece: int) -> int:
    """Count the bytes that a decoder copies to read a stream in pieces of a size."""
    decoder = RequestDecoder(EXTENDED, spool_threshold=10**9)
    Counted.copied = 0
    for start in range(0, len(stream), piece):
        decoder.feed(Counted(stream[start : start + piece]))
    assert decoder.error is None
    return Counted.copied


SMALL = 500 * request("store", "ws", "some name", "0", "v")
LONG_FIELD = request("store", "ws", "some name", "0", 30_000 * b"v")
MANY_FIELDS = request("store many", "ws", "x", *(1000 * ["0", "value"]))


@pytest.mark.parametrize("piece", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("stream", [SMALL, LONG_FIELD, MANY_FIELDS], ids=["small", "long", "many"])
def test_each_byte_is_copied_a_bounded_number_of_times(stream: bytes, piece: int) -> None:
    # Once as a field and once as a number or behind a tail; a tail has less than twenty bytes.
    pieces = -(-len(stream) // piece)
    assert bytes_copied(stream, piece) <= 2 * len(stream) + 40 * pieces


def calls_made(stream: bytes) -> int:
    """Count the calls that it takes to read a stream byte by byte."""
    count = 0
    decoder = RequestDecoder(EXTENDED, spool_threshold=10**9)
    pieces = single_bytes(stream)

    def tally(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    previous = sys.getprofile()
    sys.setprofile(tally)
    try:
        for each in pieces:
            decoder.feed(each)
    finally:
        sys.setprofile(previous)
    return count


@pytest.mark.parametrize(
    ("short", "ten_times"),
    [
        (request("store", "ws", "x", "0", 300 * b"v"), request("store", "", "", "", 3000 * b"v")),
        (20 * request("find", "ws", "x"), 200 * request("find", "ws", "x")),
        (
            request("store many", "ws", "x", *(20 * ["0", "v"])),
            request("store many", "ws", "x", *(200 * ["0", "v"])),
        ),
    ],
    ids=["a long field", "many requests", "many fields"],
)
def test_ten_times_the_bytes_take_ten_times_the_calls(short: bytes, ten_times: bytes) -> None:
    assert calls_made(ten_times) <= 11 * calls_made(short)


def test_the_threshold_decides_what_is_spooled() -> None:
    reader = Reader(PLAIN).feed([request("store", "", "", "0", size * b"v") for size in (63, 64)])
    short, long = (fields[4] for fields, _ in reader.requests)
    assert short == (THRESHOLD - 1) * b"v"
    assert len(long) == THRESHOLD
    assert not isinstance(long, bytes)

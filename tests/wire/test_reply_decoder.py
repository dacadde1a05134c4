"""The decoder of replies: any cutting, any garbage, any interruption, linear time."""

from __future__ import annotations

import gc
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.descriptors import BINARY_BIT, DIRECT_BIT, is_direct
from nws.errors import NwsProtocolException
from nws.wire import payloads, replies
from nws.wire.dialect import Dialect
from nws.wire.operations import Form
from nws.wire.payloads import PayloadInPlace
from nws.wire.replies import Answer, Item, ReplyDecoder, ReplyEncoder
from tests.support.frames import BLANK, framed_dict
from tests.support.strikes import struck
from tests.wire.streams import cuts, single_bytes

IN_PLACE: Final = 100
WRITABLE: Final = 50
PYTHON_BYTES: Final = 16777219
PICKLE: Final = 16777216
EXTENDED: Final = Dialect(metadata_out=True, extensions=True)


@pytest.fixture(autouse=True, scope="module")
def _small_limits() -> Iterator[None]:
    """Let short payloads be large."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replies, "_IN_PLACE_BYTES", IN_PLACE)
        patch.setattr(replies, "_WRITABLE_BYTES", WRITABLE)
        patch.setattr(payloads, "_BLOCK_BYTES", 64)
        patch.setattr(replies, "_MAX_PAYLOAD_BYTES", 10_000)
        yield


@dataclass(frozen=True)
class Sent:
    """One reply: how it goes over the wire and what must come out."""

    form: int
    dialect: Dialect
    data: bytes
    answer: Answer


def filling(size: int) -> bytes:
    return bytes(i % 251 for i in range(size))


dialects = st.builds(Dialect, cookie=st.booleans(), metadata_out=st.booleans())
forms = st.sampled_from([Form.SHORT, Form.LONG, Form.MANY, Form.ANY])
contents = st.integers(0, 3 * IN_PLACE).map(filling)
descriptors = st.sampled_from([0, PICKLE, PYTHON_BYTES])
names = st.binary(max_size=40).filter(lambda name: name != b"nwsReason")  # which has a meaning
metadata = st.dictionaries(names, st.binary(max_size=80), max_size=3)
items = st.builds(Item, descriptors, st.integers(0, 10**19), st.integers(0, 9999), contents)


@st.composite
def sent_replies(draw: st.DrawFn) -> Sent:
    """Make a reply of any form in any dialect."""
    dialect, form = draw(dialects), draw(forms)
    status = draw(st.sampled_from([0, 0, 1, 3008]))
    reason = draw(st.text(max_size=30)) if status and dialect.metadata_out else ""
    head = b""
    if dialect.metadata_out:
        head = framed_dict({b"nwsReason": reason.encode()} if status else draw(metadata))
    head += b"%04d" % status
    if form == Form.SHORT:
        return Sent(form, dialect, head, Answer(status, reason))
    if form in (Form.MANY, Form.ANY):
        several = [] if status else draw(st.lists(items, max_size=4))
        parts = [head + b"%04d" % len(several)]
        place = draw(st.integers(0, 9999)) if form == Form.ANY else 0
        if form == Form.ANY:
            parts.append(b"%04d" % place)
        for item in several:
            parts.append(framed_dict(draw(metadata)) if dialect.metadata_out else b"")
            parts.append(b"%020d%020d%04d" % (item.descriptor, item.lease, item.attempt))
            parts.append(b"%020d" % len(item.payload) + item.payload)
        answer = Answer(status, reason, items=several, place=place)
        return Sent(form, dialect, b"".join(parts), answer)
    payload = b"" if status else draw(contents)
    descriptor = draw(descriptors)
    variable_id, index = b"", 0
    head += b"%020d" % descriptor
    if dialect.cookie:
        variable_id, index = draw(st.sampled_from([BLANK, b"%020d" % 7])), draw(st.integers(0, 99))
        head += variable_id + b"%020d" % index
    data = head + b"%020d" % len(payload) + payload
    answer = Answer(status, reason, descriptor, variable_id, index, payload, len(payload))
    return Sent(form, dialect, data, answer)


def fed(decoder: ReplyDecoder, pieces: list[bytes]) -> Answer | None:
    """Feed a decoder; return the first answer, with all that came behind it as its rest."""
    answer = None
    for piece in pieces:
        if answer is None:
            answer = decoder.feed(piece)
        else:
            decoder.rest += piece
    return answer


def outcome(sent: Sent, pieces: list[bytes]) -> tuple[Answer | None, bytes, str]:
    """Return what a new decoder makes of pieces: the answer, the rest, and the error."""
    decoder = ReplyDecoder(sent.form, sent.dialect)
    try:
        return fed(decoder, pieces), decoder.rest, ""
    except NwsProtocolException as error:
        return None, b"", str(error)


# Any cutting


@given(sent_replies(), st.data())
def test_any_cutting_gives_the_same_answer(sent: Sent, data: st.DataObject) -> None:
    assert outcome(sent, data.draw(cuts(sent.data))) == (sent.answer, b"", "")


@given(sent_replies())
def test_byte_by_byte_is_the_same_as_whole(sent: Sent) -> None:
    assert outcome(sent, single_bytes(sent.data)) == (sent.answer, b"", "")


@given(sent_replies(), st.binary(min_size=1, max_size=300), st.data())
def test_what_comes_behind_is_the_rest(sent: Sent, rest: bytes, data: st.DataObject) -> None:
    assert outcome(sent, data.draw(cuts(sent.data + rest))) == (sent.answer, rest, "")


@given(sent_replies(), st.data())
def test_a_reply_that_breaks_off_is_none(sent: Sent, data: st.DataObject) -> None:
    begin = sent.data[: data.draw(st.integers(0, len(sent.data) - 1))]
    assert outcome(sent, data.draw(cuts(begin))) == (None, b"", "")
    decoder = ReplyDecoder(sent.form, sent.dialect)
    fed(decoder, [begin])
    assert decoder.begun == bool(begin)


def received(decoder: ReplyDecoder, data: bytes, sizes: Iterator[int]) -> Answer:
    """Do as a client with a socket does, which receives bytes where they belong."""
    at = 0
    while (answer := decoder.decode()) is None:
        assert at < len(data), "it asks for more than there is"
        if decoder.in_place:
            with decoder.buffer() as buffer:
                piece = data[at : at + min(len(buffer), next(sizes))]
                buffer[: len(piece)] = piece
            decoder.filled.append(len(piece))
        else:
            lacking = decoder.lacking
            assert lacking > 0
            piece = data[at : at + lacking + next(sizes)]
            assert len(piece) >= lacking, "it waits for bytes that do not belong to the reply"
            decoder.pieces += [piece[:1], piece[1:]]
        at += len(piece)
    assert at == len(data)
    return answer


@given(sent_replies(), st.data())
def test_it_says_where_bytes_belong_and_never_asks_for_too_many(
    sent: Sent, data: st.DataObject
) -> None:
    sizes = iter(lambda: data.draw(st.integers(1, 200)), None)
    assert received(ReplyDecoder(sent.form, sent.dialect), sent.data, sizes) == sent.answer


@pytest.mark.parametrize("form", [Form.LONG, Form.MANY])
@pytest.mark.parametrize("descriptor", [PYTHON_BYTES, PICKLE])
@pytest.mark.parametrize("size", [WRITABLE - 1, WRITABLE, IN_PLACE, IN_PLACE + 1, 5 * IN_PLACE])
def test_where_a_payload_ends_up(form: int, descriptor: int, size: int) -> None:
    """Arrays can live in a bytearray. Bytes are received as bytes, so that nobody copies them."""
    encoder = ReplyEncoder(EXTENDED)
    described = b"%020d" % descriptor
    if form == Form.LONG:
        data = encoder.value(described, BLANK, 0, size, b"") + filling(size)
    else:
        data = encoder.many(1) + encoder.item(described, 0, 0, size, b"") + filling(size)
    answer = fed(ReplyDecoder(form, EXTENDED), [data[:-1], data[-1:]])
    assert answer is not None
    payload = answer.payload if form == Form.LONG else answer.items[0].payload
    assert payload == filling(size)
    in_place = size > IN_PLACE and is_direct(descriptor) and not payloads._BYTES_IO_CRASHES
    assert isinstance(payload, bytes if size < WRITABLE or in_place else bytearray)


# What the encoder forms is what the decoder reads


@given(dialects, st.integers(1, 9999), st.text(max_size=100))
def test_failures_come_through(dialect: Dialect, status: int, reason: str) -> None:
    encoder = ReplyEncoder(dialect)
    for form in (Form.SHORT, Form.LONG, Form.MANY, Form.ANY):
        answer = fed(ReplyDecoder(form, dialect), [encoder.failure(form, status, reason)])
        assert answer is not None
        assert (answer.status, answer.payload, answer.items) == (
            status,
            b"",
            [] if form in (Form.MANY, Form.ANY) else (),
        )
        assert answer.reason == (reason if dialect.metadata_out else "")


@given(dialects, st.binary(max_size=40))
def test_texts_and_successes_come_through(dialect: Dialect, text: bytes) -> None:
    encoder = ReplyEncoder(dialect)
    assert fed(ReplyDecoder(Form.SHORT, dialect), [encoder.short_ok]) == Answer(0, "")
    answer = fed(ReplyDecoder(Form.LONG, dialect), [encoder.text(len(text)), text])
    assert answer is not None
    assert (answer.status, answer.payload, answer.size) == (0, text, len(text))


# Garbage


@given(dialects, forms, st.data())
def test_any_bytes_in_any_cutting_give_the_same_end(
    dialect: Dialect, form: int, data: st.DataObject
) -> None:
    stream = data.draw(st.binary(max_size=300) | st.text("0012 \n").map(str.encode))
    sent = Sent(form, dialect, stream, Answer(0, ""))
    assert outcome(sent, data.draw(cuts(stream))) == outcome(sent, [stream])


@given(sent_replies(), st.data())
def test_a_damaged_reply_in_any_cutting_gives_the_same_end(sent: Sent, data: st.DataObject) -> None:
    stream = bytearray(sent.data)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(stream)))
        stream[place : place + 1] = data.draw(
            st.sampled_from([b"", b"9", b" ", b"-", b"\xff", b"00"])
        )
    sent = replace(sent, data=bytes(stream))
    assert outcome(sent, data.draw(cuts(sent.data))) == outcome(sent, [sent.data])


@pytest.mark.parametrize(
    ("form", "stream", "error"),
    [
        (Form.SHORT, b"0000-001", "expected a number"),
        (Form.SHORT, b"000000 1", "expected a number"),
        (Form.SHORT, b"GET / HTTP", "expected a number"),
        (Form.SHORT, b"0065", "a dict of 65 entries"),
        (Form.LONG, b"00000000" + b"x" * 80, "expected a number"),
        (Form.LONG, b"00000000" + b"0" * 60 + b"9" * 20, "a payload of 9+ bytes was announced"),
        (Form.MANY, b"0000000x0001", "expected a number"),
        (
            Form.MANY,
            b"000000000001" + b"0000" + b"0" * 44 + b"%020d" % 10_001,
            "a payload of 10001",
        ),
    ],
)
def test_what_is_no_reply_is_refused(form: int, stream: bytes, error: str) -> None:
    for pieces in ([stream], single_bytes(stream)):
        with pytest.raises(NwsProtocolException, match=error):
            fed(ReplyDecoder(form, EXTENDED), pieces)


# A sink


class Collector:
    """Takes the payload of a reply."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: memoryview, /) -> None:
        assert len(data) > 0
        self.data += data


@given(st.integers(0, 3 * IN_PLACE), st.data())
def test_a_payload_goes_to_a_sink(size: int, data: st.DataObject) -> None:
    head = ReplyEncoder(EXTENDED).value(b"%020d" % PICKLE, BLANK, 3, size, b"")
    sink = Collector()
    decoder = ReplyDecoder(Form.LONG, EXTENDED, sink)
    answer = fed(decoder, data.draw(cuts(head + filling(size))))
    assert answer == Answer(0, "", PICKLE, BLANK, 3, b"", size)
    assert sink.data == filling(size)


@given(sent_replies(), st.data())
def test_what_is_dropped_is_read_to_its_end(sent: Sent, data: st.DataObject) -> None:
    sink = Collector() if sent.form == Form.LONG else None
    decoder = ReplyDecoder(sent.form, sent.dialect, sink)
    place = data.draw(st.integers(0, len(sent.data) - 1))
    assert fed(decoder, [sent.data[:place]]) is None
    so_far = sink.data if sink is not None else b""
    decoder.drop()
    answer = fed(decoder, data.draw(cuts(sent.data[place:])))
    assert answer is not None
    assert (answer.status, answer.reason) == (sent.answer.status, sent.answer.reason)
    assert [item.lease for item in answer.items] == [item.lease for item in sent.answer.items]
    assert sink is None or sink.data == so_far


def test_it_says_how_much_of_a_payload_is_missing() -> None:
    head = ReplyEncoder(EXTENDED).value(b"%020d" % PICKLE, BLANK, 3, 1000, b"")
    decoder = ReplyDecoder(Form.LONG, EXTENDED)
    assert decoder.missing == 0
    decoder.feed(head + bytes(10))
    assert decoder.missing == 990
    decoder.feed(bytes(90))
    assert decoder.missing == 900


# Interruptions

LARGE_ITEM: Final = b"0000%020d%020d0000%020d" % (PICKLE, 0, 200) + filling(200)
SMALL_ITEM: Final = b"0000%020d%020d0000%020d" % (PYTHON_BYTES, 0, 5) + b"small"
LARGE_VALUE: Final = b"00000000%020d%020d%020d%020d" % (PYTHON_BYTES, 1, 1, 200) + filling(200)


@pytest.mark.parametrize(
    ("form", "data"),
    [
        (Form.SHORT, framed_dict({b"nwsReason": b"because"}) + b"0001"),
        (Form.LONG, LARGE_VALUE),
        (Form.MANY, b"000000000004" + SMALL_ITEM + LARGE_ITEM + LARGE_ITEM + SMALL_ITEM),
    ],
)
def test_an_exception_at_any_moment_changes_nothing(form: int, data: bytes) -> None:
    expected = fed(ReplyDecoder(form, EXTENDED), [data])
    assert expected is not None
    strikes = 0
    for call in itertools.count():
        for moment in itertools.count():
            answer, calls, hit = interrupted(form, data, call, moment)
            assert answer == expected, (call, moment)
            strikes += hit
            if not hit:
                break
        if call >= calls:
            break
    assert strikes > 3 * call > 3


def interrupted(form: int, data: bytes, call: int, moment: int) -> tuple[Answer, int, bool]:
    """Read a reply; be struck in one of the calls of `decode`, at one of its moments.

    Returns:
        The answer, how many calls it took, and whether an exception has struck.
    """
    decoder = ReplyDecoder(form, EXTENDED)
    at, hit = put(decoder, data, 0), False
    for number in itertools.count():
        if number == call:
            _, hit = struck(moment, ReplyDecoder.decode, decoder)
        answer = decoder.decode()
        if answer is not None:
            return answer, number, hit
        at = put(decoder, data, at)
    raise AssertionError


def put(decoder: ReplyDecoder, data: bytes, at: int) -> int:
    """Receive what a decoder needs next; return the new position."""
    if decoder.in_place:
        with decoder.buffer() as buffer:
            piece = data[at : at + 70][: len(buffer)]
            buffer[: len(piece)] = piece
        decoder.filled.append(len(piece))
    else:
        piece = data[at : at + decoder.lacking]
        decoder.pieces.append(piece)
    return at + len(piece)


# Linear time, by counting


class Tally(ReplyDecoder):
    """Counts the bytes that are put together."""

    joined = 0

    def _data(self) -> bytes:
        if len(self.pieces) != 1:
            self.joined += sum(map(len, self.pieces))
        return super()._data()


def many(count: int, size: int) -> bytes:
    encoder = ReplyEncoder(EXTENDED)
    item = encoder.item(b"%020d" % PICKLE, 0, 0, size, b"") + filling(size)
    return encoder.many(count) + count * item


def long(size: int) -> bytes:
    return ReplyEncoder(EXTENDED).value(b"%020d" % PICKLE, BLANK, 0, size, b"") + filling(size)


@pytest.mark.parametrize("piece", [1, 7, 150, 10**6])
@pytest.mark.parametrize(
    ("form", "stream"),
    [
        (Form.MANY, many(300, 5)),
        (Form.MANY, many(50, IN_PLACE)),
        (Form.MANY, many(20, 1000)),
        (Form.LONG, long(IN_PLACE)),
        (Form.LONG, long(9000)),
    ],
    ids=["small items", "larger ones", "in place", "a value", "in place"],
)
def test_each_byte_is_joined_a_bounded_number_of_times(
    form: int, stream: bytes, piece: int
) -> None:
    decoder = Tally(form, EXTENDED)
    answer = fed(decoder, [stream[at : at + piece] for at in range(0, len(stream), piece)])
    assert answer is not None
    assert decoder.joined <= 4 * len(stream)


def calls_made(form: int, stream: bytes) -> int:
    """Count the calls that it takes to read a reply byte by byte."""
    count = 0
    decoder = ReplyDecoder(form, EXTENDED)
    pieces = single_bytes(stream)

    def tally(frame: object, event: str, argument: Any) -> None:
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
    ("form", "short", "ten_times"),
    [
        (Form.LONG, long(900), long(9000)),
        (Form.MANY, many(30, 5), many(300, 5)),
        (Form.MANY, many(2, 150), many(20, 150)),
    ],
    ids=["a large value", "many items", "many large items"],
)
def test_ten_times_the_bytes_take_ten_times_the_calls(
    form: int, short: bytes, ten_times: bytes
) -> None:
    assert calls_made(form, ten_times) <= 11 * calls_made(form, short)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_view_that_is_left_in_garbage() -> None:
    """Python 3.12.1 crashes if it is the view of a BytesIO; 3.13 complains."""
    payload = PayloadInPlace(100_000, DIRECT_BIT | BINARY_BIT, b"begun")
    cycle: list[object] = [payload.buffer()]
    cycle.append(cycle)
    del payload, cycle
    gc.collect()

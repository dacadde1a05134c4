"""What values become on the wire, and what payloads become here (`nws.values`)."""

from __future__ import annotations

import pickle
import pickletools
import signal
import struct
import warnings
from collections import OrderedDict
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.client import NwsPicklingException, NwsUnpicklingException
from nws.descriptors import BINARY, PICKLE, PICKLE_WITH_BUFFERS, TEXT
from nws.values import Encoder, decode
from tests.support.cases import each
from tests.support.processes import Aside

WITH_BUFFERS = int(PICKLE_WITH_BUFFERS)
LARGE = 100_000
"""Bytes. Buffers of such a size lie behind the pickle."""


def encoded(value: object, protocol: int = 5) -> tuple[bytes, bytes]:
    """Return the descriptor and the payload in one piece."""
    descriptor, pieces = Encoder(protocol).encode(value)
    return descriptor, b"".join(pieces)


def there_and_back(value: object, protocol: int = 5) -> Any:
    descriptor, payload = encoded(value, protocol)
    return decode(int(descriptor), bytearray(payload))


# What is written


@pytest.mark.parametrize("text", ["", "hello", "größer", "日本", "\0", "a\nb"])
def test_text_is_utf8(text: str) -> None:
    assert encoded(text) == (TEXT, text.encode())
    assert there_and_back(text) == text


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"hello", bytes(LARGE)])
def test_bytes_are_themselves(data: bytes) -> None:
    assert encoded(data) == (BINARY, data)
    assert there_and_back(data) == data
    _, pieces = Encoder().encode(data)
    assert pieces[0] is data, "not copied"


def test_the_descriptors_are_those_of_the_original() -> None:
    assert (int(TEXT), int(BINARY), int(PICKLE)) == (16777217, 16777219, 16777216)
    assert all(len(descriptor) == 20 for descriptor in (TEXT, BINARY, PICKLE, PICKLE_WITH_BUFFERS))


def test_lone_surrogates_are_no_text() -> None:
    text = "\ud800 alone"
    assert encoded(text)[0] == PICKLE
    assert there_and_back(text) == text


@pytest.mark.parametrize("kind", [str, bytes])
def test_subclasses_stay_what_they_are(kind: type) -> None:
    value = Text("x") if kind is str else Data(b"x")
    got = there_and_back(value)
    assert got == value
    assert type(got) is type(value)


class Text(str):
    """A string with a type of its own."""


class Data(bytes):
    """Bytes with a type of their own."""


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
)


@given(json_like, st.integers(0, 5))
def test_every_value_comes_back(value: object, protocol: int) -> None:
    got = there_and_back(value, protocol)
    assert got == value
    assert repr(got) == repr(value), "the types, too"


@given(st.text(st.characters()))
def test_every_text_comes_back(text: str) -> None:
    assert there_and_back(text) == text


@pytest.mark.parametrize("protocol", [-1, 6])
def test_unknown_protocols(protocol: int) -> None:
    with pytest.raises(ValueError, match="protocol"):
        Encoder(protocol)


@each("protocol", range(3))
@each(
    "value", [42, 2**70, 1.5, "x" * 300, b"bytes", [None, True], {"a": (1,)}, OrderedDict(a=1), {1}]
)
def test_python_2_can_read_what_is_written_for_it(value: object, protocol: int) -> None:
    pickled = pickle.dumps(value, protocol)
    if not isinstance(value, str | bytes):
        assert encoded(value, protocol) == (PICKLE, pickled)
    used = [opcode for opcode, _, _ in pickletools.genops(pickled)]
    assert max(opcode.proto for opcode in used) <= 2
    names = [
        argument
        for opcode, argument, _ in pickletools.genops(pickled)
        if opcode.name == "GLOBAL" and argument
    ]
    assert not [name for name in names if name.startswith("builtins ")]


def test_an_array_for_python_2_stays_in_the_pickle() -> None:
    array = np.arange(LARGE)
    descriptor, payload = encoded(array, 2)
    assert descriptor == PICKLE
    assert max(opcode.proto for opcode, _, _ in pickletools.genops(payload)) <= 2
    assert (there_and_back(array, 2) == array).all()


@pytest.mark.parametrize("value", [lambda: None, (n for n in [1])])
def test_what_cannot_be_pickled(value: object) -> None:
    with pytest.raises(NwsPicklingException, match="cannot be pickled") as caught:
        Encoder().encode(value)
    assert caught.value.exception is caught.value.__cause__ is not None


# What cannot be read


class Raises:
    """Raises an exception when it is unpickled."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __reduce__(self) -> Any:
        return raise_, (self.error,)


def raise_(error: BaseException) -> None:
    raise error


class Mute(Exception):
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    "error",
    [ValueError("a"), MemoryError(), SystemExit(3), KeyboardInterrupt(), TimeoutError(), Mute()],
    ids=lambda error: type(error).__name__,
)
def test_a_value_that_raises(error: BaseException) -> None:
    """Even what would end the program."""
    descriptor, payload = encoded(Raises(error))
    with pytest.raises(NwsUnpicklingException, match=type(error).__name__) as caught:
        decode(int(descriptor), payload)
    assert type(caught.value.exception) is type(error)
    assert caught.value.obj == payload


class Strikes:
    """The signal arrives while it is unpickled."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return signal.raise_signal, (self.number,)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, TimeoutError, ValueError])
@pytest.mark.parametrize("wrap", [lambda handler: handler, partial], ids=["plain", "partial"])
def test_what_a_signal_handler_raises_passes(error: type[BaseException], wrap: Any) -> None:
    def handler(number: int, frame: object) -> None:
        raise_(error())

    former = signal.signal(signal.SIGUSR1, wrap(handler))
    try:
        descriptor, payload = encoded(Strikes(signal.SIGUSR1))
        with pytest.raises(error) as caught:
            decode(int(descriptor), payload)
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert not isinstance(caught.value, NwsUnpicklingException)


def test_ctrl_c_passes() -> None:
    descriptor, payload = encoded(Strikes(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        decode(int(descriptor), payload)


def test_in_a_thread_there_are_no_signals() -> None:
    descriptor, payload = encoded(Raises(KeyboardInterrupt()))
    with pytest.raises(NwsUnpicklingException):
        Aside(partial(decode, int(descriptor), payload)).result()


def test_the_text_of_an_error_is_bounded() -> None:
    descriptor, payload = encoded(Raises(ValueError("x" * 2_000_000)))
    with pytest.raises(NwsUnpicklingException, match="characters are left out") as caught:
        decode(int(descriptor), payload)
    assert len(str(caught.value)) < 200_000


# Arrays


def address(array: Any) -> int:
    """Return where the data of an array, or of bytes, begins."""
    start: int = np.frombuffer(array, np.uint8).__array_interface__["data"][0]
    return start


@pytest.mark.parametrize("nested", [False, True])
def test_an_array_is_not_copied_on_the_way_out(nested: bool) -> None:
    array = np.arange(LARGE)
    _, pieces = Encoder().encode({"a": [array]} if nested else array)
    assert address(array) in [address(piece) for piece in pieces if len(piece)]


@pytest.mark.parametrize("nested", [False, True])
def test_an_array_lives_in_what_was_received(nested: bool) -> None:
    array = np.arange(LARGE)
    descriptor, data = encoded({"a": [array]} if nested else array)
    payload = bytearray(data)
    value = decode(int(descriptor), payload)
    got = value["a"][0] if nested else value
    assert (got == array).all()
    assert address(payload) <= address(got) < address(payload) + len(payload)
    assert not got.flags.owndata
    assert got.flags.writeable
    got += 1
    assert (got == array + 1).all()


@pytest.mark.parametrize("received", [bytes, bytearray])
@pytest.mark.parametrize("size", [10, LARGE])
def test_arrays_can_be_written_to(received: Any, size: int) -> None:
    descriptor, data = encoded([np.arange(size)])
    (array,) = decode(int(descriptor), received(data))
    array[0] = 7
    assert array[0] == 7


@pytest.mark.parametrize(
    "array",
    [
        np.arange(LARGE).reshape(100, -1),
        np.asfortranarray(np.arange(LARGE).reshape(100, -1)),
        np.arange(LARGE)[::2],
        np.arange(LARGE)[::-1],
        np.zeros(LARGE, [("a", "i4"), ("b", "f8")]),
        np.array(["x" * 100] * 1000),
        np.zeros((0, 5)),
        np.array(5),
        np.zeros(LARGE, bool),
    ],
    ids=lambda array: f"{array.dtype.kind}{array.shape}{array.strides}",
)
def test_all_sorts_of_arrays(array: Any) -> None:
    got = there_and_back(array)
    assert got.dtype == array.dtype
    assert got.shape == array.shape
    assert (got == array).all()


def test_several_arrays_in_one_value() -> None:
    arrays = [np.full(LARGE + n, n, np.float64) for n in range(5)]
    descriptor, payload = encoded(arrays)
    assert int(descriptor) == WITH_BUFFERS
    got = decode(int(descriptor), bytearray(payload))
    assert all((one == two).all() for one, two in zip(got, arrays, strict=True))
    assert all(address(one) % one.itemsize == 0 for one in got), "aligned"


def test_the_same_array_twice_stays_one() -> None:
    array = np.zeros(LARGE)
    first, second = there_and_back([array, array])
    assert first is second


# What is read


def test_text_that_is_no_utf8_is_bytes() -> None:
    """Python 2 and Java store any bytes as plain text."""
    assert decode(int(TEXT), b"\xff\xfe") == b"\xff\xfe"
    assert decode(int(TEXT), bytearray(b"\xff\xfe")) == b"\xff\xfe"


@each("language", range(1, 128))
def test_direct_values_of_every_language_can_be_read(language: int) -> None:
    assert decode(language << 24 | 1, b"text") == "text"
    assert decode(language << 24 | 3, b"data") == b"data"


@each(
    "language, name",
    [
        (0, "language number 0"),
        (2, "Matlab"),
        (3, "R"),
        (4, "Perl"),
        (5, "Ruby"),
        (6, "Octave"),
        (7, "Java"),
        (8, "C#"),
        (9, "Objective-C"),
        (10, "Emacs Lisp"),
        (99, "language number 99"),
    ],
)
@each("bits", [0, 16])
def test_formats_of_other_languages_are_refused_by_name(
    language: int, name: str, bits: int
) -> None:
    payload = pickle.dumps("never read")
    with pytest.raises(NwsUnpicklingException, match=rf"written by {name} ") as caught:
        decode(language << 24 | bits, payload, loads=never)
    assert caught.value.obj == payload
    assert caught.value.exception is None


def never(*_: object, **__: object) -> None:
    pytest.fail("foreign bytes reached the unpickler")


@pytest.mark.parametrize("descriptor", [int(PICKLE), WITH_BUFFERS, 3 << 24])
def test_an_empty_payload_that_is_not_direct_is_no_value(descriptor: int) -> None:
    assert decode(descriptor, b"", "missing") == "missing"
    assert decode(descriptor, b"") is None


@pytest.mark.parametrize(
    ("pickled", "value"),
    [
        # As Python 2.7 writes them.
        (b"K*.", 42),
        (b"\x80\x02]q\x00(U\x03abcq\x01U\x02\xff\xfeq\x02e.", ["abc", "\xff\xfe"]),
        (b"\x80\x02X\x03\x00\x00\x00\xc3\xa4\xc3\xa4q\x00.", None),
        (b"U\x05plain.", "plain"),
        (b"(lp0\nS'old'\np1\na.", ["old"]),
        (b"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.", 2**64),
        (b"c__builtin__\nset\n((lp0\nI1\natp1\nRp2\n.", {1}),
        (b"\x80\x02X\x02\x00\x00\x00\xc3\xa4q\x00.", "ä"),
    ],
)
def test_pickles_of_python_2(pickled: bytes, value: object) -> None:
    if value is None:
        with pytest.raises(NwsUnpicklingException):
            decode(int(PICKLE), pickled)
    else:
        assert decode(int(PICKLE), pickled) == value


def test_an_old_numpy_pickle_of_python_2() -> None:
    """Its bytes are a string there, which latin-1 keeps."""
    pickled = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85U\x01b"
        b"\x87Rq\x02(K\x01K\x02\x85cnumpy\ndtype\nq\x03U\x02i2K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff"
        b"\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x04\xff\x00\x00\x80tb."
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        array = decode(int(PICKLE), pickled)
    assert array.tolist() == [255, -32768]


@pytest.mark.parametrize("payload", [b"\x80", b"garbage", b"\x80\x05.", b"cos\nno_such_name\n."])
def test_a_damaged_pickle(payload: bytes) -> None:
    with pytest.raises(NwsUnpicklingException, match="cannot be read") as caught:
        decode(int(PICKLE), bytearray(payload))
    assert caught.value.obj == payload
    assert type(caught.value.obj) is bytes
    assert caught.value.exception is caught.value.__cause__ is not None


def test_a_class_that_is_not_here() -> None:
    with pytest.raises(NwsUnpicklingException, match="no_such_module"):
        decode(int(PICKLE), b"cno_such_module\nThing\n.")


# The layout of buffers, damaged


def show(data: Any, *, buffers: list[memoryview], encoding: str) -> object:
    """Stand for an unpickler: only the layout counts."""
    return bytes(data), [bytes(buffer) for buffer in buffers], encoding


def outcome(payload: bytes) -> Any:
    """Read a payload with buffers; return what lies in it, or why it cannot be read."""
    try:
        return decode(WITH_BUFFERS, payload, loads=show)
    except NwsUnpicklingException as error:
        return error


def layout(parts: list[bytes]) -> bytes:
    """Lay out a pickle and its buffers as the docs of the layout say."""
    out = struct.pack(f"<{len(parts) + 1}Q", len(parts), *map(len, parts))
    for part in parts:
        out += bytes(-len(out) % 64) + part
    return out


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
def test_the_layout(parts: list[bytes]) -> None:
    data, buffers, _ = decode(WITH_BUFFERS, layout(parts), loads=show)
    assert [data, *buffers] == parts


@given(st.binary(max_size=300))
def test_garbage_in_place_of_a_layout(payload: bytes) -> None:
    got = outcome(payload)
    if isinstance(got, NwsUnpicklingException):
        assert got.obj == payload


@given(
    st.lists(st.binary(max_size=100), min_size=1, max_size=4),
    st.integers(0, 4),
    st.integers(0, 2**64 - 1),
)
def test_a_wrong_number_in_the_table(parts: list[bytes], place: int, number: int) -> None:
    payload = bytearray(layout(parts))
    place = min(place, len(parts)) * 8
    struct.pack_into("<Q", payload, place, number)
    got = outcome(bytes(payload))
    if isinstance(got, NwsUnpicklingException):
        assert got.obj == payload
    else:
        data, buffers, _ = got
        assert sum(map(len, [data, *buffers])) <= len(payload)


@given(st.data())
def test_a_payload_that_is_cut_off_or_has_more(data: st.DataObject) -> None:
    payload = encoded([np.arange(20_000), np.arange(20_000)])[1]
    cut = data.draw(st.integers(1, len(payload) - 1))
    for damaged in (payload[:cut], payload + payload[:cut]):
        with pytest.raises(NwsUnpicklingException) as caught:
            decode(WITH_BUFFERS, damaged)
        assert caught.value.obj == damaged


@pytest.mark.parametrize(("count", "size"), [(1, 8_000_000), (2, 1_000_000), (100, 80_000)])
def test_what_is_kept_keeps_little_else(count: int, size: int) -> None:
    descriptor, pieces = Encoder().encode([np.zeros(size, "u1") for _ in range(count)])
    arrays = decode(int(descriptor), bytearray(b"".join(pieces)))
    kept = arrays[-1]
    base = kept.base
    while isinstance(base, np.ndarray):
        base = base.base
    memory = memoryview(base).obj
    assert isinstance(memory, bytearray)
    assert len(memory) <= 2 * size + 1000
    kept[0] = 1  # and may be written

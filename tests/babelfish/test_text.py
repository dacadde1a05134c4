"""Texts for people: what they look like, and that they are bounded, whatever the value."""

from __future__ import annotations

import array
import ast
import collections
import itertools
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_babelfish.reading import read_pickle
from nws_babelfish.text import MAX_TEXT_CHARS, text_of
from tests.babelfish.opcodes import PROTO, STOP, call, name, number, row, text

MOST = MAX_TEXT_CHARS + 200
"""What a text has at most, with the line that says that it was cut."""


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -1,
        1.5,
        float("inf"),
        2j,
        b"bytes",
        bytearray(b"x"),
        [1, [2, "three"]],
        (1,),
        (),
        [],
        {},
        set(),
        frozenset(),
        {"a": {1}, (1, 2): frozenset([3])},
        collections.Counter("aab"),
        collections.deque([1, 2], 3),
        collections.deque("a"),
        collections.defaultdict(list, a=[1]),
        array.array("d", [1, 2]),
        range(3),
        int,
        Ellipsis,
    ],
)
def test_a_small_value_is_its_repr(value: object) -> None:
    assert text_of(value) == repr(value)


def test_an_ordered_dict_is_shown_as_newer_pythons_do() -> None:
    assert text_of(collections.OrderedDict(a=1)) == "OrderedDict({'a': 1})"


def test_a_text_stays_a_text() -> None:
    assert text_of("two\nlines, 'quoted'") == "two\nlines, 'quoted'"
    assert text_of(["two\nlines"]) == r"['two\nlines']"


def test_an_empty_text_is_quoted() -> None:
    assert text_of("") == "''"


def test_every_text_can_be_encoded() -> None:
    assert text_of("a\ud800b") == r"a\ud800b"


def test_a_long_value_is_laid_out() -> None:
    words = ["one of several long texts", "another one", "and a third one that is longer"]
    value = {"words": words, "small": (1, 2), 3: {"empty": [], "one": ("a" * 70,)}}
    assert text_of(value) == "\n".join(
        [
            "{",
            "  'words': [",
            "    'one of several long texts',",
            "    'another one',",
            "    'and a third one that is longer',",
            "  ],",
            "  'small': (1, 2),",
            "  3: {",
            "    'empty': [],",
            "    'one': (",
            f"      '{'a' * 70}',",
            "    ),",
            "  },",
            "}",
        ]
    )
    assert ast.literal_eval(text_of(value)) == value


nested = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.binary(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=60,
)


@pytest.mark.slow
@given(nested.filter(lambda value: type(value) is not str))
def test_what_is_not_cut_can_be_read_again(value: Any) -> None:
    shown = text_of(value)
    if "[cut after" not in shown:
        assert ast.literal_eval(shown) == value


# Numbers


def test_a_thousand_numbers_are_on_one_line() -> None:
    numbers = [n / 7 for n in range(1000)]
    assert ast.literal_eval(text_of(numbers)) == numbers
    assert "\n" not in text_of(tuple(range(1000)))


@pytest.mark.slow
def test_of_more_numbers_a_thousand_are_shown() -> None:
    line, remark = text_of(list(range(1_000_000))).split("\n")
    assert ast.literal_eval(line) == list(range(1000))
    assert remark == "[cut after 1000 of 1000000 items]"


def test_long_numbers_are_cut_between_two() -> None:
    line, remark = text_of([10**100] * 1000).split("\n")
    shown = ast.literal_eval(line)
    assert shown == [10**100] * 194
    assert remark == "[cut after 194 of 1000 items]"
    assert len(line) <= MAX_TEXT_CHARS


def test_many_numbers_inside_of_something() -> None:
    shown = text_of({"a": list(range(5000)), "b": 1})
    assert ", 999, ... 4000 more],\n" in shown
    assert shown.endswith("'b': 1,\n}")


def test_a_number_beyond_all_measure_is_described() -> None:
    assert text_of(1 << 100_000) == "<a number of 100001 bits>"


# Bounds


class Cyclic:
    """Its text is the one of a list that it is in."""

    def __init__(self) -> None:
        self.inside = [self]

    def __repr__(self) -> str:
        return repr(self.inside)


def cycle() -> list[Any]:
    """Return a list that is in itself."""
    made: list[Any] = [1]
    made.append({"again": made})
    return made


def deep(kind: type) -> Any:
    """Return groups in each other, beyond what recursion can do."""
    made: Any = kind()
    for _ in range(100_000):
        made = kind([made])
    return made


def wide() -> Any:
    """Return a list that would take for ever to print in full."""
    made: Any = ["x"]
    for _ in range(100):
        made = [made, made]
    return made


@pytest.mark.parametrize(
    ("make", "whole"),
    [
        (lambda: "x" * 10**7, "a text of 10000000 characters"),
        (lambda: b"x" * 10**7, "10000000 bytes"),
        (lambda: bytearray(10**7), "10000000 bytes"),
        (lambda: ["x"] * 10**6, "list of 1000000 items"),
        (lambda: ("x",) * 10**6, "tuple of 1000000 items"),
        (lambda: {str(n): n for n in range(10**5)}, "dict of 100000 items"),
        (lambda: {str(n) for n in range(10**5)}, "set of 100000 items"),
        (lambda: ["x" * 10**7], "list of 1 items"),
        (lambda: [b"x" * 10**7], "list of 1 items"),
        (wide, "list of 2 items"),
    ],
)
def test_what_is_too_long_is_cut(make: Callable[[], object], whole: str) -> None:
    value = make()
    shown = text_of(value)
    assert len(shown) <= MOST
    body, _, remark = shown.rpartition("\n")
    assert remark == f"[cut after {MAX_TEXT_CHARS} characters; the whole is {whole}]"
    assert len(body) == MAX_TEXT_CHARS


@pytest.mark.parametrize("kind", [list, tuple, collections.deque])
def test_what_is_too_deep_ends_in_dots(kind: type) -> None:
    shown = text_of(deep(kind))
    assert "..." in shown
    assert len(shown) <= MOST


def test_cycles_end_in_dots() -> None:
    assert text_of(cycle()) == "[1, {'again': [...]}]"
    assert text_of(Cyclic()) == "[[...]]"


def test_stand_ins_in_cycles_and_chains() -> None:
    cyclic = PROTO + pickle.EMPTY_LIST + pickle.MEMOIZE
    cyclic += pickle.BINGET + b"\0" + row() + pickle.REDUCE + pickle.APPEND + STOP
    assert text_of(read_pickle(cyclic)) == "[[...]()]"
    chain = name("m", "f") + (pickle.EMPTY_TUPLE + pickle.REDUCE) * 10_000
    assert len(text_of(read_pickle(PROTO + chain + STOP))) <= MOST
    states = call(name("m", "f")) * 10_000 + pickle.BUILD * 9_999
    assert len(text_of(read_pickle(PROTO + states + STOP))) <= MOST
    many = call(name("m", "f"), *[text("an argument")] * 10_000)
    assert text_of(read_pickle(PROTO + many + STOP)).endswith("the whole is a call of 10000 items]")


# Classes with ideas of their own


class Odd:
    """Its text is what a function returns."""

    def __init__(self, function: Any) -> None:
        self._function = function

    def __repr__(self) -> str:
        shown: str = self._function()
        return shown


def fail(error: BaseException) -> Any:
    """Return a function that raises."""

    def raising() -> NoReturn:
        raise error

    return raising


class Unspeakable(Exception):
    """Its message raises too."""

    def __str__(self) -> str:
        raise ValueError


class Sly(str):
    """A text that says nothing true of itself."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _: Any) -> str:
        return "sly" * MAX_TEXT_CHARS


class Meta(type):
    """Raises whenever something is asked of its classes."""

    def __getattribute__(cls, name: str) -> NoReturn:
        raise ZeroDivisionError(name)


class Closed(metaclass=Meta):
    """Nothing can be found out about it."""


CANNOT = "<Odd, whose repr failed: "


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda: "fine", "fine"),
        (lambda: "", "''"),
        (lambda: Sly("true"), "true"),
        (lambda: None, f"{CANNOT}TypeError: __repr__ returned non-string (type NoneType)>"),
        (fail(ValueError("no")), f"{CANNOT}ValueError: no>"),
        (fail(Unspeakable()), f"{CANNOT}Unspeakable: its message is not available>"),
        (fail(ValueError("x" * 10**6)), f"{CANNOT}ValueError: {'x' * 200}>"),
    ],
)
def test_the_text_of_a_class_of_its_own(function: Any, expected: str) -> None:
    assert text_of(Odd(function)) == expected
    if expected != "''":
        assert expected in text_of([Odd(function)])


def test_a_long_text_of_a_class_of_its_own_is_cut() -> None:
    shown = text_of(Odd(lambda: "x" * 10**6))
    remark = f"[cut after {MAX_TEXT_CHARS} characters; the whole is an Odd]"
    assert shown.endswith(remark) or len(shown) < MOST
    assert len(shown) <= MOST


def test_what_is_not_an_error_of_the_class_passes() -> None:
    for error in (MemoryError(), SystemExit()):
        with pytest.raises(type(error)):
            text_of([Odd(fail(error))])


def test_a_class_about_which_nothing_can_be_found_out() -> None:
    with pytest.raises(ZeroDivisionError):
        text_of(Closed())


def test_a_container_that_counts_wrongly() -> None:
    class Liar(list[str]):
        def __len__(self) -> int:
            return 10**9

        def __iter__(self) -> Any:
            return itertools.repeat("x")

    assert text_of(Liar(["a"])) == "['a']"


def test_a_data_frame_prints_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Frame:
        def __str__(self) -> str:
            return "   a\n0  1"

    Frame.__module__ = "pandas.core.frame"
    monkeypatch.setitem(sys.modules, "pandas", types.ModuleType("pandas"))
    assert text_of(Frame()) == "   a\n0  1"


# Arrays: once as they are, once as stand-ins read without running anything

ARRAYS: list[Any] = [
    np.arange(3.0),
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.arange(24).reshape(2, 3, 4).transpose(1, 2, 0),
    np.arange(24)[::5],
    np.array(5, dtype=np.uint8),
    np.zeros((0, 3), np.float32),
    np.array([True, False]),
    np.array([1 + 2j], np.complex64),
    np.array([0.5], np.float16),
    np.array([np.nan, np.inf]),
    np.array(["ab", "c\0d"]),
    np.array([b"ab", b"c"]),
    np.array([1, "a", None, [2]], dtype=object),
    np.arange(70_000).reshape(7, -1),
]


@pytest.mark.parametrize("made", ARRAYS, ids=lambda made: f"{made.dtype}{made.shape}")
def test_an_array_looks_the_same_in_both_modes(made: Any) -> None:
    shown = text_of(made)
    head, line, *_ = shown.split("\n")
    assert head == f"array of shape {made.shape}, {made.dtype}, {made.nbytes} bytes"
    if made.dtype.kind in "iub":
        assert ast.literal_eval(line) == made.ravel()[:1000].tolist()
    for protocol in range(6):
        data = pickle.dumps(made, protocol)
        assert text_of(read_pickle(data, encoding="latin-1")) == shown, f"protocol {protocol}"
        assert text_of([read_pickle(data)]) == text_of([made]), f"protocol {protocol}"


def test_an_array_of_other_byte_order_has_the_same_numbers() -> None:
    made = np.array([1, 2], ">i4")
    assert text_of(read_pickle(pickle.dumps(made))).endswith("[1, 2]")
    assert text_of(read_pickle(pickle.dumps(np.array(["é"], ">U1")))).endswith("['é']")


def test_a_large_array_says_how_large_it_is() -> None:
    shown = text_of(np.zeros(10**7))
    assert shown.startswith("array of shape (10000000,), float64, 80000000 bytes\n[0.0, 0.0")
    assert shown.endswith("\n[cut after 1000 of 10000000 items]")


def test_records_show_their_fields() -> None:
    made = np.array([(1, 2.5, "x")], dtype=[("a", "i4"), ("b", "f8"), ("c", "U3")])
    for value in (made, read_pickle(pickle.dumps(made))):
        assert text_of(value).endswith(", 24 bytes\n[(1, 2.5, 'x')]")


def test_times_are_shown() -> None:
    made = np.array(["2024-01-02"], "M8[D]")
    assert text_of(made).endswith("['2024-01-02']")
    shown = text_of(read_pickle(pickle.dumps(made)))
    assert shown.endswith("datetime64, 8 bytes\n['2024-01-02 00:00:00']")


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (np.array(["2024-01-02T03:04:05.000678", "NaT"], "M8[us]"), "2024-01-02 03:04:05.000678"),
        (np.array(["1969-12-31T23:59:59.5", "NaT"], ">M8[ms]"), "1969-12-31 23:59:59.5"),
        (np.array([90, "NaT"], "m8[m]"), "1:30:00"),
        (np.array([3, "NaT"], "m8[6h]"), "18:00:00"),
        (np.array([2**62, "NaT"], "M8[s]"), "4611686018427387904/1 s"),
        (np.array(["2024-03", "NaT"], "M8[M]"), 650),
    ],
)
def test_times_of_a_pickle_are_read_without_numpy(made: Any, shown: object) -> None:
    assert text_of(read_pickle(pickle.dumps(made))).endswith(f"[{shown!r}, 'NaT']")


def test_numbers_of_numpy_are_numbers() -> None:
    for value in (np.float64(1.5), np.int8(3), np.bool_(True)):
        data = pickle.dumps(value)
        assert text_of(value) == text_of(read_pickle(data)) == repr(value.item())
        assert text_of([value, 2]) == text_of([read_pickle(data), 2]) == f"[{value.item()!r}, 2]"


def test_arrays_inside_of_something() -> None:
    value = {"x": np.arange(3), "y": np.ones((1, 2))}
    shown = "{'x': array([0, 1, 2], int64), 'y': array([1.0, 1.0], shape=(1, 2), float64)}"
    assert text_of(value) == text_of(read_pickle(pickle.dumps(value))) == shown


FROM_BUFFER = name("numpy._core.numeric", "_frombuffer")


def dtype(code: str, *state: bytes) -> bytes:
    """Push a dtype."""
    made = call(name("numpy", "dtype"), text(code))
    return made + row(*state) + pickle.BUILD if state else made


def raw(data: bytes) -> bytes:
    """Push bytes."""
    return pickle.SHORT_BINBYTES + bytes([len(data)]) + data


@pytest.mark.parametrize(
    "arguments",
    [
        (raw(b"x" * 7), dtype("f8"), row(number(1)), text("C")),
        (raw(b"x" * 8), dtype("O8"), row(number(1)), text("C")),
        (raw(b"x" * 8), dtype("f8"), row(number(-1)), text("C")),
        (raw(b"x" * 8), dtype("f8"), row(text("1")), text("C")),
        (raw(b"x" * 8), dtype("x8"), row(number(1)), text("C")),
        (raw(b""), dtype("S-1"), row(number(1)), text("C")),
        (raw(b"x" * 8), dtype("f8"), row(number(1)), text("K"), row(number(1))),
        (raw(b"x" * 8), dtype("f8"), row(number(1)), text("K"), row(number(0), number(0))),
        (raw(b"x" * 8), number(1), row(number(1)), text("C")),
        (raw(b"x" * 8),),
        (pickle.NEXT_BUFFER, dtype("f8"), row(number(1)), text("C")),
        (
            raw(b"x" * 8),
            dtype(
                "V8", number(3), text("|"), pickle.NONE, row(text("a")),
                pickle.EMPTY_DICT + text("a") + row(dtype("f8"), number(1)) + pickle.SETITEM,
                number(8), number(1), number(0),
            ),
            row(number(1)),
            text("C"),
        ),
        (
            raw(b"x" * 8),
            dtype("V8", number(3), text("|"), row(dtype("i4"), row(number(2)))),
            row(number(1)),
            text("C"),
        ),
    ],
)  # fmt: skip
def test_an_array_that_does_not_fit_together_shows_as_a_call(arguments: tuple[bytes, ...]) -> None:
    read = read_pickle(PROTO + call(FROM_BUFFER, *arguments) + STOP)
    assert text_of(read).startswith("numpy._core.numeric._frombuffer(")


def test_an_array_that_claims_to_be_endless() -> None:
    arguments = (raw(b""), dtype("S0"), row(*[number(2**62)] * 40), text("C"))
    shown = text_of(read_pickle(PROTO + call(FROM_BUFFER, *arguments) + STOP))
    assert len(shown) <= MOST

"""The reader that runs nothing: what it reads right, and what stands in for all else."""

from __future__ import annotations

import array
import collections
import copyreg
import datetime
import enum
import fractions
import os
import pathlib
import pickle
import sys
import uuid
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws_babelfish.reading import read_pickle
from nws_babelfish.standins import GlobalName, StandIn
from nws_babelfish.text import text_of
from tests.babelfish.opcodes import PROTO, STOP, call, customer, name, number, row, table, text

PROTOCOLS = range(6)


class Person:
    """Attributes in a dict."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)


class Pair:
    """Attributes in slots."""

    __slots__ = ("left", "right")

    def __init__(self, left: Any, right: Any) -> None:
        self.left = left
        self.right = right


class Words(list[str]):
    """A list with more to it."""


class Table(dict[str, int]):
    """A dict with more to it."""


class Bag(set[int]):
    """A set with more to it."""


class Named(Person):
    """Made with keywords."""

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (1,), {"size": 2}


class Stateful:
    """Packs its state itself."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Stateful, (), ["packed"]


class Color(enum.Enum):
    RED = 1


def shown(value: Any, protocol: int) -> str:
    """Pickle a value, read it without running anything, and print it."""
    text = text_of(read_pickle(pickle.dumps(value, protocol), encoding="latin-1"))
    return text.replace(f"{__name__}.", "")


numbers = (
    st.integers() | st.floats(allow_nan=False) | st.booleans() | st.complex_numbers(allow_nan=False)
)
hashables = st.recursive(
    numbers
    | st.none()
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.timezone.utc))
    | st.timedeltas()
    | st.times()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.uuids()
    | st.builds(range, st.integers(), st.integers(), st.integers(1, 9))
    | st.builds(pathlib.PurePosixPath, st.text(st.characters(exclude_characters="\0"))),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner),
    max_leaves=5,
)
plain: st.SearchStrategy[Any] = st.recursive(
    hashables | st.builds(bytearray, st.binary()) | st.builds(slice, st.integers()),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner)
        | st.sets(hashables)
        | st.dictionaries(hashables, inner)
        | st.builds(collections.OrderedDict, st.dictionaries(hashables, inner))
        | st.builds(collections.Counter, st.lists(hashables))
        | st.builds(collections.deque, st.lists(inner), st.none() | st.integers(0, 5))
    ),
    max_leaves=20,
)


@pytest.mark.slow
@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_data_is_read_as_it_was(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    read = read_pickle(data)
    assert read == value
    assert type(read) is type(value)
    assert text_of(read) == text_of(pickle.loads(data))


@given(st.binary(max_size=60), st.sampled_from([b"", PROTO]))
def test_bytes_are_a_value_or_an_error(data: bytes, head: bytes) -> None:
    try:
        value = read_pickle(head + data)
    except Exception:
        return
    assert text_of(value)


MUTATED = [
    pickle.dumps(value, protocol)
    for protocol in PROTOCOLS
    for value in (
        [Person(a=1), {"b": {2, 3}}, (Words("ab"), Table(c=4)), Bag([5])],
        [uuid.UUID(int=7), datetime.datetime(2024, 1, 2), collections.deque([1], 2), Decimal(1)],
    )
]


@given(st.sampled_from(MUTATED), st.data())
def test_damaged_pickles_are_a_value_or_an_error(pickled: bytes, data: st.DataObject) -> None:
    damaged = bytearray(pickled)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        value = read_pickle(damaged, encoding="latin-1")
    except Exception:
        return
    assert text_of(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Person(name="Ann", age=3), "Person(name='Ann', age=3)"),
        (Person(), "Person()"),
        (Color.RED, "Color(1)"),
        (Stateful(), "Stateful(__setstate__=['packed'])"),
        (os.getcwd, "posix.getcwd"),
        (Person, "Person"),
        (ValueError("no", 1), "ValueError('no', 1)"),
        ({Person(): [1]}, "{Person(): [1]}"),
    ],
)
def test_what_is_not_harmless_shows_as_a_call(value: Any, expected: str, protocol: int) -> None:
    assert shown(value, protocol) == expected


@pytest.mark.parametrize("protocol", PROTOCOLS[2:])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Pair(1, [2]), "Pair(left=1, right=[2])"),
        (Words(["a", "b"]), "Words(['a', 'b'])"),
        (Table(a=1), "Table({'a': 1})"),
        (Bag([1]), "Bag([1])"),
        (collections.defaultdict(list, a=[1]), "collections.defaultdict(list, {'a': [1]})"),
    ],
)
def test_what_only_later_protocols_can_say(value: Any, expected: str, protocol: int) -> None:
    assert shown(value, protocol) == expected


@pytest.mark.parametrize("protocol", PROTOCOLS[4:])
def test_what_was_made_with_keywords(protocol: int) -> None:
    assert shown(Named(color="red"), protocol) == "Named(1, size=2, color='red')"


def test_a_class_made_by_a_call_can_be_called() -> None:
    made = call(name("builtins", "type"), text("Dynamic"))
    objects = {
        made + row() + pickle.NEWOBJ: "type('Dynamic')()",
        call(call(made)): "type('Dynamic')()()",
        made + row() + table(a=number(1)) + pickle.NEWOBJ_EX: "type('Dynamic')(a=1)",
        pickle.MARK + made + number(1) + pickle.OBJ: "type('Dynamic')(1)",
        call(number(5), number(6)): "5(6)",
    }
    for data, expected in objects.items():
        assert text_of(read_pickle(PROTO + data + STOP)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (pickle.PERSID + b"abc\n", "pickle.persistent_load('abc')"),
        (number(7) + pickle.BINPERSID, "pickle.persistent_load(7)"),
        (pickle.EXT1 + b"\x07", "copyreg.extension(7)"),
        (pickle.EXT2 + b"\x07\x01", "copyreg.extension(263)"),
        (pickle.EXT4 + b"\x07\0\0\0", "copyreg.extension(7)"),
        (pickle.NEXT_BUFFER + pickle.READONLY_BUFFER, "pickle.missing_buffer()"),
        (pickle.MARK + pickle.INT + b"1\n" + pickle.INST + b"os\nsystem\n", "os.system(1)"),
        (pickle.MARK + name("os", "system") + text("ls") + pickle.OBJ, "os.system('ls')"),
        (name("m", "C") + row() + pickle.NEWOBJ + number(1) + pickle.APPEND, "m.C([1])"),
        (call(name("m", "C")) + number(1) + number(2) + pickle.SETITEM, "m.C({1: 2})"),
        (call(name("m", "C")) + pickle.EMPTY_LIST + number(2) + pickle.SETITEM, "m.C({[]: 2})"),
        (call(name("m", "C")) + pickle.MARK + number(1) + pickle.ADDITEMS, "m.C([1])"),
        (call(name("copyreg", "__newobj__"), name("m", "C"), number(1)), "m.C(1)"),
        (
            call(name("copyreg", "__newobj_ex__"), name("m", "C"), row(), table(a=number(1))),
            "m.C(a=1)",
        ),
        (
            call(name("copyreg", "_reconstructor"), name("m", "C"), name("m", "B"), number(1)),
            "m.C(1)",
        ),
        (call(name("copyreg", "_reconstructor"), number(1)), "copyreg._reconstructor(1)"),
    ],
)
def test_every_way_to_make_something(data: bytes, expected: str) -> None:
    assert text_of(read_pickle(PROTO + data + STOP)) == expected


def test_an_extension_that_this_process_knows_is_not_looked_up() -> None:
    copyreg.add_extension("os", "system", 77)
    try:
        assert text_of(read_pickle(PROTO + pickle.EXT1 + b"\x4d" + STOP)) == "copyreg.extension(77)"
    finally:
        copyreg.remove_extension("os", "system", 77)


def test_buffers_behind_the_pickle() -> None:
    kept: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pickle.PickleBuffer(bytearray(b"abc")), 5, buffer_callback=kept.append)
    assert read_pickle(data, buffers=[memoryview(b"abc")]) == b"abc"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_times_with_a_zone(protocol: int) -> None:
    moment = datetime.datetime(2024, 1, 2, tzinfo=ZoneInfo("UTC"))
    assert "2024, 1, 2, 0, 0, tzinfo=<zone UTC>" in shown(moment, protocol)
    assert shown({moment: 1}, protocol)


def test_names_that_no_program_could_use_are_quoted() -> None:
    data = text("os") + text("x()\n# ") + pickle.STACK_GLOBAL
    assert text_of(read_pickle(PROTO + call(data) + STOP)) == "'os.x()\\n# '()"


# What a stranger may try


class _Payload:
    """Runs a function when it is unpickled."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_runs_nothing(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "it ran"
    marked = f"open({str(marker)!r}, 'w').close()"
    command = f"touch '{marker}'"
    attacks = [
        _Payload(os.system, command),
        _Payload(eval, marked),
        _Payload(exec, marked),
        _Payload(open, str(marker), "w"),
        _Payload(os.mkdir, str(marker)),
        _Payload(pathlib.Path.touch, marker),
        _Payload(getattr, _Payload(__import__, "os"), "system"),
    ]
    for attack in attacks:
        data = pickle.dumps([attack, {"in": (attack,)}], protocol)
        text_of(read_pickle(data))
        assert not marker.exists()
    pickle.loads(pickle.dumps(attacks[4], protocol))
    assert marker.exists(), "these were no attacks"


def test_a_pickle_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trap_module.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    data = PROTO + call(name("trap_module.inner", "thing")) + STOP
    assert text_of(read_pickle(data)) == "trap_module.inner.thing()"
    assert "trap_module" not in sys.modules


@pytest.mark.parametrize("kind", ["Fraction", "PurePosixPath", "OrderedDict", "UUID"])
def test_a_pickle_changes_no_type(kind: str) -> None:
    module = {"Fraction": "fractions", "UUID": "uuid", "OrderedDict": "collections"}
    slots = table(__repr__=name("os", "system"), __eq__=name("os", "system"))
    data = name(module.get(kind, "pathlib"), kind) + row(pickle.NONE, slots) + pickle.BUILD
    with pytest.raises(pickle.UnpicklingError, match="attributes for an object of type GlobalName"):
        read_pickle(PROTO + data + STOP)
    assert repr(fractions.Fraction(1, 2)) == "Fraction(1, 2)"


LARGE = number(10**12)
ENDLESS = call(name("builtins", "range"), number(0), LARGE, number(1))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (call(name("builtins", "set"), ENDLESS), "set(range(0, 1000000000000))"),
        (call(name("builtins", "frozenset"), ENDLESS), "frozenset(range(0, 1000000000000))"),
        (call(name("collections", "deque"), ENDLESS), "collections.deque(range(0, 1000000000000))"),
        (
            call(name("collections", "Counter"), ENDLESS),
            "collections.Counter(range(0, 1000000000000))",
        ),
        (
            call(name("collections", "OrderedDict"), ENDLESS),
            "collections.OrderedDict(range(0, 1000000000000))",
        ),
        (call(name("builtins", "bytearray"), LARGE), "bytearray(1000000000000)"),
        (call(name("builtins", "bytes"), LARGE), "bytes(1000000000000)"),
        (
            call(name("fractions", "Fraction"), text("1e99999999")),
            "fractions.Fraction('1e99999999')",
        ),
        (
            call(name("collections", "defaultdict"), name("os", "abort")),
            "collections.defaultdict(os.abort)",
        ),
        (
            call(name("datetime", "datetime"), pickle.SHORT_BINBYTES + b"\x0a" + b"\xff" * 10),
            "datetime.datetime(b'\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff')",
        ),
        (call(name("_codecs", "encode"), text("x"), text("rot13")), "_codecs.encode('x', 'rot13')"),
        (call(name("pathlib", "Path"), number(1)), "pathlib.Path(1)"),
        (call(name("uuid", "UUID"), text("0")), "uuid.UUID('0')"),
        (call(name("builtins", "complex"), text("1")), "complex('1')"),
    ],
)
def test_harmless_types_take_only_what_a_pickler_writes(data: bytes, expected: str) -> None:
    assert text_of(read_pickle(PROTO + data + STOP)) == expected


def test_numbers_that_take_long_to_compute_with_are_not_computed_with() -> None:
    huge = number(3**50_000)
    for data in (
        call(name("fractions", "Fraction"), huge, huge),
        call(name("builtins", "range"), number(0), huge, huge),
    ):
        assert type(read_pickle(PROTO + data + STOP)) is StandIn


DOUBLED = pickle.EMPTY_TUPLE + (pickle.DUP + pickle.TUPLE2) * 100
DEEP = pickle.EMPTY_TUPLE + pickle.TUPLE1 * 100_000


@pytest.mark.parametrize("key", [DOUBLED, DEEP, number(1 << 200_000)], ids=["wide", "deep", "long"])
def test_keys_that_are_never_done_with(key: bytes) -> None:
    # Python would overrun its stack, or hash until the end of the world.
    for data in (
        pickle.EMPTY_DICT + key + pickle.NONE + pickle.SETITEM,
        pickle.EMPTY_DICT + pickle.MARK + key + pickle.NONE + pickle.SETITEMS,
        pickle.MARK + key + pickle.NONE + pickle.DICT,
        pickle.MARK + key + pickle.FROZENSET,
        pickle.EMPTY_SET + pickle.MARK + key + pickle.ADDITEMS,
        call(name("collections", "OrderedDict")) + key + pickle.NONE + pickle.SETITEM,
    ):
        with pytest.raises(pickle.UnpicklingError, match="a key is"):
            read_pickle(PROTO + data + STOP)
    for kind in ("set", "frozenset"):
        data = call(name("builtins", kind), pickle.EMPTY_LIST + key + pickle.APPEND)
        assert type(read_pickle(PROTO + data + STOP)) is StandIn


def test_equal_keys_that_are_never_done_comparing() -> None:
    def nested() -> Any:
        made: frozenset[Any] = frozenset([1])
        for _ in range(60):
            made = frozenset([made, (made,)])
        return made

    data = pickle.dumps([nested(), nested()])  # no memo between two trees
    data = data.replace(pickle.EMPTY_LIST, pickle.EMPTY_SET, 1)
    data = data[: -len(pickle.APPENDS + STOP)] + pickle.ADDITEMS + STOP
    with pytest.raises(pickle.UnpicklingError, match="a key is nested too deeply"):
        read_pickle(data)


@pytest.mark.parametrize(
    "data",
    [
        pickle.EMPTY_LIST + number(0) + number(1) + pickle.SETITEM,
        pickle.EMPTY_LIST + call(name("builtins", "slice"), *[number(0)] * 3) + ENDLESS
        + pickle.SETITEM,
        pickle.EMPTY_DICT + number(1) + pickle.APPEND,
        pickle.EMPTY_LIST + pickle.MARK + number(1) + pickle.ADDITEMS,
        call(name("builtins", "bytearray")) + pickle.MARK + number(1) + pickle.APPENDS,
        pickle.EMPTY_LIST + table(a=number(1)) + pickle.BUILD,
        call(name("uuid", "UUID")) + table(int=text("x")) + pickle.BUILD,
        call(name("uuid", "UUID")) + table(int=number(-1)) + pickle.BUILD,
        name("os", "system") + pickle.EMPTY_LIST + pickle.REDUCE,
        name("os", "system") + row() + row() + pickle.NEWOBJ_EX,
        name("os", "system") + row() + pickle.EMPTY_DICT + number(1) + pickle.NONE
        + pickle.SETITEM + pickle.NEWOBJ_EX,
        pickle.EMPTY_DICT + pickle.MARK + number(1) + pickle.SETITEMS,
        pickle.EMPTY_DICT + pickle.EMPTY_LIST + pickle.NONE + pickle.SETITEM,
        pickle.BINBYTES8 + (10**12).to_bytes(8, "little"),
        pickle.BYTEARRAY8 + (10**12).to_bytes(8, "little"),
        b"",
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_an_error(data: bytes) -> None:
    with pytest.raises((pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError)):
        read_pickle(PROTO + data + STOP)


def test_long_claims_take_no_memory() -> None:
    for opcode in (pickle.BINBYTES8, pickle.BYTEARRAY8, pickle.BINUNICODE8, pickle.FRAME):
        with pytest.raises((EOFError, pickle.UnpicklingError)):
            read_pickle(PROTO + opcode + (1 << 62).to_bytes(8, "little"))
    assert read_pickle(PROTO + pickle.NONE + pickle.LONG_BINPUT + b"\xff" * 4 + STOP) is None


def test_an_array_of_the_standard_library_is_a_call() -> None:
    assert shown(array.array("i", [1]), 5).startswith("array._array_reconstructor(")


def test_names_and_stand_ins_are_plain_records() -> None:
    read = read_pickle(customer())
    assert type(read) is StandIn
    assert type(read.function) is GlobalName
    assert (read.function.module, read.function.name) == ("shop", "Customer")
    assert read.state == {"name": "Ann", "age": 3}

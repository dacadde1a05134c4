"""Snapshots of functions: whatever makes a function another one is seen, and what cannot be seen
makes that there is no snapshot."""

from __future__ import annotations

import os.path
import sys
from collections.abc import Callable
from functools import partial
from random import Random
from types import ModuleType
from typing import Any

import cloudpickle
import pytest

from nws.sleigh import Sleigh
from nws.sleigh.shared.functions import (
    INVOKE,
    Function,
    function_variable,
    named_function,
    packed_function,
)
from nws.sleigh.shared.snapshots import Snapshot, snapshot_of

SOURCE = """
import os
import os.path
from math import sqrt
from os.path import join

RATE = 2
NAMES = ("a", ("b", 3.5))
items = []

class Item: pass

def half(x: int, by=2, *, off=0) -> float:
    "Halve."
    return x / by + off

def main(x):
    def inner(y):
        return sqrt(y) * RATE
    return half(inner(x)), os.sep, NAMES

def counts():
    global RATE
    RATE += 1
    return RATE

def hides():
    globals()["count"] = globals().get("count", 0) + 1
    return globals()["count"]

def marks():
    marks.count = getattr(marks, "count", 0) + 1
    return marks.count

def ranks():
    names = globals()
    rank = names["SleighRank"]
    names["SleighRank"] += 1
    return rank

def describes(by: int = 0):
    names = list(describes.__annotations__)
    describes.__annotations__ = {"changed": int}
    return names

def own_id(kept=()): return id(own_id)

def joins(x): return join(x)
def joins_by_default(x, by=(join,)): return by[0](x)

def recursive(n):
    return n and recursive(n - 1)

def listing(x): return items
def making(x): return Item()
def default(x=[]): return x
def missing(x): return nowhere
def annotated(x: items): return x

def maker(thing):
    def made(): return thing
    return made
"""


@pytest.fixture
def program() -> dict[str, Any]:
    """The names of a main program."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(SOURCE, "main.py", "exec", dont_inherit=True), names)
    return names


def _snapshot(function: Any) -> Snapshot:
    snapshot = snapshot_of(function)
    assert snapshot is not None
    assert snapshot.holds()
    return snapshot


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda names: names.update({name: value})


def _other_code(names: dict[str, Any]) -> None:
    names["half"].__code__ = (lambda x, by=2, *, off=0: 0).__code__


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a constant": _set("RATE", 3),
    "a constant of another type": _set("RATE", 2.0),
    "a constant that becomes a list": _set("NAMES", []),
    "a name that is deleted": lambda names: names.pop("RATE"),
    "a function that is used": _set("half", lambda x: x),
    "its code": _other_code,
    "its defaults": lambda names: setattr(names["half"], "__defaults__", (3,)),
    "its keyword defaults": lambda names: names["half"].__kwdefaults__.update(off=1),
    "its docstring": lambda names: setattr(names["half"], "__doc__", "Divide."),
    "its name": lambda names: setattr(names["half"], "__qualname__", "third"),
    "an annotation": lambda names: names["half"].__annotations__.update(x=float),
    "the name of an annotated argument": lambda names: setattr(
        names["half"], "__annotations__", {"y": int, "return": float}
    ),
    "an attribute": lambda names: setattr(names["half"], "calls", 1),
    "a module": _set("os", ModuleType("os")),
    "a name that may be looked up": _set("new", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen(program: dict[str, Any], change: Callable[..., object]) -> None:
    snapshot = _snapshot(program["main"])
    change(program)
    assert not snapshot.holds()


def test_what_is_not_used_may_change(program: dict[str, Any]) -> None:
    snapshot = _snapshot(program["main"])
    program["items"] = [1]
    program["items"].append(2)
    assert snapshot.holds()


def test_what_a_function_does_to_its_own_names_is_seen(program: dict[str, Any]) -> None:
    snapshot = _snapshot(program["counts"])
    assert program["counts"]() == 3
    assert not snapshot.holds()


def test_a_name_that_appears(program: dict[str, Any]) -> None:
    snapshot = _snapshot(program["missing"])
    del program["items"]
    program["nowhere"] = 1
    assert not snapshot.holds()


def test_a_module_that_is_imported_may_be_a_submodule(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = _snapshot(program["main"])
    monkeypatch.setitem(sys.modules, "os.new", ModuleType("os.new"))
    assert not snapshot.holds()


@pytest.mark.parametrize("value", [1, "text", None, b"1", 2.5, (1, (2, "x")), frozenset({1}), len])
def test_a_closure_over_constants(program: dict[str, Any], value: Any) -> None:
    made = program["maker"](value)
    snapshot = _snapshot(made)
    made.__closure__[0].cell_contents = "another"
    assert not snapshot.holds()
    del made.__closure__[0].cell_contents
    assert not snapshot.holds()
    assert snapshot_of(made) is None


def test_functions_that_call_themselves(program: dict[str, Any]) -> None:
    snapshot = _snapshot(program["recursive"])
    program["recursive"].__defaults__ = (0,)
    assert not snapshot.holds()


@pytest.mark.parametrize("value", [[1], {}, ([],), Random(), object(), bytearray(1), partial(len)])
def test_a_closure_over_what_may_change_has_none(program: dict[str, Any], value: Any) -> None:
    assert snapshot_of(program["maker"](value)) is None


def _nested(depth: int) -> tuple[Any, ...]:
    value: tuple[Any, ...] = ()
    for _ in range(depth):
        value = (1, value)
    return value


def _shared(depth: int) -> tuple[Any, ...]:
    value: tuple[Any, ...] = (1,)
    for _ in range(depth):
        value = (value, value)
    return value


@pytest.mark.parametrize("value", [_nested(10_000), _shared(100), tuple(range(100_000))])
def test_large_tuples_have_none(program: dict[str, Any], value: Any) -> None:
    """To look at all of them may take for ever, or more of the stack than there is."""
    assert snapshot_of(program["maker"](value)) is None


@pytest.mark.parametrize(
    "text",
    [
        *("globals()", "vars()", "eval('1')", "exec('')", "sys.modules", "builtins.abs"),
        *("(lambda: globals())()", "[globals() for _ in [1]]"),
    ],
)
def test_what_may_reach_all_names_has_none(program: dict[str, Any], text: str) -> None:
    exec(f"import sys, builtins\ndef reaches(): return {text}", program)
    assert snapshot_of(program["reaches"]) is None


@pytest.mark.parametrize("module", ["__main__", "sys", "inspect", "gc", "builtins"])
def test_what_imports_how_to_reach_them_has_none(program: dict[str, Any], module: str) -> None:
    exec(f"def imports():\n    import {module} as name\n    return name", program)
    assert snapshot_of(program["imports"]) is None


@pytest.mark.parametrize("name", ["listing", "making", "default", "annotated"])
def test_what_may_change_unseen_has_none(program: dict[str, Any], name: str) -> None:
    assert snapshot_of(program[name]) is None


def test_a_function_with_attributes_has_none(program: dict[str, Any]) -> None:
    program["half"].calls = []
    assert snapshot_of(program["half"]) is None
    assert snapshot_of(program["main"]) is None, "it uses that one"


def test_a_long_chain_of_functions_has_none(program: dict[str, Any]) -> None:
    function: Any = abs
    for _ in range(20):
        function = program["maker"](function)
    assert snapshot_of(function) is None


@pytest.mark.parametrize("thing", [partial(abs), int, "abs(x)", Random().random])
def test_other_things_have_none(thing: Any) -> None:
    assert snapshot_of(thing) is None


def test_a_function_that_is_imported_holds_as_long_as_it_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = _snapshot(os.path.join)
    monkeypatch.setattr(os.path, "join", len)
    assert not snapshot.holds()


@pytest.mark.parametrize("name", ["joins", "joins_by_default"])
def test_what_it_uses_may_be_found_no_more(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As after a reload of its module: the main program goes on with what it had."""
    snapshot = _snapshot(program[name])
    monkeypatch.setattr(os.path, "join", len)
    assert not snapshot.holds()


def test_a_module_that_was_imported_anew(
    program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = _snapshot(program["main"])
    monkeypatch.setitem(sys.modules, "os", ModuleType("os"))
    assert not snapshot.holds()


def test_a_module_that_is_to_travel_by_value(program: dict[str, Any]) -> None:
    by_name, by_value = _snapshot(os.path.join), _snapshot(program["main"])
    cloudpickle.register_pickle_by_value(pytest)
    try:
        assert not by_name.holds()
        assert not by_value.holds()
    finally:
        cloudpickle.unregister_pickle_by_value(pytest)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_kept_is_what_would_be_packed(
    program: dict[str, Any], change: Callable[..., object]
) -> None:
    call = Function(INVOKE, program["main"], (), {}, None)
    assert named_function(call) is named_function(call)
    change(program)
    name, packed = named_function(call)
    assert packed == packed_function(tuple(call))
    assert name == function_variable(packed)


# On a worker


@pytest.mark.parametrize(
    ("name", "result"),
    [("counts", 3), ("hides", 1), ("marks", 1), ("ranks", 0), ("describes", ["by"])],
)
def test_a_call_does_not_find_what_the_one_before_has_set(
    program: dict[str, Any], alone: Sleigh, name: str, result: int
) -> None:
    function = program[name]
    assert [alone.submit(function).result() for _ in range(6)] == [result] * 6


def test_a_call_finds_what_the_master_has_changed(program: dict[str, Any], alone: Sleigh) -> None:
    half = program["half"]
    assert [alone.submit(half, 3).result() for _ in range(6)] == [1.5] * 6
    half.__defaults__ = (3,)
    assert [alone.submit(half, 3).result() for _ in range(6)] == [1.0] * 6


def test_a_function_that_is_as_it_was_is_loaded_no_more(
    program: dict[str, Any], alone: Sleigh
) -> None:
    ids = [alone.submit(program["own_id"]).result() for _ in range(6)]
    assert len({*ids[2:]}) == 1  # one that is loaded while another is there has another id

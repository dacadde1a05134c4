"""Values that hold other values, as groups: what stands before, between and behind the others.

Only what prints itself as Python's own containers do is a group. A class with a ``__repr__`` of its
own is not.
"""

from __future__ import annotations

import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from nws_babelfish.arrays import Array, array_of, scalar_of
from nws_babelfish.leaves import leaf_text
from nws_babelfish.standins import Name, StandIn

__all__ = ["NO_KEY", "NUMBERS", "Entry", "Group", "group_of"]

NUMBERS: Final = 1000
"""How many numbers of a list or array are shown."""

NO_KEY: Final = object()

_KINDS_OF_NUMBERS: Final = (int, float, bool, complex)


class Entry(NamedTuple):
    """A value in a group, with its key or its name if it has one."""

    value: Any
    key: Any = NO_KEY
    name: str = ""


class Group(NamedTuple):
    """A value that holds others.

    Attributes:
        opening: what stands before the others.
        closing: what stands behind them.
        size: how many they are.
        entries: begins to go through them.
        numbers: they are numbers, so they are not to take a line each.
        head: a value to be shown before the opening.
    """

    opening: str
    closing: str
    size: int
    entries: Callable[[], Iterator[Entry]]
    numbers: bool = False
    head: Any = NO_KEY


def group_of(value: Any) -> Group | None:
    """Return the group that a value is, or None."""
    if type(value) is Group:
        return value
    found = array_of(value)
    if found is not None:
        return _of_array(value, found)
    if type(value) is StandIn:
        return None if scalar_of(value) is not None else _of_stand_in(value)
    make = _KINDS.get(type(value).__repr__)
    return None if make is None else make(value)


def _of_items(
    opening: str, closing: str, kind: type[Any], empty: str | None = None
) -> Callable[[Any], Group]:
    """Return what makes groups of containers of a kind."""

    def make(value: Any) -> Group:
        size = kind.__len__(value)
        if not size and empty is not None:
            return Group(empty, "", 0, lambda: iter(()))
        first = list(islice(kind.__iter__(value), NUMBERS))
        return Group(
            opening,
            ",)" if kind is tuple and size == 1 else closing,
            size,
            lambda: map(Entry, kind.__iter__(value)),
            numbers=kind not in (set, frozenset) and size > 0 and all(map(_is_number, first)),
        )

    return make


def _is_number(value: Any) -> bool:
    return type(value) in _KINDS_OF_NUMBERS or scalar_of(value) is not None


def _of_mapping(opening: str, closing: str) -> Callable[[Any], Group]:
    def make(value: Any) -> Group:
        return Group(opening, closing, dict.__len__(value), lambda: _pairs(dict.items(value)))

    return make


def _of_defaultdict(value: Any) -> Group:
    factory = leaf_text(value.default_factory, NUMBERS)
    return _of_mapping(f"defaultdict({factory}, {{", "})")(value)


def _of_deque(value: Any) -> Group:
    closing = "])" if value.maxlen is None else f"], maxlen={value.maxlen})"
    return _of_items("deque([", closing, deque)(value)


def _of_machine_array(value: Any) -> Group:
    return _of_items(f"array({value.typecode!r}, [", "])", array.array)(value)


def _of_array(value: Any, found: Array) -> Group:
    shape = "" if len(found.shape) == 1 else f", shape={found.shape}"
    return Group(
        "array([",
        f"]{shape}, {found.dtype})",
        found.size,
        lambda: _elements(value),
        numbers=True,
    )


def _elements(value: Any) -> Iterator[Entry]:
    found = array_of(value)
    return map(Entry, () if found is None else found.elements)


def _of_stand_in(value: StandIn) -> Group:
    """Show a stand-in as the call that would make it: attributes and contents are arguments too."""
    known = type(value.function) is Name
    return Group(
        f"{value.function.text}(" if known else "(",
        ")",
        len(value.arguments) + len(value.items) + len(value.pairs),
        lambda: _arguments_of(value),
        head=NO_KEY if known else value.function,
    )


def _arguments_of(value: StandIn) -> Iterator[Entry]:
    yield from map(Entry, value.arguments)
    if value.items:
        yield Entry(value.items)
    if value.pairs:
        yield Entry(Group("{", "}", len(value.pairs), lambda: _pairs(value.pairs)))
    for name, argument in value.keywords.items():
        yield Entry(argument, name=name)
    state = value.state
    parts = state if type(state) is tuple and len(state) == 2 else (state,)
    if all(part is None or _are_attributes(part) for part in parts):
        for part in parts:
            for name, attribute in (part or {}).items():
                yield Entry(attribute, name=name)
    elif state is not None:
        yield Entry(state, name="__setstate__")


def _are_attributes(part: Any) -> bool:
    return type(part) is dict and all(type(name) is str and name.isidentifier() for name in part)


def _pairs(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Entry]:
    for key, value in pairs:
        yield Entry(value, key)


_KINDS: Final[Mapping[Any, Callable[[Any], Group]]] = {
    list.__repr__: _of_items("[", "]", list),
    tuple.__repr__: _of_items("(", ")", tuple),
    set.__repr__: _of_items("{", "}", set, "set()"),
    frozenset.__repr__: _of_items("frozenset({", "})", frozenset, "frozenset()"),
    dict.__repr__: _of_mapping("{", "}"),
    OrderedDict.__repr__: _of_mapping("OrderedDict({", "})"),
    Counter.__repr__: _of_mapping("Counter({", "})"),
    defaultdict.__repr__: _of_defaultdict,
    deque.__repr__: _of_deque,
    array.array.__repr__: _of_machine_array,
}

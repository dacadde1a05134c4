"""Containers: values that hold other values, and the texts before and after their entries.

Only a value that prints itself as Python's own containers do is a container here, not one whose
class has its own ``__repr__``.
"""

from __future__ import annotations

import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from nws_babelfish.arrays import Array, array_of, scalar_of
from nws_babelfish.leaves import leaf_text
from nws_babelfish.standins import GlobalName, StandIn

__all__ = ["MAX_NUMBERS", "NO_KEY", "Container", "Entry", "container_of"]

MAX_NUMBERS: Final = 1000
"""How many numbers of a list or array are shown."""

NO_KEY: Final = object()

_KINDS_OF_NUMBERS: Final = (int, float, bool, complex)


class Entry(NamedTuple):
    """A value in a container, with its key or name if it has one."""

    value: Any
    key: Any = NO_KEY
    name: str = ""


class Container(NamedTuple):
    """A value that holds others.

    Attributes:
        opening: the text before the entries.
        closing: the text after them.
        size: the number of entries.
        entries: returns an iterator over them.
        numbers: whether they are numbers, which do not take a line each.
        head: a value shown before the opening.
    """

    opening: str
    closing: str
    size: int
    entries: Callable[[], Iterator[Entry]]
    numbers: bool = False
    head: Any = NO_KEY


def container_of(value: Any) -> Container | None:
    """Return the container for a value; None if the value is not one."""
    if type(value) is Container:
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
) -> Callable[[Any], Container]:
    """Return a function that describes containers of one kind."""

    def make(value: Any) -> Container:
        size = kind.__len__(value)
        if not size and empty is not None:
            return Container(empty, "", 0, lambda: iter(()))
        first = list(islice(kind.__iter__(value), MAX_NUMBERS))
        return Container(
            opening,
            ",)" if kind is tuple and size == 1 else closing,
            size,
            lambda: map(Entry, kind.__iter__(value)),
            numbers=kind not in (set, frozenset) and size > 0 and all(map(_is_number, first)),
        )

    return make


def _is_number(value: Any) -> bool:
    return type(value) in _KINDS_OF_NUMBERS or scalar_of(value) is not None


def _of_mapping(opening: str, closing: str) -> Callable[[Any], Container]:
    def make(value: Any) -> Container:
        return Container(opening, closing, dict.__len__(value), lambda: _pairs(dict.items(value)))

    return make


def _of_defaultdict(value: Any) -> Container:
    factory = leaf_text(value.default_factory, MAX_NUMBERS)
    return _of_mapping(f"defaultdict({factory}, {{", "})")(value)


def _of_deque(value: Any) -> Container:
    closing = "])" if value.maxlen is None else f"], maxlen={value.maxlen})"
    return _of_items("deque([", closing, deque)(value)


def _of_machine_array(value: Any) -> Container:
    return _of_items(f"array({value.typecode!r}, [", "])", array.array)(value)


def _of_array(value: Any, found: Array) -> Container:
    shape = "" if len(found.shape) == 1 else f", shape={found.shape}"
    return Container(
        "array([",
        f"]{shape}, {found.dtype})",
        found.size,
        lambda: _elements(value),
        numbers=True,
    )


def _elements(value: Any) -> Iterator[Entry]:
    found = array_of(value)
    return map(Entry, () if found is None else found.elements)


def _of_stand_in(value: StandIn) -> Container:
    """Show a stand-in as the call that would make it, with attributes and contents as arguments."""
    known = type(value.function) is GlobalName
    return Container(
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
        yield Entry(Container("{", "}", len(value.pairs), lambda: _pairs(value.pairs)))
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


_KINDS: Final[Mapping[Any, Callable[[Any], Container]]] = {
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

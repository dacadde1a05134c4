"""The arguments of a call, from the forms in which the user may give them."""

from __future__ import annotations

import reprlib
from collections import UserString
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, Final

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.functions import INVOKE

__all__ = [
    "columns_of",
    "count_of",
    "counted_elements",
    "elements_of",
    "fixed_arguments",
    "fixed_keywords",
]

_VALUES: Final = (str, UserString, bytes, bytearray, memoryview, Mapping, set, frozenset, type)
"""Kinds of iterables that are one value all the same."""


def columns_of(element_args: Any) -> list[Any]:
    """Return the columns of varying arguments: iterables, one for each argument.

    ``element_args`` is a list of them. Where one argument varies, the list around its column may be
    left out. What can only be meant as one value is never a column; by itself it is one element.

    Raises:
        SleighIllegalValueException: it is no iterable, or mixes columns and values.
    """
    if not isinstance(element_args, list):
        if not isinstance(element_args, Iterable):
            raise SleighIllegalValueException(
                f"elementArgs={reprlib.repr(element_args)} is not an iterable of arguments; "
                "what is the same for all elements belongs into fixedArgs"
            )
        return [[element_args] if _is_value(element_args) else element_args]
    # Of a long list of values only the types are looked at, which is quick.
    if element_args and all(map(_is_of_values, set(map(type, element_args)))):
        return [element_args]
    values = [_is_value(item) for item in element_args]
    if any(values):
        if all(values):
            return [element_args]
        raise SleighIllegalValueException(_mixed(element_args, values))
    return element_args


def count_of(columns: list[Any]) -> int | None:
    """Return the number of elements in columns, or None if it is not known."""
    if not columns:
        return 0
    return min(map(len, columns)) if all(isinstance(each, Sized) for each in columns) else None


def elements_of(columns: list[Any]) -> Iterator[tuple[Any, ...]]:
    """Return the varying arguments of each element; the shortest column ends them."""
    return zip(*columns, strict=False)


def counted_elements(columns: list[Any]) -> tuple[Iterator[tuple[Any, ...]], int]:
    """Return the varying arguments of each element and the number of elements; to know it, they may
    have to be read to their end."""
    elements, count = elements_of(columns), count_of(columns)
    if count is not None:
        return elements, count
    listed = list(elements)
    return iter(listed), len(listed)


def fixed_arguments(fixed_args: Any) -> list[Any]:
    """Return the arguments that all tasks share; one that is no list or tuple stands for itself."""
    return list(fixed_args) if isinstance(fixed_args, list | tuple) else [fixed_args]


def fixed_keywords(fixed_kwargs: Mapping[str, Any] | None, kind: str) -> dict[str, Any]:
    """Return the keyword arguments that all elements share.

    Raises:
        SleighIllegalValueException: it is no mapping, their names are not strings, or nothing is
            called with them.
    """
    if not isinstance(fixed_kwargs, Mapping | None):
        raise SleighIllegalValueException(f"fixedKwargs={fixed_kwargs!r} is not a dict")
    keywords = dict(fixed_kwargs or {})
    if not all(isinstance(name, str) for name in keywords):
        raise SleighIllegalValueException(f"fixedKwargs={keywords!r}: names must be strings")
    if keywords and kind != INVOKE:
        raise SleighIllegalValueException(f"fixedKwargs cannot be used with type={kind!r}")
    return keywords


def _is_value(item: Any) -> bool:
    """Tell whether something can only be meant as one argument, and not as a column of them."""
    kind = type(item)
    # An array or tensor without dimensions counts as an iterable, but is none.
    return _is_of_values(kind) or (hasattr(kind, "ndim") and item.ndim == 0)


def _is_of_values(kind: type) -> bool:
    """Tell whether all objects of a class are values: texts, bytes, mappings, sets, classes,
    records, data frames, and what cannot be iterated over."""
    if kind is list or kind is tuple or kind is range:  # most are
        return False
    return (
        not issubclass(kind, Iterable)
        or issubclass(kind, _VALUES)
        or _is_of_records(kind)
        # Those of pandas, Polars and others; none of them is imported here.
        or any(base.__name__ == "DataFrame" for base in kind.__mro__)
    )


def _is_of_records(kind: type) -> bool:
    """Tell whether the items of all objects of a class have names, as those of named tuples, of
    what `os.stat` returns, of rows of databases, and of proxies and others that are like dicts."""
    return (
        hasattr(kind, "_fields")
        or hasattr(kind, "n_sequence_fields")
        # A column of a data frame has keys, too.
        or (hasattr(kind, "keys") and not hasattr(kind, "ndim"))
    )


def _mixed(items: Sequence[Any], values: Sequence[bool]) -> str:
    """Say what is wrong with a list of both columns and values."""
    column, value = values.index(False), values.index(True)
    return (
        f"elementArgs mixes columns and values: item {column}, of type "
        f"{type(items[column]).__name__}, is a column of arguments, but item {value}, of type "
        f"{type(items[value]).__name__}, is one argument. Read as columns, the first call would be "
        f"fun({', '.join(map(_first_of, items))}). If each item is an element, put a list around "
        f"them, and the first call is fun({reprlib.repr(items[0])}); what is the same for all "
        "elements belongs into fixedArgs"
    )


def _first_of(item: Any) -> str:
    """Show the first argument in a column, for people. Nothing is taken from an iterator."""
    if not isinstance(item, Iterable) or (_is_value(item) and not isinstance(item, _VALUES)):
        return reprlib.repr(item)
    return reprlib.repr(next(iter(item), None)) if isinstance(item, Sized) else "..."

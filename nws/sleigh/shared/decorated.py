"""How to pickle what the decorators of `functools` make of functions that travel by value.

They hold locks and weak references, which cannot be pickled, or would travel by a name that only
the master knows. So the function travels, and is decorated again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Final

__all__ = [
    "CACHED_FUNCTION",
    "is_dispatching",
    "reduced_cache",
    "reduced_dispatch",
    "reduced_property",
]

CACHED_FUNCTION: Final = type(functools.lru_cache(abs))

_DISPATCHING: Final[Any] = functools.singledispatch(abs)


def reduced_cache(function: Any) -> Any:
    """Return how to pickle what `functools.lru_cache` has made: without what is in the cache."""
    options = function.cache_parameters()
    return _cached, (function.__wrapped__, options["maxsize"], options["typed"])


def _cached(function: Callable[..., Any], maxsize: int | None, typed: bool) -> Any:
    return functools.lru_cache(maxsize, typed)(function)


def reduced_property(descriptor: functools.cached_property[Any]) -> Any:
    """Return how to pickle a `functools.cached_property`: before Python 3.12 it has a lock."""
    return functools.cached_property, (descriptor.func,), {"attrname": descriptor.attrname}


def is_dispatching(function: FunctionType) -> bool:
    """Tell whether `functools.singledispatch` has made a function."""
    return bool(function.__code__ is _DISPATCHING.__code__)


def reduced_dispatch(function: Any) -> Any:
    """Return how to pickle such a function: with all that is registered, without its cache."""
    registered = [pair for pair in function.registry.items() if pair[1] is not function.__wrapped__]
    return functools.singledispatch, (function.__wrapped__,), registered, None, None, _register


def _register(function: Any, registered: Sequence[tuple[type, Callable[..., Any]]]) -> None:
    for kind, implementation in registered:
        function.register(kind, implementation)

"""The function of a call as it is sent to the workers, once.

``invoke`` and ``apply`` call it, ``define`` keeps it under its name for later expressions, and
``eval`` evaluates an expression or runs statements: see `nws.sleigh.Sleigh.eachElem`.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from nws.errors import SleighIllegalValueException
from nws.sleigh.shared.generators import FunctionPickler
from nws.sleigh.shared.pickling import Packed, pack, pieces_of
from nws.sleigh.shared.snapshots import Snapshot, snapshot_of
from nws.sleigh.shared.unpicklable import name_unpicklable

__all__ = [
    "APPLY",
    "DEFINE",
    "EVAL",
    "INVOKE",
    "Function",
    "check_function",
    "function_variable",
    "named_function",
    "packed_function",
]

APPLY: Final = "apply"
"""Each element's arguments are a pair: positional ones, and a dict of keyword arguments, which
override the fixed ones."""
INVOKE: Final = "invoke"
DEFINE: Final = "define"
EVAL: Final = "eval"

_MAX_KEPT: Final = 16
"""Functions that are not packed again for each call."""


class Function(NamedTuple):
    """What is sent to the workers once."""

    kind: str
    thing: Any
    """A callable; for ``eval`` the text."""
    fixed: Sequence[Any]
    """Positional arguments behind those of each element."""
    keywords: dict[str, Any]
    """Keyword arguments of every invocation; empty for ``define`` and ``eval``."""
    permute: Sequence[int] | None
    """Which of the varying and then the fixed arguments are passed, in this order."""

    def snapshot(self) -> Snapshot | None:
        """Return a snapshot of it; None if it has anything whose change might not be seen."""
        return None if self.fixed or self.keywords else snapshot_of(self.thing)


def check_function(fun: Any, kind: str | None) -> tuple[str, Any]:
    """Return the kind of a function, and what of it is sent.

    Raises:
        SleighIllegalValueException: it cannot be run at all, or not in this way.
    """
    kind = kind or (EVAL if isinstance(fun, str) else INVOKE)
    if isinstance(fun, str):
        if kind != EVAL:
            raise SleighIllegalValueException(f"type={kind!r}: an expression can only be 'eval'")
        return EVAL, _checked(fun)
    if kind not in (INVOKE, DEFINE):
        raise SleighIllegalValueException(
            f"type={kind!r}: a function can be 'invoke' or 'define', a text 'eval'"
        )
    if not callable(fun):
        raise SleighIllegalValueException(f"{fun!r} is neither a function nor an expression")
    if kind == DEFINE and not isinstance(getattr(fun, "__name__", None), str):
        raise SleighIllegalValueException(f"{fun!r} has no name by which it could be kept")
    return INVOKE if kind == INVOKE else DEFINE, fun


def _checked(text: str) -> str:
    """Strip the blanks in front of a text, and make sure that it is Python."""
    text = text.lstrip()
    try:
        compile(text, "<expression>", "exec")
    except (SyntaxError, ValueError) as error:
        raise SleighIllegalValueException(f"the expression is not Python: {error}") from error
    return text


def named_function(function: Function) -> tuple[str, Packed]:
    """Pack a function; return the name of the variable for it as well.

    Raises:
        SleighIllegalValueException: it cannot be pickled.
    """
    kind, thing, fixed, keywords, permute = function
    key = kind, id(thing)  # which is in the snapshot, and so remains
    is_alone = not fixed and not keywords and permute is None
    if is_alone:
        kept = _kept.get(key)
        if kept is not None and kept.snapshot.holds():
            return kept.named
    snapshot = function.snapshot() if is_alone else None
    what = "the function or fixedArgs" if fixed or keywords else "the function"
    packed = packed_function(tuple(function), what)
    named = function_variable(packed), packed
    if snapshot is not None and type(packed) is bytes:  # which is not large
        _keep(key, _Kept(snapshot, named))
    return named


class _Kept(NamedTuple):
    """What a function was packed to."""

    snapshot: Snapshot
    named: tuple[str, Packed]


_kept: dict[tuple[str, int], _Kept] = {}
"""By the kind and the identity of each function."""


def _keep(key: tuple[str, int], kept: _Kept) -> None:
    """Keep what a function was packed to, and drop what was kept first."""
    _kept.pop(key, None)
    _kept[key] = kept
    for oldest in list(_kept)[:-_MAX_KEPT]:
        _kept.pop(oldest, None)


def function_variable(packed: Packed) -> str:
    """Return the name of the variable for a function: the same contents have the same name."""
    digest = blake2b(digest_size=8)
    for piece in pieces_of(packed):
        digest.update(piece)
    return f"function {digest.hexdigest()}"


def packed_function(things: Any, what: str = "the function") -> Packed:
    """Pack a function, or what belongs to one.

    Args:
        things: what is packed.
        what: this is, for messages.

    Raises:
        SleighIllegalValueException: it cannot be pickled.
    """
    try:
        return pack(things, FunctionPickler)
    except Exception as error:
        where = name_unpicklable(things, lambda thing: pack(thing, FunctionPickler))
        raise SleighIllegalValueException(f"{what} cannot be pickled: {error}{where}") from error

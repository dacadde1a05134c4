"""Values that the master stores once for many calls: `Sleigh.scatter`."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import suppress
from hashlib import blake2b
from typing import Any, Final
from weakref import WeakValueDictionary

from nws.client import NetWorkSpace
from nws.errors import NwsException, SleighIllegalValueException
from nws.sleigh.shared.messages import copies_variable, data_variable
from nws.sleigh.shared.pickling import Packed, pack, pieces_of
from nws.sleigh.shared.scattered import reader_of
from nws.sleigh.shared.segments import CAN_SHARE, Segment

__all__ = ["PackedHere", "Scatter", "Scattered"]

_DIGEST_BYTES: Final = 16

_here = threading.local()


class _Stored:
    """A value on this machine, or on the server for others, until nobody refers to it."""

    def __init__(self, name: str, packed: Packed, workspace: NetWorkSpace, *, share: bool) -> None:
        self.name = name
        self.path = ""
        if share:
            self._segment = Segment(name, packed)
            self.path = self._segment.path
        else:
            workspace.declare(copies_variable(name), "fifo")
            workspace.declare(data_variable(name), "single")
            workspace.store(data_variable(name), packed)
            weakref.finalize(self, _delete, workspace, name, os.getpid()).atexit = False


def _delete(workspace: NetWorkSpace, name: str, owner: int) -> None:
    if os.getpid() == owner:  # not in a fork
        with suppress(NwsException):  # the server is gone, or the sleigh was stopped
            workspace.deleteVar(data_variable(name))
            workspace.deleteVar(copies_variable(name))


class Scattered:
    """Stands for a value in the arguments of calls, which are given the value itself. That is kept
    as long as this object lives, or a submitted call is under way that was given it.

    What a call changes in it may be seen by later calls on the same worker. The data of large
    arrays and bytes is shared between the workers of the master's machine, and cannot be changed.
    """

    def __init__(self, stored: _Stored) -> None:
        """Made by `nws.sleigh.Sleigh.scatter`."""
        self._stored = stored

    def __reduce__(self) -> tuple[Any, ...]:
        held: list[Scattered] | None = getattr(_here, "held", None)
        if held is not None:
            held.append(self)
        return reader_of(self._stored.name, self._stored.path), ()

    def __repr__(self) -> str:
        return f"<Scattered {self._stored.name}>"


class PackedHere(list[Scattered]):
    """The handles that this thread packs while this is entered. It is a class and not a generator
    because a short call spends a part of its time here."""

    def __enter__(self) -> PackedHere:
        _here.held = self
        return self

    def __exit__(self, *_: object) -> None:
        _here.held = None


class Scatter:
    """The values of a sleigh."""

    def __init__(self, workspace: NetWorkSpace, *, is_local: bool) -> None:
        """Prepare. If ``is_local`` all workers are on this machine."""
        self._workspace = workspace
        self._share = is_local and CAN_SHARE
        self._stored = WeakValueDictionary[str, _Stored]()

    def scatter(self, value: Any) -> Scattered:
        """Store a value; see `nws.sleigh.Sleigh.scatter`."""
        try:
            packed = pack(value)
        except Exception as error:
            raise SleighIllegalValueException(f"the value cannot be pickled: {error}") from error
        digest = blake2b(digest_size=_DIGEST_BYTES)
        for piece in pieces_of(packed):
            digest.update(piece)
        name = digest.hexdigest()
        stored = self._stored.get(name)
        if stored is None:
            stored = _Stored(name, packed, self._workspace, share=self._share)
            self._stored[name] = stored
        return Scattered(stored)

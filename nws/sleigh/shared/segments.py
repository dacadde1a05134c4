"""Packed objects in memory that other processes of this machine can map: so there is one copy for
all.

A segment is a file without a name, that of `os.memfd_create`. Others open it through ``/proc`` as
long as its maker lives, and what they have mapped stays as long as they use it. So nothing is left
behind, however a process ends.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from nws.sleigh.shared.pickling import Packed, pieces_of

__all__ = ["CAN_SHARE", "Mapped", "Segment", "mapped"]

CAN_SHARE: Final = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")
"""Whether this system has such files."""

_ALIGNMENT: Final = 64
"""Bytes. Numbers in memory that is not aligned are slow."""

_HEAD: Final = struct.Struct("<32sQ")
"""The name, and the number of pieces; the size of each follows."""


class Mapped(tuple[memoryview, ...]):
    """A packed object in pieces that lie in a segment, and cannot be changed."""

    __slots__ = ()


class Segment:
    """A packed object that others can map.

    Attributes:
        path: where they find it.
    """

    def __init__(self, name: str, packed: Packed) -> None:
        """Write it.

        Args:
            name: of 32 ASCII characters, which no other object has.
            packed: the object.

        Raises:
            OSError: there is no memory.
        """
        pieces = list(pieces_of(packed))
        sizes = [piece.nbytes for piece in pieces]
        self._fd = os.memfd_create(name)
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self._owner = os.getpid()
        try:
            head = _HEAD.pack(name.encode(), len(sizes)) + struct.pack(f"<{len(sizes)}Q", *sizes)
            _write(self._fd, 0, memoryview(head))
            for offset, piece in zip(_offsets(sizes), pieces, strict=True):
                _write(self._fd, offset, piece)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let nobody map it any more."""
        if self._owner == os.getpid():
            with suppress(OSError):
                os.close(self._fd)
            self._owner = 0

    def __del__(self) -> None:
        self.close()


def mapped(path: str, name: str) -> Mapped | bytes | None:
    """Map the pieces of a segment; what is in one piece is copied. None if it is not there."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        view = memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):
        return None  # another file has this number now
    finally:
        os.close(fd)
    if len(view) < _HEAD.size or _HEAD.unpack_from(view)[0] != name.encode():
        return None
    count = _HEAD.unpack_from(view)[1]
    sizes = struct.unpack_from(f"<{count}Q", view, _HEAD.size)
    pieces = [
        view[begin : begin + size] for begin, size in zip(_offsets(sizes), sizes, strict=True)
    ]
    return Mapped(pieces) if count > 1 else bytes(pieces[0])


def _offsets(sizes: Sequence[int]) -> list[int]:
    """Return where pieces of these sizes begin."""
    offsets = []
    end = _HEAD.size + 8 * len(sizes)
    for size in sizes:
        begin = -(-end // _ALIGNMENT) * _ALIGNMENT
        offsets.append(begin)
        end = begin + size
    return offsets


def _write(fd: int, offset: int, data: memoryview) -> None:
    while data.nbytes:
        written = os.pwrite(fd, data, offset)
        data, offset = data[written:], offset + written

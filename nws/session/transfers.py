"""Values that go from files to the server, and the other way, piece by piece."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import BinaryIO, Final

__all__ = ["Download", "Upload"]

_BLOCK_BYTES: Final = 1024 * 1024


class Upload:
    """A field that is read from a file while it is sent.

    A file that turns out to be shorter than announced is filled up with zeros, because the length
    has been sent by then; a warning says so.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Announce ``size`` bytes, read from the file's present position on."""
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def blocks(self) -> Iterator[bytes]:
        """Read the field."""
        left = self._size
        while left and (block := self._file.read(min(left, _BLOCK_BYTES))):
            left -= len(block)
            yield block
        if left:
            warnings.warn(
                f"the file ended {left} bytes early; zeros are stored in their place", stacklevel=2
            )
        while left:
            block = bytes(min(left, _BLOCK_BYTES))
            left -= len(block)
            yield block


class Download:
    """Passes a payload on to a file while it is received."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: memoryview, /) -> None:
        """Write all of a piece; a raw file may take only a part at a time, and others return None.

        Raises:
            OSError: the file cannot be written.
        """
        while data:
            data = data[self._file.write(data) or len(data) :]

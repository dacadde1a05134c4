"""Arrays in files that the program has mapped to be written (`numpy.memmap`): a call is given the
file, not a copy. So what it writes is there for the program and for other calls."""

from __future__ import annotations

from mmap import mmap
from typing import Any

__all__ = ["FileArray"]


class FileArray:
    """Stands for such an array, or a part of one, in the arguments of a call."""

    def __init__(self, memory: Any, array: Any) -> None:
        """Take what `FileArray.of` has found."""
        steps = [
            (size - 1) * stride for size, stride in zip(array.shape, array.strides, strict=True)
        ]
        before = -sum(step for step in steps if step < 0)  # where the axis is reversed
        after = sum(step for step in steps if step > 0) + array.itemsize
        first = memory.offset + _address(array) - _address(memory)
        self._layout = before, array.shape, array.dtype, array.strides
        self._where = str(memory.filename), first - before, before + after

    @classmethod
    def of(cls, array: Any) -> FileArray | None:
        """Return what stands for an array of NumPy, or None if it is in no such file."""
        memory = array
        while not isinstance(memory.base, mmap):
            memory = memory.base
            if not hasattr(memory, "base"):
                return None
        is_shared = getattr(memory, "mode", "") in ("r+", "w+") and memory.filename is not None
        return cls(memory, array) if is_shared and array.flags.writeable and array.size else None

    def __reduce__(self) -> tuple[Any, ...]:
        return _mapped, (*self._where, *self._layout)


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _mapped(
    path: str, begin: int, length: int, first: int, shape: Any, dtype: Any, strides: Any
) -> Any:
    """Return the array, on a worker."""
    import numpy as np

    memory = np.memmap(path, np.uint8, "r+", begin, length)
    return np.ndarray.__new__(np.memmap, shape, dtype, memory, first, strides)

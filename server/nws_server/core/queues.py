"""The four orders in which a variable gives up its values, one class each.

A queue holds `Value` objects whose ``index`` grows with each `append`. A value that was taken may
be put back to its place. Values that came back are kept apart, sorted, because there are few of
them as a rule: so appending and taking cost O(1), and putting back O(log n) comparisons; it costs
O(1) at both ends of those that came back. Waiting clients, leases and ids are not known here.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import ClassVar, Final

from nws_server.core.values import Value

_by_index = attrgetter("index")
_MIN_COMPACT_VALUES: Final = 64


def _newest_first(value: Value) -> int:
    return -value.index


def _insert(values: deque[Value], value: Value, key: Callable[[Value], int]) -> None:
    """Put a value to its place among others, which are sorted by this key."""
    if not values or key(values[-1]) < key(value):
        values.append(value)
    elif key(value) < key(values[0]):
        values.appendleft(value)
    else:
        insort(values, value, key=key)


class Queue(ABC):
    """The values of one variable."""

    __slots__ = ()
    mode: ClassVar[bytes]
    iterable: ClassVar[bool] = False
    """Whether iterators can walk it: its values keep their order while others are taken."""

    @abstractmethod
    def append(self, value: Value) -> Value | None:
        """Add the newest value; return the one that it replaced, if any."""

    @abstractmethod
    def peek(self) -> Value:
        """Return the value that a get sees. The queue may not be empty."""

    @abstractmethod
    def take(self) -> Value:
        """Remove and return the value that a get sees. The queue may not be empty."""

    @abstractmethod
    def put_back(self, value: Value) -> None:
        """Return a taken value to its place."""

    @abstractmethod
    def remove(self, value: Value) -> None:
        """Take out a value that is there, wherever that is. What lies behind it is moved."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __iter__(self) -> Iterator[Value]:
        """Walk the values in the order in which they would be taken."""

    def window(self, start: int, count: int) -> Sequence[Value]:
        """Return up to ``count`` values from position ``start`` on, in the order of `__iter__`. The
        cost is that of these values and of those that came back."""
        return list(islice(self, start, start + count))

    def with_index(self, index: int) -> Value | None:
        """Return the value with this index, if it is there."""
        return next((value for value in self if value.index == index), None)

    def after(self, index: int) -> Value | None:
        """Return the first value with a larger index than this. Only if `iterable`."""
        raise TypeError(f"a {self.mode.decode()} variable cannot be iterated")


class Fifo(Queue):
    """Oldest first. A list with a moving head, since a deque is slow in its middle."""

    __slots__ = ("_fresh", "_head", "_returned")
    mode = b"fifo"
    iterable = True

    def __init__(self) -> None:
        self._fresh: list[Value] = []
        self._head = 0  # what lies before it was taken
        self._returned: deque[Value] = deque()  # newest first; all older than the fresh ones

    def append(self, value: Value) -> None:
        self._fresh.append(value)

    def peek(self) -> Value:
        return self._returned[-1] if self._returned else self._fresh[self._head]

    def take(self) -> Value:
        if self._returned:
            return self._returned.pop()
        head = self._head
        value = self._fresh[head]
        self._head = head = head + 1
        if head >= _MIN_COMPACT_VALUES and 2 * head >= len(self._fresh):
            del self._fresh[:head]
            self._head = 0
        else:
            self._fresh[head - 1] = _TAKEN
        return value

    def put_back(self, value: Value) -> None:
        _insert(self._returned, value, _newest_first)

    def remove(self, value: Value) -> None:
        returned = self._returned
        if returned and value.index <= returned[0].index:
            del returned[bisect_left(returned, -value.index, key=_newest_first)]
        else:
            del self._fresh[bisect_left(self._fresh, value.index, lo=self._head, key=_by_index)]

    def after(self, index: int) -> Value | None:
        older = bisect_right(self._returned, -index - 1, key=_newest_first)
        if older:
            return self._returned[older - 1]
        place = bisect_right(self._fresh, index, lo=self._head, key=_by_index)
        return self._fresh[place] if place < len(self._fresh) else None

    def window(self, start: int, count: int) -> Sequence[Value]:
        returned = list(islice(reversed(self._returned), start, start + count))
        begin = self._head + max(0, start - len(self._returned))
        return returned + self._fresh[begin : begin + count - len(returned)]

    def with_index(self, index: int) -> Value | None:
        found = self.after(index - 1)
        return found if found is not None and found.index == index else None

    def __len__(self) -> int:
        return len(self._fresh) - self._head + len(self._returned)

    def __iter__(self) -> Iterator[Value]:
        yield from reversed(self._returned)
        for place in range(self._head, len(self._fresh)):
            yield self._fresh[place]


_TAKEN: Final = Value(b"", b"")
"""Fills the places before a fifo's head, so that taken values are freed at once."""


class Lifo(Queue):
    """Newest first."""

    __slots__ = ("_fresh", "_returned")
    mode = b"lifo"

    def __init__(self) -> None:
        self._fresh: list[Value] = []
        self._returned: deque[Value] = deque()  # oldest first

    def append(self, value: Value) -> None:
        self._fresh.append(value)

    def _top(self) -> list[Value] | deque[Value]:
        returned, fresh = self._returned, self._fresh
        if returned and (not fresh or returned[-1].index > fresh[-1].index):
            return returned
        return fresh

    def peek(self) -> Value:
        return self._top()[-1]

    def take(self) -> Value:
        return self._top().pop()

    def put_back(self, value: Value) -> None:
        _insert(self._returned, value, _by_index)

    def remove(self, value: Value) -> None:
        for values in (self._fresh, self._returned):
            place = bisect_left(values, value.index, key=_by_index)
            if place < len(values) and values[place] is value:
                del values[place]
                return

    def window(self, start: int, count: int) -> Sequence[Value]:
        # The fresh ones left out here come before the window, wherever the returned ones belong.
        left_out = max(0, start - len(self._returned))
        newest_first = slice(-1 - left_out, -1 - start - count, -1)
        nearby = sorted([*self._fresh[newest_first], *self._returned], key=_newest_first)
        return nearby[start - left_out : start - left_out + count]

    def with_index(self, index: int) -> Value | None:
        for values in (self._fresh, self._returned):
            place = bisect_left(values, index, key=_by_index)
            if place < len(values) and values[place].index == index:
                return values[place]
        return None

    def __len__(self) -> int:
        return len(self._fresh) + len(self._returned)

    def __iter__(self) -> Iterator[Value]:
        return iter(sorted([*self._fresh, *self._returned], key=_newest_first))


class Multi(Queue):
    """Any value, each as likely as the others."""

    __slots__ = ("_values",)
    mode = b"multi"

    def __init__(self) -> None:
        self._values: list[Value] = []

    def append(self, value: Value) -> None:
        self._values.append(value)

    def peek(self) -> Value:
        return random.choice(self._values)

    def take(self) -> Value:
        values = self._values
        place = int(random.random() * len(values))
        values[place], values[-1] = values[-1], values[place]
        return values.pop()

    def put_back(self, value: Value) -> None:
        self._values.append(value)

    def remove(self, value: Value) -> None:
        self._values.remove(value)

    def window(self, start: int, count: int) -> Sequence[Value]:
        return self._values[start : start + count]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)


class Single(Queue):
    """One value at most; a new one replaces it."""

    __slots__ = ("_value",)
    mode = b"single"
    iterable = True

    def __init__(self) -> None:
        self._value: Value | None = None

    def append(self, value: Value) -> Value | None:
        replaced, self._value = self._value, value
        return replaced

    def peek(self) -> Value:
        assert self._value is not None
        return self._value

    def take(self) -> Value:
        value = self.peek()
        self._value = None
        return value

    def put_back(self, value: Value) -> None:
        self._value = value

    def remove(self, value: Value) -> None:
        self._value = None

    def after(self, index: int) -> Value | None:
        value = self._value
        return value if value is not None and value.index > index else None

    def __len__(self) -> int:
        return 0 if self._value is None else 1

    def __iter__(self) -> Iterator[Value]:
        return iter(() if self._value is None else (self._value,))


QUEUES: Final[dict[bytes, type[Queue]]] = {kind.mode: kind for kind in (Fifo, Lifo, Multi, Single)}
"""Mode as clients spell it -> queue."""

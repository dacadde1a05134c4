"""Reads the input of an `imap` on a thread of its own, so that no result has to wait for it.

Such an input may be slow, or be fed from the results. The user's thread asks for some elements and
waits as long as they come promptly: so the input is read at the same time as anything else of the
user's only if it keeps us waiting.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from itertools import count, repeat
from typing import Any, Final

from nws.sleigh.master.alarm import Alarm
from nws.sleigh.shared.pickling import Packed, size_of

__all__ = ["InputReader", "NotYet", "is_prompt"]

_PATIENCE_SECONDS: Final = 0.01
"""The user's thread waits at most this long for the next element."""

_MAX_WAITS: Final = 10
"""For all elements that were asked for, it waits at most this many times as long."""

_PROMPT: Final = frozenset(
    {list, tuple, range, dict, set, frozenset, str, bytes, bytearray, deque, count, repeat}
)


def is_prompt(inputs: Iterable[Any]) -> bool:
    """Tell whether inputs are of kinds that never keep anybody waiting."""
    return all(type(each) in _PROMPT for each in inputs)


class NotYet(Exception):
    """The next element is still being read."""


class InputReader:
    """An iterator over packed elements, as far as they were read.

    Attributes:
        alarm: rings when the reader has news and nobody waits for it.
        on_news: called then too.
    """

    def __init__(self, source: Iterator[Packed], max_bytes: int) -> None:
        """Prepare to read from this iterator, at most about ``max_bytes`` at once."""
        self.alarm = Alarm()
        self.on_news: Callable[[], None] = self.alarm.ring
        self._source = source
        self._max_bytes = max_bytes
        self._read = deque[Packed]()
        self._wanted = 0
        self._ended = self._closed = False
        self._error: BaseException | None = None
        self._asked = threading.Semaphore(0)
        self._idle = threading.Event()
        self._idle.set()
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether it reads, or has read what was not taken."""
        return bool(not self._idle.is_set() or self._read)

    def prepare(self, number: int) -> None:
        """Have ``number`` elements read, unless it still reads, and wait as long as they come."""
        if self._idle.is_set() and not self._ended and len(self._read) < number:
            self._wanted = number
            self._idle.clear()
            if self._thread is None:
                work = copy_context().run
                self._thread = threading.Thread(target=work, args=(self._work,), daemon=True)
                self._thread.start()
            self._asked.release()
            self._wait_as_long_as_they_come()

    def _wait_as_long_as_they_come(self) -> None:
        for _ in range(_MAX_WAITS):
            before = len(self._read)
            if self._idle.wait(_PATIENCE_SECONDS) or len(self._read) == before:
                return

    def __iter__(self) -> InputReader:
        return self

    def __next__(self) -> Packed:
        """Return the next element.

        Raises:
            NotYet: it was not read yet.
            BaseException: whatever the input has raised.
        """
        is_idle = self._idle.is_set()  # before the look at what it has read
        if self._read:
            return self._read.popleft()
        if not is_idle:
            raise NotYet
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        if self._ended:
            raise StopIteration
        raise NotYet

    def close(self) -> None:
        """Read no further than the element that is being read, and let go of the input then: a
        generator that nobody else has is closed."""
        self._closed = True
        if self._thread is None:
            self._source = iter(())
        self._asked.release()

    def _work(self) -> None:
        while True:
            self._asked.acquire()
            if self._closed:
                self._source = iter(())
                return
            try:
                self._read_some()
            except StopIteration:
                self._ended = True
            except BaseException as error:
                self._error = error
            self._idle.set()
            self._tell()

    def _read_some(self) -> None:
        weight = 0
        while len(self._read) < self._wanted and weight < self._max_bytes and not self._closed:
            packed = next(self._source)
            weight += size_of(packed)
            self._read.append(packed)
            self._tell()

    def _tell(self) -> None:
        self.alarm.ring()
        self.on_news()

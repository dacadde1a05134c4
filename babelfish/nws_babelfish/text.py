"""Turn a value into a text of bounded length, for people.

A small value is its ``repr``; a longer one is laid out over lines. Texts stay texts. Never is much
more built than is shown, whatever the size of the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from nws_babelfish.arrays import array_of
from nws_babelfish.groups import NO_KEY, NUMBERS, Entry, Group, group_of
from nws_babelfish.leaves import leaf_text, type_name
from nws_babelfish.standins import StandIn

__all__ = ["LIMIT", "text_of"]

LIMIT: Final = 20_000
"""Characters of a text. A line that says that it was cut comes on top."""

_WIDTH: Final = 80
_INDENT: Final = 2
_DEEPEST: Final = 50
"""Levels of groups; also keeps the printer within Python's own limit."""


def text_of(value: Any) -> str:
    """Return the text for a value. It is never empty, and can be encoded.

    Raises:
        MemoryError: there is not enough memory.
        BaseException: what is not an Exception, when the value's own ``__repr__`` raises it.
    """
    text = _text_of(value).encode("utf-8", "backslashreplace").decode()
    return text or repr(text)


def _text_of(value: Any) -> str:
    if type(value) is str:
        return _cut(value, f"a text of {len(value)} characters")
    array = array_of(value)
    if array is not None:
        head = f"array of shape {array.shape}, {array.dtype}, {array.nbytes} bytes"
        return f"{head}\n{_listed(array.elements, array.size, '[', ']')}"
    group = group_of(value)
    if group is None:
        text = leaf_text(value, LIMIT)
        sized = isinstance(value, bytes | bytearray | memoryview)
        return _cut(text, f"{len(value)} bytes" if sized else f"a text of {len(text)} characters")
    if group.numbers:
        values = (entry.value for entry in group.entries())
        return _listed(values, group.size, group.opening, group.closing)
    printer = _Printer(LIMIT)
    try:
        printer.show(value)
    except _FullError:
        whole = "a call" if type(value) is StandIn else type_name(value)
        return f"{printer.text}\n{_remark(f'{whole} of {group.size} items')}"
    return printer.text


def _cut(text: str, whole: str) -> str:
    return text if len(text) <= LIMIT else f"{text[:LIMIT]}\n{_remark(whole)}"


def _remark(whole: str) -> str:
    return f"[cut after {LIMIT} characters; the whole is {whole}]"


def _listed(values: Iterable[Any], size: int, opening: str, closing: str) -> str:
    """List the first values on one line, so that a program can read it if they are numbers."""
    texts: list[str] = []
    room = LIMIT
    for value in islice(values, NUMBERS):
        printer = _Printer(room, flat=True)
        try:
            printer.show(value)
        except _FullError:
            break
        texts.append(printer.text)
        room -= len(printer.text) + 2
    line = f"{opening}{', '.join(texts)}{closing}"
    return line if len(texts) == size else f"{line}\n[cut after {len(texts)} of {size} items]"


class _FullError(Exception):
    """A printer has no room left."""


class _Printer:
    """Writes values until there is no room left."""

    def __init__(self, room: int, *, flat: bool = False, above: list[int] | None = None) -> None:
        """Make an empty one.

        Args:
            room: how many characters it takes.
            flat: put everything on one line. Else a group that does not fit on a line is laid out
                with a line for each entry.
            above: ids of the groups inside of which it begins.
        """
        self._room = room
        self._flat = flat
        self._above: list[int] = [] if above is None else above
        self._pieces: list[str] = []
        self._column = 0

    @property
    def text(self) -> str:
        """What has been written."""
        return "".join(self._pieces)

    def put(self, text: str) -> None:
        """Write a text, or as much of it as there is room for.

        Raises:
            _FullError: it is not all of it.
        """
        fitting = text[: self._room]
        self._pieces.append(fitting)
        self._room -= len(fitting)
        self._column = (
            len(fitting) - fitting.rfind("\n") - 1 + (0 if "\n" in fitting else self._column)
        )
        if len(fitting) < len(text):
            raise _FullError

    def show(self, value: Any, indent: int = 0) -> None:
        """Write a value on a line with this indent.

        Raises:
            _FullError: there was not enough room.
        """
        group = group_of(value)
        if group is None:
            self.put(leaf_text(value, self._room))
        elif id(value) in self._above or len(self._above) >= _DEEPEST:
            self.put(f"{group.opening}...{group.closing}")
        else:
            self._above.append(id(value))
            try:
                self._show_group(group, indent)
            finally:
                self._above.pop()

    def _show_group(self, group: Group, indent: int) -> None:
        if self._flat or group.numbers:
            self._on_one_line(group)
            return
        room = min(self._room, max(0, _WIDTH - self._column))
        attempt = _Printer(room, flat=True, above=self._above)
        try:
            attempt._on_one_line(group)
        except _FullError:
            self._on_lines(group, indent)
        else:
            self.put(attempt.text)

    def _on_one_line(self, group: Group) -> None:
        self._open(group, 0)
        for number, entry in enumerate(group.entries()):
            if number:
                self.put(", ")
            if group.numbers and number == NUMBERS:
                self.put(f"... {group.size - NUMBERS} more")
                break
            self._show_entry(entry, 0)
        self.put(group.closing)

    def _on_lines(self, group: Group, indent: int) -> None:
        self._open(group, indent)
        inner = indent + _INDENT
        for entry in group.entries():
            self.put("\n" + " " * inner)
            self._show_entry(entry, inner)
            self.put(",")
        self.put("\n" + " " * indent + group.closing.lstrip(","))

    def _open(self, group: Group, indent: int) -> None:
        if group.head is not NO_KEY:
            self.show(group.head, indent)
        self.put(group.opening)

    def _show_entry(self, entry: Entry, indent: int) -> None:
        if entry.name:
            self.put(f"{entry.name}=")
        elif entry.key is not NO_KEY:
            self.show(entry.key, indent)
            self.put(": ")
        self.show(entry.value, indent)

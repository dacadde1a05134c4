"""Converts a value to a text of bounded length.

A small value is shown as its ``repr``; a longer one is laid out over several lines. A string is
shown as it is. Little more is built than is shown, whatever the size of the value.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from nws_babelfish.arrays import array_of
from nws_babelfish.containers import MAX_NUMBERS, NO_KEY, Container, Entry, container_of
from nws_babelfish.leaves import leaf_text, type_name
from nws_babelfish.standins import StandIn

__all__ = ["MAX_TEXT_CHARS", "line_of", "text_of"]

MAX_TEXT_CHARS: Final = 20_000
"""Length of a text, without the line that says that it was cut."""

_LINE_CHARS: Final = 80
_INDENT_CHARS: Final = 2
_MAX_DEPTH: Final = 50
"""Levels of containers; keeps the printer below Python's recursion limit."""


def text_of(value: Any) -> str:
    """Return the text for a value. It is never empty, and can be encoded as UTF-8.

    Raises:
        MemoryError: there is not enough memory.
        BaseException: raised by the value's own ``__repr__``, unless it is an Exception.
    """
    text = _text_of(value).encode("utf-8", "backslashreplace").decode()
    return text or repr(text)


def line_of(value: Any, most: int) -> str:
    """Return a text for a value on one line, at most so many characters of it.

    Raises:
        MemoryError: there is not enough memory.
    """
    if type(value) is str:
        text = value[: most + 1]
    else:
        printer = _Printer(most + 1, flat=True)
        with suppress(_FullError):
            printer.show(value)
        text = printer.text
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else text[: most - 1] + "…"


def _text_of(value: Any) -> str:
    if type(value) is str:
        return _cut(value, f"a text of {len(value)} characters")
    array = array_of(value)
    if array is not None:
        head = f"array of shape {array.shape}, {array.dtype}, {array.nbytes} bytes"
        return f"{head}\n{_listed(array.elements, array.size, '[', ']')}"
    container = container_of(value)
    if container is None:
        text = leaf_text(value, MAX_TEXT_CHARS)
        sized = isinstance(value, bytes | bytearray | memoryview)
        return _cut(text, f"{len(value)} bytes" if sized else f"a text of {len(text)} characters")
    if container.numbers:
        values = (entry.value for entry in container.entries())
        return _listed(values, container.size, container.opening, container.closing)
    printer = _Printer(MAX_TEXT_CHARS)
    try:
        printer.show(value)
    except _FullError:
        whole = "a call" if type(value) is StandIn else type_name(value)
        return f"{printer.text}\n{_remark(f'{whole} of {container.size} items')}"
    return printer.text


def _cut(text: str, whole: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[:MAX_TEXT_CHARS]}\n{_remark(whole)}"


def _remark(whole: str) -> str:
    return f"[cut after {MAX_TEXT_CHARS} characters; the whole is {whole}]"


def _listed(values: Iterable[Any], size: int, opening: str, closing: str) -> str:
    """List the first values on one line, so that a program can parse numbers."""
    texts: list[str] = []
    room = MAX_TEXT_CHARS
    for value in islice(values, MAX_NUMBERS):
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
    """Writes values until its room is used up."""

    def __init__(self, room: int, *, flat: bool = False, above: list[int] | None = None) -> None:
        """Start with an empty text.

        Args:
            room: how many characters it may write.
            flat: put everything on one line. Otherwise a container that does not fit on a line
                has a line for each entry.
            above: ids of the containers around the value.
        """
        self._room = room
        self._flat = flat
        self._above: list[int] = [] if above is None else above
        self._pieces: list[str] = []
        self._column = 0

    @property
    def text(self) -> str:
        """The text written so far."""
        return "".join(self._pieces)

    def put(self, text: str) -> None:
        """Write a text, or as much of it as there is room for.

        Raises:
            _FullError: the text was cut.
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
        container = container_of(value)
        if container is None:
            self.put(leaf_text(value, self._room))
        elif id(value) in self._above or len(self._above) >= _MAX_DEPTH:
            self.put(f"{container.opening}...{container.closing}")
        else:
            self._above.append(id(value))
            try:
                self._show_container(container, indent)
            finally:
                self._above.pop()

    def _show_container(self, container: Container, indent: int) -> None:
        if self._flat or container.numbers:
            self._on_one_line(container)
            return
        room = min(self._room, max(0, _LINE_CHARS - self._column))
        attempt = _Printer(room, flat=True, above=self._above)
        try:
            attempt._on_one_line(container)
        except _FullError:
            self._on_lines(container, indent)
        else:
            self.put(attempt.text)

    def _on_one_line(self, container: Container) -> None:
        self._open(container, 0)
        for number, entry in enumerate(container.entries()):
            if number:
                self.put(", ")
            if container.numbers and number == MAX_NUMBERS:
                self.put(f"... {container.size - MAX_NUMBERS} more")
                break
            self._show_entry(entry, 0)
        self.put(container.closing)

    def _on_lines(self, container: Container, indent: int) -> None:
        self._open(container, indent)
        inner = indent + _INDENT_CHARS
        for entry in container.entries():
            self.put("\n" + " " * inner)
            self._show_entry(entry, inner)
            self.put(",")
        self.put("\n" + " " * indent + container.closing.lstrip(","))

    def _open(self, container: Container, indent: int) -> None:
        if container.head is not NO_KEY:
            self.show(container.head, indent)
        self.put(container.opening)

    def _show_entry(self, entry: Entry, indent: int) -> None:
        if entry.name:
            self.put(f"{entry.name}=")
        elif entry.key is not NO_KEY:
            self.show(entry.key, indent)
            self.put(": ")
        self.show(entry.value, indent)

"""Python values and their form on the wire: a descriptor and a payload.

``str`` travels as UTF-8 text and ``bytes`` as binary, so that every language can read them;
anything else is pickled. Large buffers inside a value (an array's data) lie behind the pickle
instead of in it and are not copied on the way. Payloads of other languages that only they can read
are refused by name; nothing foreign ever reaches the unpickler.

Unpickling runs code that the writer of the value chose. Only connect to servers whose users you
trust.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from nws.descriptors import (
    BINARY,
    BINARY_BIT,
    BUFFERS_BIT,
    DIRECT_BIT,
    LANGUAGE_SHIFT,
    OTHER_LANGUAGES,
    PICKLE,
    PICKLE_WITH_BUFFERS,
    PYTHON,
    TEXT,
)
from nws.errors import NwsPicklingException, NwsUnpicklingException
from nws.exception_text import described
from nws.signal_exceptions import is_of_signal

__all__ = ["Encoder", "Pieces", "decode", "decode_or_error"]

_MIN_BUFFER_BYTES: Final = 64 * 1024
"""Smaller buffers are cheaper inside the pickle."""

_ALIGNMENT_BYTES: Final = 64
"""What the widest vector instructions like best."""

Pieces: TypeAlias = "tuple[bytes] | list[bytes | memoryview]"
"""A payload in pieces that are sent one after the other."""


class Encoder:
    """Turns values into descriptors and payloads.

    Attributes:
        protocol: the pickle protocol. 2 is what Python 2 and its client can read: then buffers stay
            in the pickle and names of the standard library are those of Python 2.
    """

    def __init__(self, protocol: int = 5) -> None:
        """Choose the pickle protocol, 0 to 5."""
        if protocol not in range(6):
            raise ValueError(f"pickle protocol {protocol!r} is not one of 0 to 5")
        self.protocol = protocol

    def encode(self, value: Any) -> tuple[bytes, Pieces]:
        """Return the descriptor and the payload of a value.

        Raises:
            NwsPicklingException: it cannot be pickled; the cause says why.
        """
        kind = value.__class__
        if kind is str:
            try:
                return TEXT, (value.encode(),)
            except UnicodeEncodeError:
                pass  # lone surrogates are no text; a pickle keeps them
        elif kind is bytes:
            return BINARY, (value,)
        try:
            return self._pickle(value)
        except TimeoutError:
            raise  # by the handler of an alarm: not the value's fault
        except Exception as error:
            raise NwsPicklingException(
                f"a value of type {kind.__qualname__} cannot be pickled: {described(error)}", error
            ) from error

    def _pickle(self, value: Any) -> tuple[bytes, Pieces]:
        if self.protocol < 5:
            return PICKLE, (pickle.dumps(value, self.protocol),)
        buffers: list[memoryview] = []

        def stays_inside(buffer: pickle.PickleBuffer) -> bool:
            view = buffer.raw()
            if view.nbytes < _MIN_BUFFER_BYTES:
                return True
            buffers.append(view)
            return False

        data = pickle.dumps(value, 5, buffer_callback=stays_inside)
        return (PICKLE_WITH_BUFFERS, _join(data, buffers)) if buffers else (PICKLE, (data,))


def _join(data: bytes, buffers: Sequence[memoryview]) -> list[bytes | memoryview]:
    """Lay out a pickle and its buffers: count and lengths, then each of them, aligned."""
    sizes = [len(data), *(view.nbytes for view in buffers)]
    pieces: list[bytes | memoryview] = [struct.pack(f"<Q{len(sizes)}Q", len(sizes), *sizes)]
    position = len(pieces[0])
    for piece in [memoryview(data), *buffers]:
        padding = -position % _ALIGNMENT_BYTES
        pieces.append(bytes(padding))
        pieces.append(piece)
        position += padding + len(piece)
    return pieces


def _split(payload: memoryview) -> list[memoryview]:
    """Undo `_join`."""
    (count,) = struct.unpack_from("<Q", payload)
    if not 0 < count <= len(payload) // 8:
        raise ValueError("the table of buffers is damaged")
    position = 8 * (count + 1)
    parts = []
    for size in struct.unpack_from(f"<{count}Q", payload, 8):
        position += -position % _ALIGNMENT_BYTES
        part = payload[position : position + size]
        # One that is kept may keep the payload, if that is no more than twice as large.
        parts.append(part if 2 * size >= len(payload) else memoryview(bytearray(part)))
        position += size
    if position != len(payload):
        raise ValueError("the payload is cut short")
    return parts


def decode_or_error(descriptor: int, payload: bytes | bytearray) -> Any:
    """Return a value, or the NwsUnpicklingException if it cannot be read."""
    try:
        return decode(descriptor, payload)
    except NwsUnpicklingException as error:
        return error


def decode(
    descriptor: int,
    payload: bytes | bytearray,
    missing: Any = None,
    loads: Callable[..., Any] = pickle.loads,
) -> Any:
    """Return the value of a descriptor and a payload.

    Direct text is ``str`` if it is UTF-8, else ``bytes``: Python 2 and Java mark any bytes as text.

    Args:
        descriptor: what came with the value.
        payload: a bytearray is given away: an array that is at least half of it lives in it,
            writable; others get memory of their own. Bytes with buffers are copied for that.
        missing: returned for an empty payload that is not direct.
        loads: the unpickler.

    Raises:
        NwsUnpicklingException: the format is that of another language, or the pickle cannot be read
            here. It carries the payload.
    """
    if descriptor & DIRECT_BIT:
        if descriptor & BINARY_BIT:
            return bytes(payload)
        try:
            return payload.decode()
        except UnicodeDecodeError:
            return bytes(payload)
    if not payload:
        return missing
    language = descriptor >> LANGUAGE_SHIFT
    if language != PYTHON:
        name = OTHER_LANGUAGES.get(language, f"language number {language}")
        raise NwsUnpicklingException(
            f"the value was written by {name} in a format that only {name} reads; "
            "let it store text or raw bytes",
            None,
            bytes(payload),
        )
    try:
        # latin-1 keeps every byte of strings that Python 2 has pickled.
        if not descriptor & BUFFERS_BIT:
            return loads(payload, encoding="latin-1")
        writable = payload if isinstance(payload, bytearray) else bytearray(payload)
        data, *buffers = _split(memoryview(writable))
        return loads(data, buffers=buffers, encoding="latin-1")
    except BaseException as error:  # even SystemExit is the value's own
        if is_of_signal(error):
            raise
        raise NwsUnpicklingException(
            f"the pickle cannot be read here: {described(error)}", error, bytes(payload)
        ) from error

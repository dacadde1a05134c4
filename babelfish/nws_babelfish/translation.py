"""Translates the bytes of a stored value to a text for people, whatever the bytes are."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from nws.errors import NwsUnpicklingException
from nws.values import decode
from nws_babelfish.leaves import type_name
from nws_babelfish.limits import TimeLimitExceeded, within
from nws_babelfish.reading import read_pickle
from nws_babelfish.tables import Table, table_of
from nws_babelfish.text import text_of

__all__ = ["TOO_LARGE", "Translation", "Translator"]

TOO_LARGE: Final = "this value cannot be read: it needs more memory than the babelfish may use"

_TIME_LIMIT_SECONDS: Final = 10.0
"""For one value."""

_MAX_REASON_CHARS: Final = 1000

_log = logging.getLogger(__name__)


class Translation(NamedTuple):
    """What is shown for a value.

    Attributes:
        text: the text, which is never empty.
        table: the value in rows and columns, if it has such.
    """

    text: str
    table: Table | None = None


class Translator:
    """Translates stored values to text."""

    def __init__(self, *, safe: bool, seconds: float = _TIME_LIMIT_SECONDS) -> None:
        """Choose how values are read.

        Args:
            safe: run no code from values. Otherwise they are unpickled, and their classes
                convert them.
            seconds: how long one value may take.
        """
        self._loads: Callable[..., Any] = read_pickle if safe else pickle.loads
        self._seconds = seconds

    def translate(self, descriptor: int, payload: bytearray) -> Translation:
        """Return what is shown for a value; if it cannot be read, a text with the reason.

        Args:
            descriptor: of the value.
            payload: of the value; it may be changed.

        Raises:
            KeyboardInterrupt: this program is stopped.
        """

        def work() -> Translation:
            value = decode(descriptor, payload, loads=self._loads)
            return Translation(text_of(value), table_of(value))

        try:
            return within(self._seconds, work)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a value may also raise SystemExit
            _free_frames(error)
            return Translation(self._reason(error))

    def _reason(self, error: BaseException) -> str:
        cause = error.exception if isinstance(error, NwsUnpicklingException) else error
        if cause is None:
            _log.warning("a value cannot be read: it is in the format of another language")
        else:
            _log.warning("a value cannot be read: %s", type_name(cause))
        if isinstance(cause, MemoryError) or _says_nothing(cause):
            return TOO_LARGE
        if isinstance(error, TimeLimitExceeded):
            return f"this value cannot be read: it takes longer than {self._seconds:g} seconds"
        try:
            reason = str(error) if isinstance(error, NwsUnpicklingException) else repr(error)
        except Exception:
            reason = type_name(error)
        return f"this value cannot be read: {reason[:_MAX_REASON_CHARS]}"


def _says_nothing(cause: BaseException | None) -> bool:
    """Tell whether this is how the unpickler, short of memory, fails at times (seen in 3.13)."""
    return type(cause) is SystemError and str(cause) == "error return without exception set"


def _free_frames(error: BaseException) -> None:
    """Let go of what the functions that failed hold: perhaps all the memory that there is."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__

"""From the bytes of a stored value to a text for people, whatever the bytes are."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable
from typing import Any, Final

from nws.errors import NwsUnpicklingException
from nws.values import decode
from nws_babelfish.leaves import type_name
from nws_babelfish.limits import OutOfTime, within
from nws_babelfish.reading import read_pickle
from nws_babelfish.text import text_of

__all__ = ["TOO_LARGE", "Translator"]

TOO_LARGE: Final = "this value cannot be read: it takes more memory than the babelfish may use"

_SECONDS: Final = 10.0
"""For one value. Somebody looks at a page that waits."""

_LONGEST_REASON: Final = 1000

_log = logging.getLogger(__name__)


class Translator:
    """Turns stored values into text."""

    def __init__(self, *, safe: bool, seconds: float = _SECONDS) -> None:
        """Choose how values are read.

        Args:
            safe: run nothing that is in them. Else they are unpickled, and print themselves.
            seconds: how long one value may take.
        """
        self._loads: Callable[..., Any] = read_pickle if safe else pickle.loads
        self._seconds = seconds

    def translate(self, descriptor: int, payload: bytearray) -> str:
        """Return the text for a value; if it cannot be read, a text that says why.

        Args:
            descriptor: what came with the value.
            payload: is given away.

        Raises:
            KeyboardInterrupt: somebody stops this program.
        """

        def work() -> str:
            return text_of(decode(descriptor, payload, loads=self._loads))

        try:
            return within(self._seconds, work)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a value may also raise SystemExit
            return self._excuse(error)

    def _excuse(self, error: BaseException) -> str:
        cause = error.exception if isinstance(error, NwsUnpicklingException) else error
        if cause is None:
            _log.warning("a value cannot be read: it is in another language's format")
        else:
            _log.warning("a value cannot be read: %s", type_name(cause))
        if isinstance(cause, MemoryError):
            return TOO_LARGE
        if isinstance(error, OutOfTime):
            return f"this value cannot be read: it takes longer than {self._seconds:g} seconds"
        try:
            reason = str(error) if isinstance(error, NwsUnpicklingException) else repr(error)
        except Exception:
            reason = type_name(error)
        return f"this value cannot be read: {reason[:_LONGEST_REASON]}"

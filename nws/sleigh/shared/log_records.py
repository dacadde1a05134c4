"""Log records of workers as JSON, and what becomes of them at the master."""

from __future__ import annotations

import json
import logging
import traceback
from typing import Any, Final

__all__ = ["record_to_json", "show_record"]

_MAX_TEXT_CHARS: Final = 256 * 1024
"""Of a message, a traceback, or what else a record has."""

_LEFT_BEHIND: Final = frozenset({"args", "exc_info", "exc_text", "msg", "message", "asctime"})
"""Attributes that cannot travel, or whose contents are in others."""


def record_to_json(record: logging.LogRecord) -> str:
    """Return what the master needs of a record: its attributes, also those of ``extra=``. The
    exception travels as its traceback, in ``exc_text``.

    Raises:
        Exception: the message does not fit its arguments.
    """
    content = {
        name: _plain(value) for name, value in vars(record).items() if name not in _LEFT_BEHIND
    }
    content["msg"] = _clipped(record.getMessage())
    if record.exc_info and record.exc_info[0] is not None:
        lines = traceback.format_exception(*record.exc_info)
        content["exc_text"] = _clipped("".join(lines).rstrip("\n"))
    return json.dumps(content)


def _plain(value: Any) -> Any:
    """Return a value as it is, if it can be written as JSON; else the text that it prints as."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        text = value = repr(value)
    return value if len(text) <= _MAX_TEXT_CHARS else _clipped(text)


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_TEXT_CHARS else text[:_MAX_TEXT_CHARS] + "…"


def show_record(text: str, who: str, rank: int, element: int) -> bool:
    """Give a record to the logger of its name; tell whether the text holds one.

    Args:
        text: a record as JSON.
        who: comes before its message; empty for nothing.
        rank, element: become attributes of the record.
    """
    content = _content(text)
    if content is None:
        return False
    if who:
        content["msg"] = f"{who} {content['msg']}"
    record = logging.makeLogRecord({**content, "args": None, "rank": rank, "element": element})
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
    return True


def _content(text: str) -> dict[str, Any] | None:
    """Return what `record_to_json` has written; None for what only looks like it."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or "msg" not in content:
        return None
    is_record = isinstance(content.get("levelno"), int) and isinstance(content.get("name"), str)
    return content if is_record else None

"""Lines of the log as JSON objects, for programs that collect logs."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Final, TextIO

from twisted.logger import (
    FileLogObserver,
    ILogObserver,
    LogEvent,
    formatEvent,
    textFileLogObserver,
)

__all__ = ["LOG_FORMATS", "log_observer"]

TEXT: Final = "text"
JSON: Final = "json"
LOG_FORMATS: Final = (TEXT, JSON)


def log_observer(log_format: str, file: TextIO) -> ILogObserver:
    """Return what writes the log to a file, in one of `LOG_FORMATS`."""
    if log_format == TEXT:
        return textFileLogObserver(file)
    return FileLogObserver(file, json_line)


def json_line(event: LogEvent) -> str:
    """Return a line: an object with ``time`` (UTC), ``level``, ``logger`` and ``message``, and
    ``traceback`` if there is one."""
    when = datetime.fromtimestamp(event["log_time"], timezone.utc)
    level = event.get("log_level")
    line = {
        "time": when.isoformat(timespec="milliseconds"),
        "level": "info" if level is None else level.name,
        "logger": event.get("log_namespace", ""),
        "message": formatEvent(event),
    }
    if "log_failure" in event:
        line["traceback"] = event["log_failure"].getTraceback()
    return json.dumps(line) + "\n"

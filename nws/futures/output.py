"""What calls print and log, without the number of the worker in front: a program that knows nothing
of sleighs may have its output read by another one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from nws.sleigh.shared.log_records import show_record
from nws.sleigh.shared.output import Line, write_text

__all__ = ["show"]

_log = logging.getLogger("nws")


def show(lines: Sequence[Line]) -> None:
    """Print lines as they are, and give log records to the loggers of their names."""
    try:
        for line in lines:
            if line.stream != "log" or not show_record(line.text, "", line.rank, line.element):
                stream = sys.stdout if line.stream == "stdout" else sys.stderr
                write_text(f"{line.text}\n", stream)
    except (OSError, ValueError) as error:
        _log.warning("what workers print cannot be shown: %s", error)

"""What workers print and log: from their streams, through the supervisor, to the master's streams.

A worker writes whole lines into a pipe. Those that Python code prints or logs carry the element
that did it in front, between control characters; what C code and child processes write has nothing
in front, and is counted to the element that runs when it is read. The supervisor, which outlives
the worker, passes on all of it, to the last line of a worker that dies.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

__all__ = ["Line", "LineSplitter", "LogSender", "OutputWriter", "echo"]

_OWN: Final = "\x1e"
_LOG: Final = "\x1d"
_END: Final = "\x1f"
_MAX_LINE_BYTES: Final = 1024 * 1024
"""A longer line is passed on in pieces."""


class Line(NamedTuple):
    """A line that a worker wrote.

    Attributes:
        rank: of the worker.
        element: that was running; -1 before the first.
        stream: ``stdout``, ``stderr`` or ``log``.
        text: without the newline; for ``log`` a JSON object.
    """

    rank: int
    element: int
    stream: str
    text: str


class OutputWriter:
    """A worker's side: writes lines and counts them."""

    def __init__(self, where: Callable[[], tuple[int, int]]) -> None:
        """Take a function that returns the call and the element that runs."""
        self._where = where
        self._count = 0

    @property
    def lines(self) -> tuple[int, int]:
        """The id of this process and how many lines it has written so far."""
        return os.getpid(), self._count

    def say(self, fd: int, text: str, kind: str = _OWN) -> None:
        """Write a line. It may hold anything but a newline."""
        call, element = self._where()
        data = f"{kind}{call} {element}{_END}{text}\n".encode("utf-8", "backslashreplace")
        self._count += 1
        while data:
            data = data[os.write(fd, data) :]

    def take_over(self, log_level: int) -> None:
        """Make this process's streams and log records go this way."""
        sys.stdout = _Stream(self, 1)
        sys.stderr = _Stream(self, 2)
        logging.basicConfig(handlers=[LogSender(self)], level=log_level, force=True)

    def finish_line(self) -> None:
        """Let out what was printed without a newline at its end."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Stream):
                stream.finish_line()


class _Stream(io.TextIOBase):
    """Stands in for ``sys.stdout`` or ``sys.stderr``."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, writer: OutputWriter, fd: int) -> None:
        self.buffer = io.FileIO(fd, "wb", closefd=False)  # for those who write bytes
        self._writer = writer
        self._fd = fd
        self._begun = ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._writer.say(self._fd, line)
        if len(self._begun) > _MAX_LINE_BYTES:
            self.finish_line()
        return len(text)

    def finish_line(self) -> None:
        if self._begun:
            line, self._begun = self._begun, ""
            self._writer.say(self._fd, line)

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True


class LogSender(logging.Handler):
    """Sends log records as lines."""

    def __init__(self, writer: OutputWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._send(record)
        except Exception:
            self.handleError(record)  # as others do: a bad record is not the end of a task

    def _send(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0] is not None:
            text += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
        content = {
            "name": record.name,
            "levelno": record.levelno,
            "levelname": record.levelname,
            "created": record.created,
            "pathname": record.pathname,
            "lineno": record.lineno,
            "funcName": record.funcName,
            "processName": record.processName,
            "process": record.process,
            "msg": text,
        }
        self._writer.say(2, json.dumps(content), _LOG)


class LineSplitter:
    """The supervisor's side: bytes from a pipe in, lines out."""

    def __init__(self, stream: str) -> None:
        """Read from a worker's ``stdout`` or ``stderr``."""
        self._stream = stream
        self._begun = b""

    def feed(self, data: bytes, call: int, element: int) -> list[tuple[bool, int, int, str, str]]:
        """Take bytes; what has no element in front belongs to this one.

        Returns:
            For each line: whether the worker counts it, call, element, stream and text.
        """
        *lines, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > 2 * _MAX_LINE_BYTES:
            lines.append(self._begun)
            self._begun = b""
        return [self._parse(line.decode("utf-8", "replace"), call, element) for line in lines]

    def rest(self, call: int, element: int) -> list[tuple[bool, int, int, str, str]]:
        """Return what came without a newline, when nothing more comes."""
        return self.feed(b"\n", call, element) if self._begun else []

    def _parse(self, line: str, call: int, element: int) -> tuple[bool, int, int, str, str]:
        if line[:1] in (_OWN, _LOG):
            head, end, text = line[1:].partition(_END)
            numbers = head.split(" ")
            if end and len(numbers) == 2 and all(n.lstrip("-").isdigit() for n in numbers):
                stream = self._stream if line[0] == _OWN else "log"
                return True, int(numbers[0]), int(numbers[1]), stream, text
        return False, call, element, self._stream, line


def echo(lines: Sequence[Line]) -> None:
    """The master's side: print lines, and give log records to the loggers of their names."""
    for line in lines:
        who = f"[worker {line.rank}]" if line.element < 0 else f"[{line.rank}:{line.element}]"
        content = _log_record(line.text) if line.stream == "log" else None
        if content is not None:
            _log(line, who, content)
        else:
            print(who, line.text, file=sys.stdout if line.stream == "stdout" else sys.stderr)


def _log_record(text: str) -> dict[str, Any] | None:
    """Return what `LogSender` has sent; None for what only looks like it."""
    try:
        content = json.loads(text)
    except ValueError:
        return None
    complete = isinstance(content, dict) and {"name", "levelno", "msg"} <= content.keys()
    return content if complete and isinstance(content["levelno"], int) else None


def _log(line: Line, who: str, content: dict[str, Any]) -> None:
    content["msg"] = f"{who} {content['msg']}"
    record = logging.makeLogRecord({**content, "rank": line.rank, "element": line.element})
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)

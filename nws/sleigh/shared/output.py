"""What workers print and log: from their streams, through the supervisor, to the master's streams.

What Python code prints or logs goes into the pipes that stand behind descriptors 1 and 2, like what
C code and child processes write there; but in frames, each a line with the call and the element
that did it in front. A frame begins with a mark that nobody else can know, so it is found wherever
it stands. What is not in a frame is counted to the element that runs when it is read. Where such a
descriptor was pointed elsewhere, and in forks of the worker, there are no frames. Where it was
closed, it is restored.

The supervisor, which outlives the worker, passes on all of it, to the last line of a worker that
dies. A line that is too long is passed on in pieces; each but the last ends with an ellipsis.
"""

from __future__ import annotations

import io
import logging
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from nws.sleigh.shared.log_records import record_to_json, show_record
from nws.sleigh.shared.standard_streams import StandardStreams, file_behind

__all__ = [
    "Line",
    "LineReader",
    "LogSender",
    "OutputWriter",
    "Said",
    "echo",
    "new_mark",
    "write_text",
]

_log = logging.getLogger("nws")

_STREAMS: Final = {b"o": "stdout", b"e": "stderr", b"l": "log"}
_MARK_BEGIN: Final = b"\x1e"
_HEAD_END: Final = b"\x1f"
_HEAD: Final = re.compile(rb"([oel])(-?\d+) (-?\d+) (\d+)(\+?)")
"""Stands behind the mark: stream, call, element, how many lines of the stream were finished with
this one, and a plus sign if the line goes on in the next frame of its stream."""

_MAX_LINE_BYTES: Final = 1024 * 1024
_CUT: Final = "…".encode()

Said: TypeAlias = "tuple[int, int, str, str]"
"""Call, element, ``stdout``, ``stderr`` or ``log``, and a line."""


class Line(NamedTuple):
    """A line that a worker wrote.

    Attributes:
        rank: of the worker.
        element: that was running; -1 before the first.
        stream: ``stdout``, ``stderr`` or ``log``.
        text: without the newline; for ``log`` a JSON object.
        call: the number of the call that was running, as in `Sleigh.callInfo`; 0 before the first.
    """

    rank: int
    element: int
    stream: str
    text: str
    call: int = 0


def new_mark() -> bytes:
    """Return a mark for the frames of one worker."""
    return _MARK_BEGIN + os.urandom(8).hex().encode()


# The worker's side


class OutputWriter:
    """Writes what this process prints and logs, and counts the lines. Any thread may write.

    Attributes:
        descriptors: that it writes to, and standard input.
    """

    def __init__(self, where: Callable[[], tuple[int, int]], mark: bytes) -> None:
        """Prepare. Descriptors 1 and 2 lead to the supervisor.

        Args:
            where: returns the call and the element that runs.
            mark: begins each frame.
        """
        self.lock = threading.RLock()
        self._where = where
        self._mark = mark
        self._pid = os.getpid()
        self._counts = dict.fromkeys(_STREAMS, 0)
        self._pipes = {file_behind(1), file_behind(2)}
        self.descriptors = StandardStreams()
        self._streams = _Stream(self, 1, b"o", "<stdout>"), _Stream(self, 2, b"e", "<stderr>")

    @property
    def lines(self) -> tuple[int, int]:
        """The id of this process and how many lines it has finished so far."""
        return self._pid, sum(self._counts.values())

    def take_over(self, log_level: int) -> None:
        """Make this process's streams and log records go this way."""
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(stream, "utf-8", "backslashreplace", newline="\n", line_buffering=True)
            for stream in self._streams
        )
        sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr  # type: ignore[misc]
        logging.basicConfig(handlers=[LogSender(self)], level=log_level, force=True)

    def leads_here(self, fd: int) -> bool:
        """Tell whether frames that are written to a descriptor would come to the supervisor, and
        whether we are its worker, not a fork of it. A descriptor that is closed is restored."""
        if os.getpid() != self._pid:
            return False
        file = file_behind(fd)
        if file is None and self.descriptors.restore(fd):
            file = file_behind(fd)
        return file in self._pipes

    def restore_descriptors(self) -> bool:
        """Undo what tasks have done to them. Return whether that was possible."""
        if self.descriptors.are_right:
            return True
        restored = self.descriptors.restore_all()
        self.finish_line()  # that was begun before
        return restored

    def write(self, fd: int, stream: bytes, lines: Sequence[bytes], begun: bytes = b"") -> None:
        """Write lines, and the beginning of another one."""
        call, element = self._where()
        frames: list[bytes] = []
        with self.lock:
            for line in lines:
                self._counts[stream] += 1
                frames.append(self._frame(stream, call, element, b"", line))
            if begun:
                frames.append(self._frame(stream, call, element, b"+", begun))
            _write_all(fd, b"".join(frames))

    def _frame(self, stream: bytes, call: int, element: int, sign: bytes, line: bytes) -> bytes:
        count = self._counts[stream]
        head = b"%b%b%d %d %d%b" % (self._mark, stream, call, element, count, sign)
        return head + _HEAD_END + line + b"\n"

    def finish_line(self) -> None:
        """Write what was printed without a newline at its end."""
        # Either may be the user's own stream, or one that the user has closed or deleted.
        try:
            sys.stdout.flush()
        except Exception:
            pass
        try:
            sys.stderr.flush()
        except Exception:
            pass
        out, err = self._streams
        if out.begun or err.begun:
            out.finish_line()
            err.finish_line()


class _Stream(io.BufferedIOBase):
    """The bytes of ``sys.stdout`` or ``sys.stderr``.

    Attributes:
        begun: whether there is a line that was not ended.
    """

    mode = "wb"

    def __init__(self, writer: OutputWriter, fd: int, stream: bytes, name: str) -> None:
        self.name = name
        self._writer = writer
        self._fd = fd
        self._stream = stream
        self.begun = False
        self._begun = bytearray()  # of that line, and not written
        self._written_bytes = 0  # of that line

    def write(self, data: Any, /) -> int:
        data = bytes(data)
        if not self._writer.leads_here(self._fd):
            _write_all(self._fd, data)
            return len(data)
        with self._writer.lock:
            *lines, rest = data.split(b"\n")
            if lines:
                lines[0] = bytes(self._begun) + lines[0]
                self._begin_line()
                pieces = [piece for line in lines for piece in _pieces_of(line)]
                self._writer.write(self._fd, self._stream, pieces)
            self._begun += rest
            self.begun = bool(self._begun or self._written_bytes)
            if self._written_bytes + len(self._begun) > _MAX_LINE_BYTES:
                self._cut()
        return len(data)

    def _begin_line(self) -> None:
        self._begun.clear()
        self._written_bytes, self.begun = 0, False

    def _cut(self) -> None:
        """End a line that is too long, and go on in another one."""
        *pieces, rest = _pieces_of(bytes(self._begun))
        self._writer.write(self._fd, self._stream, pieces or [rest + _CUT])
        self._begin_line()
        if pieces:
            self._begun += rest
            self.begun = True

    def flush(self) -> None:
        """Write what was printed, also the beginning of a line, for we may not live to end it."""
        if self._begun and self._writer.leads_here(self._fd):
            with self._writer.lock:
                self._writer.write(self._fd, self._stream, [], bytes(self._begun))
                self._written_bytes += len(self._begun)
                self._begun.clear()

    def finish_line(self) -> None:
        """End a line that was begun."""
        if self.begun and self._writer.leads_here(self._fd):
            with self._writer.lock:
                self._writer.write(self._fd, self._stream, [bytes(self._begun)])
                self._begin_line()

    def fileno(self) -> int:
        return self._fd

    def writable(self) -> bool:
        return True


def _write_all(fd: int, data: bytes) -> None:
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:  # a task, or a program that it has started, has made it so
            select.select([], [fd], [])


def _pieces_of(line: bytes) -> Iterator[bytes]:
    """Cut a line that is too long, but not within a character."""
    begin = 0
    while len(line) - begin > _MAX_LINE_BYTES:
        end = begin + _MAX_LINE_BYTES
        while line[end] & 0xC0 == 0x80 and end > begin + _MAX_LINE_BYTES - 4:
            end -= 1
        yield line[begin:end] + _CUT
        begin = end
    yield line[begin:]


class LogSender(logging.Handler):
    """Sends log records."""

    def __init__(self, writer: OutputWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._writer.leads_here(2):
                self._writer.write(2, b"l", [record_to_json(record).encode()])
            else:
                print(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)  # as others do: a bad record is not the end of a task


# The supervisor's side


class LineReader:
    """Bytes from a pipe in, lines out."""

    def __init__(self, stream: str, mark: bytes, counts: dict[bytes, int]) -> None:
        """Read from one of a worker's pipes.

        Args:
            stream: ``stdout`` or ``stderr``: what is not in a frame.
            mark: begins each frame.
            counts: takes, for each stream, how many lines the worker had finished with the last
                one that was read.
        """
        self._stream = stream
        self._mark = mark
        self._counts = counts
        self._begun = bytearray()  # a line whose end has not come
        self._begun_by = (0, 0)
        self._begun_frames: dict[bytes, bytes] = {}

    def feed(self, data: bytes, call: int, element: int) -> list[Said]:
        """Take bytes, and return the lines that are complete.

        Args:
            data: from the pipe.
            call, element: what runs now.
        """
        *lines, begun = data.split(b"\n")
        if lines:
            lines[0] = bytes(self._begun) + lines[0]
            self._begun.clear()
        self._begun_by = call, element
        self._begun += begun
        said = [each for line in lines for each in self._parse(line)]
        if len(self._begun) > _MAX_LINE_BYTES and self._mark not in self._begun:
            said.append((call, element, self._stream, _text(self._begun + _CUT)))
            self._begun.clear()
        return said

    def _parse(self, line: bytes) -> Iterator[Said]:
        """Return what is in a line: what others have written, and a frame, or one of them."""
        other, mark, frame = line.partition(self._mark)
        if other or not mark:
            yield *self._begun_by, self._stream, _text(other)
        if not mark:
            return
        head, _, text = frame.partition(_HEAD_END)
        match = _HEAD.fullmatch(head)
        if match is None:  # others have written into the middle of it
            yield *self._begun_by, self._stream, _text(frame)
            return
        stream = match[1]
        self._counts[stream] = int(match[4])
        text = self._begun_frames.pop(stream, b"") + text
        if match[5]:
            self._begun_frames[stream] = text
        else:
            yield int(match[2]), int(match[3]), _STREAMS[stream], _text(text)

    @property
    def has_begun(self) -> bool:
        """Whether a line that is in no frame has come without its end."""
        return bool(self._begun) and _MARK_BEGIN not in self._begun

    def end_line(self, runs: tuple[int, int] | None) -> list[Said]:
        """Return what has come of such a line, unless the call and element that run have begun
        it."""
        if not self.has_begun or self._begun_by == runs:
            return []
        return self.feed(b"\n", *self._begun_by)

    def rest(self) -> list[Said]:
        """Return what has come of any line, when nothing more comes."""
        said = self.feed(b"\n", *self._begun_by) if self._begun else []
        for stream, line in self._begun_frames.items():
            said.append((*self._begun_by, _STREAMS[stream], _text(line)))
        return said


def _text(line: bytes | bytearray) -> str:
    return line.decode("utf-8", "replace")


# The master's side


def echo(lines: Sequence[Line]) -> None:
    """Print lines, and give log records to the loggers of their names. Characters that a stream
    cannot encode are replaced; where nothing can be written, that is logged."""
    try:
        for line in lines:
            who = f"[worker {line.rank}]" if line.element < 0 else f"[{line.rank}:{line.element}]"
            if line.stream != "log" or not show_record(line.text, who, line.rank, line.element):
                stream = sys.stdout if line.stream == "stdout" else sys.stderr
                write_text(f"{who} {line.text}\n", stream)
    except (OSError, ValueError) as error:
        _log.warning("what workers print cannot be shown: %s", error)


def write_text(text: str, stream: Any) -> None:
    """Write to a stream, if there is one. Characters that it cannot encode are replaced.

    Raises:
        OSError, ValueError: nothing can be written there.
    """
    if stream is None:
        return  # a program without a console has no streams
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = getattr(stream, "encoding", None) or "ascii"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))

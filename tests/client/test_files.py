"""Values from files and into files: storeFile, fetchFile and the like (appendix A.1.2)."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any, BinaryIO, cast

import pytest

from nws.client import (
    NetWorkSpace,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
)
from tests.support.cases import each
from tests.support.spaces import Opener, until_waiting, variable

CONTENT = bytes(range(256)) * 10
LARGE = os.urandom(1_000_003)
GETS = ["fetchFile", "fetchTryFile", "findFile", "findTryFile"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with some content."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


class FileLike:
    """The least that a file must have to be read."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)


class Knowing(FileLike):
    """It also knows its length, as the original asked for it."""

    def __init__(self, content: bytes, length: Any, position: int = 0) -> None:
        super().__init__(content)
        self._file.seek(position)
        self.len = length

    def tell(self) -> int:
        return self._file.tell()


# Storing


def test_a_file_becomes_a_value(opened_anyhow: Opener, file: Path) -> None:
    ws = opened_anyhow()
    with file.open("rb") as stream:
        assert ws.storeFile("x", stream) == len(CONTENT)
        assert stream.tell() == len(CONTENT)
    assert ws.fetch("x") == CONTENT


def test_at_the_end_nothing_is_stored(opened_anyhow: Opener, file: Path) -> None:
    ws = opened_anyhow()
    with file.open("rb") as stream:
        ws.storeFile("x", stream)
        assert ws.storeFile("x", stream) == 0
        assert ws.storeFile("x", stream, 5) == 0
    assert ws.storeFile("x", io.BytesIO()) == 0
    assert variable(ws, "x").values == 1


def test_a_part_at_a_time(opened_anyhow: Opener, file: Path) -> None:
    ws = opened_anyhow()
    with file.open("rb") as stream:
        sizes = list(iter(lambda: ws.storeFile("x", stream, n=1000), 0))
    assert sizes == [1000, 1000, 560]
    assert b"".join(ws.fetch("x") for _ in sizes) == CONTENT


def test_it_begins_where_the_file_stands(opened_anyhow: Opener, file: Path) -> None:
    ws = opened_anyhow()
    with file.open("rb") as stream:
        stream.read(10)
        assert ws.storeFile("x", stream) == len(CONTENT) - 10
    assert ws.fetch("x") == CONTENT[10:]


@pytest.mark.parametrize("n", [-1, -1000])
def test_a_negative_limit(opened_anyhow: Opener, n: int) -> None:
    ws = opened_anyhow()
    with pytest.raises(ValueError, match=str(n)):
        ws.storeFile("x", io.BytesIO(b"x"), n)
    assert ws.listVars() == ""


@each("mode", ["rb", "r+b", "rb+"])
@each("buffering", [-1, 0])
def test_all_that_can_be_read(opened_anyhow: Opener, file: Path, mode: str, buffering: int) -> None:
    with cast(BinaryIO, file.open(mode, buffering=buffering)) as stream:
        assert opened_anyhow().storeFile("x", stream) == len(CONTENT)


@each("mode", ["r", "wb", "ab", "w"])
def test_what_is_not_for_reading_bytes(opened_anyhow: Opener, file: Path, mode: str) -> None:
    ws: Any = opened_anyhow()
    with file.open(mode) as stream, pytest.raises(TypeError, match="reading bytes"):
        ws.storeFile("x", stream)
    for other in (io.StringIO("text"), None, "a path", file, object()):
        with pytest.raises(TypeError, match="reading bytes"):
            ws.storeFile("x", other)
    assert ws.listVars() == ""


@pytest.mark.parametrize("form", [3, lambda: 3], ids=["number", "method"])
def test_a_file_that_knows_its_length(opened_anyhow: Opener, form: Any) -> None:
    ws: Any = opened_anyhow()
    assert ws.storeFile("x", Knowing(b"abcdef", form)) == 3
    assert ws.fetch("x") == b"abc"
    assert ws.storeFile("x", Knowing(b"abcdef", form, position=2)) == 1
    assert ws.fetch("x") == b"c"
    assert ws.storeFile("x", Knowing(b"abcdef", form, position=5)) == 0


def test_a_file_without_a_length(opened_anyhow: Opener) -> None:
    ws: Any = opened_anyhow()
    stream = FileLike(CONTENT)
    assert ws.storeFile("x", stream, 100) == 100
    assert ws.storeFile("x", stream) == len(CONTENT) - 100
    assert ws.fetch("x") + ws.fetch("x") == CONTENT


def test_a_pipe(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    reading, writing = os.pipe()
    os.write(writing, CONTENT)
    os.close(writing)
    with open(reading, "rb") as stream:
        assert ws.storeFile("x", stream) == len(CONTENT)
    assert ws.fetch("x") == CONTENT


def test_a_file_that_is_written_at_the_same_time_as_it_is_read(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    with tempfile.TemporaryFile() as stream:
        stream.write(CONTENT)
        stream.seek(0)
        assert ws.storeFile("x", stream) == len(CONTENT)
    assert ws.fetch("x") == CONTENT


def compressed(open_compressed: Callable[..., Any]) -> Callable[[Path], BinaryIO]:
    def make(path: Path) -> BinaryIO:
        with open_compressed(path, "wb") as stream:
            stream.write(CONTENT)
        return cast(BinaryIO, open_compressed(path, "rb"))

    return make


@pytest.mark.parametrize("make", [compressed(gzip.open), compressed(bz2.open)], ids=["gzip", "bz2"])
def test_what_is_compressed_has_the_length_of_its_content(
    opened_by_any: Opener, tmp_path: Path, make: Callable[[Path], BinaryIO]
) -> None:
    """The system only knows the length of the compressed file."""
    ws = opened_by_any()
    with make(tmp_path / "compressed") as stream:
        stream.read(10)
        assert ws.storeFile("x", stream) == len(CONTENT) - 10
    assert ws.fetch("x") == CONTENT[10:]


def test_a_file_that_is_shorter_than_it_says(opened_anyhow: Opener) -> None:
    ws: Any = opened_anyhow()
    for length in (10, 5000, 3_000_000):
        with pytest.warns(UserWarning, match=f"ended {length - 3} bytes early"):
            assert ws.storeFile("x", Knowing(b"abc", length)) == length
        assert ws.fetch("x") == b"abc" + bytes(length - 3)


def test_a_file_that_cannot_be_read_to_its_end(opened_by_any: Opener) -> None:
    """A part is sent by then, so the connection is of no use; the session goes on on another."""

    class Failing(Knowing):
        def read(self, size: int = -1) -> bytes:
            if self.tell() > 1_000_000:
                raise OSError("the disk is broken")
            return super().read(size)

    ws: Any = opened_by_any()
    ws.store("kept", 1)
    with pytest.raises(OSError, match="the disk is broken"):
        ws.storeFile("x", Failing(bytes(5_000_000), 5_000_000))
    assert ws.fetch("kept") == 1
    assert variable(ws, "x").values == 0
    assert f">{ws.currentWs()}\t" in ws.server.listWss()


def test_warnings_that_are_errors_leave_the_session_usable(opened_by_any: Opener) -> None:
    ws: Any = opened_by_any()
    with pytest.raises(UserWarning, match="early"):  # as pytest has it set up here
        ws.storeFile("x", Knowing(b"abc", 5000))
    ws.store("x", 1)
    assert ws.fetch("x") == 1


# Getting


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("get", GETS)
@pytest.mark.parametrize(
    "content", [b"", b"x", CONTENT, LARGE], ids=["none", "one", "some", "much"]
)
def test_a_value_becomes_a_file(
    opened_anyhow: Opener, tmp_path: Path, get: str, content: bytes
) -> None:
    ws = opened_anyhow()
    ws.store("x", content)
    with (tmp_path / "copy").open("wb") as stream:
        got = getattr(ws, get)("x", stream)
    assert got == len(content)
    assert got is not False
    assert (tmp_path / "copy").read_bytes() == content
    assert variable(ws, "x").values == ("find" in get)


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("get", GETS)
@pytest.mark.parametrize("mode", ["wb", "ab", "xb", "r+b", "wb+"])
def test_all_that_can_be_written(
    opened_anyhow: Opener, tmp_path: Path, get: str, mode: str
) -> None:
    ws = opened_anyhow()
    ws.store("x", LARGE)
    path = tmp_path / "copy"
    if mode == "r+b":
        path.touch()
    with path.open(mode, buffering=0 if mode == "wb" else -1) as stream:
        assert getattr(ws, get)("x", stream) == len(LARGE)
    assert path.read_bytes() == LARGE


@each("get", GETS)
def test_what_is_not_for_writing_bytes(opened_anyhow: Opener, file: Path, get: str) -> None:
    ws = opened_anyhow()
    ws.store("x", b"value")
    for mode in ("w", "rb", "r"):
        with file.open(mode) as stream, pytest.raises(TypeError, match="writing bytes"):
            getattr(ws, get)("x", stream)
    for other in (io.StringIO(), None, "a path", file, object()):
        with pytest.raises(TypeError, match="writing bytes"):
            getattr(ws, get)("x", other)
    assert ws.fetch("x") == b"value"


@pytest.mark.parametrize("get", ["fetchTryFile", "findTryFile"])
def test_there_is_no_value(opened_anyhow: Opener, get: str) -> None:
    ws, stream = opened_anyhow(), io.BytesIO()
    assert getattr(ws, get)("x", stream) is False
    assert stream.getvalue() == b""


@pytest.mark.parametrize("get", ["fetchTryFile", "findTryFile"])
def test_there_is_no_workspace(opened_by_any: Opener, get: str) -> None:
    ws = opened_by_any()
    ws.server.deleteWs(ws.currentWs())
    with pytest.raises(NwsNoWorkSpaceException):
        getattr(ws, get)("x", io.BytesIO())


@pytest.mark.parametrize("get", ["fetchFile", "findFile"])
def test_waiting_for_a_value(opened_anyhow: Opener, get: str) -> None:
    ws, other, stream = opened_anyhow(useUse=True), opened_anyhow(), io.BytesIO()
    thread = Thread(target=getattr(ws, get), args=("x", stream))
    thread.start()
    until_waiting(other, "x", **{"fetchers" if get == "fetchFile" else "finders": 1})
    other.store("x", LARGE)
    thread.join()
    assert stream.getvalue() == LARGE
    with pytest.raises(NwsTimeoutException):
        getattr(ws, get)("y", stream, timeout=0.01)
    other.server.deleteWs(other.currentWs())
    with pytest.raises(NwsOperationException):
        getattr(ws, get)("x", stream)


def test_serialised_values_are_written_as_they_are(opened_anyhow: Opener) -> None:
    ws, stream = opened_anyhow(), io.BytesIO()
    ws.store("x", {"a": 1})
    assert ws.findFile("x", stream) == len(stream.getvalue()) > 0
    ws.store("text", "größer")
    stream = io.BytesIO()
    assert ws.fetchFile("text", stream) == 8
    assert stream.getvalue() == "größer".encode()


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["some", "much"])
def test_a_file_that_cannot_be_written(opened_by_any: Opener, content: bytes) -> None:
    """Then the value stays where it is."""
    ws: Any = opened_by_any()
    ws.store("x", content)
    ws.store("x", b"the next")

    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "no space left")

    for get in GETS:
        with pytest.raises(OSError, match="no space left"):
            getattr(ws, get)("x", Full())
    assert ws.fetch("x") == content
    assert ws.fetch("x") == b"the next"


@pytest.mark.parametrize("returned", [None, "a part"])
def test_files_of_users_make(opened_anyhow: Opener, returned: str | None) -> None:
    """Some return nothing from write; raw ones may take only a part at a time."""

    class Made:
        def __init__(self) -> None:
            self.content = b""

        def write(self, data: memoryview) -> int | None:
            taken = bytes(data if returned is None else data[:7000])
            self.content += taken
            return None if returned is None else len(taken)

    ws: Any = opened_anyhow()
    ws.store("x", LARGE)
    made = Made()
    assert ws.fetchFile("x", made) == len(LARGE)
    assert made.content == LARGE


def test_the_system_may_take_a_part(opened_by_any: Opener) -> None:
    """A pipe that nobody empties takes what fits."""
    ws = opened_by_any()
    ws.store("x", LARGE)
    reading, writing = os.pipe()
    got: list[bytes] = []

    def drain() -> None:
        with open(reading, "rb") as stream:
            got.append(stream.read())

    thread = Thread(target=drain)
    thread.start()
    with open(writing, "wb", buffering=0) as stream:
        assert ws.fetchFile("x", stream) == len(LARGE)
    thread.join()
    assert got == [LARGE]


def copy(ws: NetWorkSpace, name: str) -> bytes:
    """Return a value as bytes."""
    stream = io.BytesIO()
    ws.fetchFile(name, stream)
    return stream.getvalue()


def test_from_file_to_file(opened_anyhow: Opener, file: Path) -> None:
    ws = opened_anyhow()
    with file.open("rb") as stream:
        ws.storeFile("x", stream)
    assert copy(ws, "x") == CONTENT

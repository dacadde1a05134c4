"""The spool folder by itself: files that live as long as their values, and folders of the dead."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from nws.wire.requests import RefusedBody
from nws_server.incidents import REFUSED_VALUES, UNWRITABLE_VALUES
from nws_server.spool import Spool, SpoolFile, SpoolSink
from tests.support.link import spool_files

locks_needed = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


def spooled(spool: Spool, data: bytes) -> SpoolFile:
    """Spool a value in two pieces."""
    sink = spool.open(len(data))
    sink.write(data[:3])
    sink.write(data[3:])
    file = sink.finish()
    assert isinstance(file, SpoolFile)
    return file


def test_a_value_is_read_as_it_was_written(spool: Spool) -> None:
    file = spooled(spool, b"a long value")
    assert len(file) == 12
    assert spool.used == 12
    for _ in range(2):
        with file.open() as opened:
            assert opened.read() == b"a long value"


def test_a_file_goes_with_its_object(spool: Spool) -> None:
    first, second = spooled(spool, b"1234"), spooled(spool, b"12345678")
    assert sorted(path.stat().st_size for path in spool_files(spool)) == [4, 8]
    del first
    assert [path.stat().st_size for path in spool_files(spool)] == [8]
    assert spool.used == 8
    del second


def test_who_reads_a_file_can_read_it_to_its_end(spool: Spool) -> None:
    file = spooled(spool, b"a long value")
    with file.open() as opened:
        assert opened.read(2) == b"a "
        del file
        assert spool.used == 0
        assert opened.read() == b"long value"


def test_an_abandoned_value_leaves_nothing(spool: Spool) -> None:
    sink = spool.open(1000)
    sink.write(b"only this much")
    assert spool.used == 1000
    sink.abandon()
    assert spool.used == 0
    assert list(spool_files(spool)) == []


def test_the_folder_is_for_this_user_only(spool: Spool) -> None:
    assert stat.S_IMODE(spool.folder.stat().st_mode) == 0o700
    file = spooled(spool, b"secret")
    (path,) = spool_files(spool)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    del file


def test_the_limit_is_for_all_files_together(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=100)
    file = spooled(spool, 60 * b"v")
    sink = spool.open(41)
    sink.write(41 * b"v")
    refused = sink.finish()
    assert refused == RefusedBody("a value of 41 bytes exceeds the spool limit of 100 bytes")
    exact = spooled(spool, 40 * b"v")
    del file
    again = spooled(spool, 60 * b"v")
    assert spool.used == 100
    del exact, again
    assert spool.used == 0
    spool.close()


def test_closing_removes_the_folder_whatever_is_in_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    file = spooled(spool, b"a long value")
    unfinished = spool.open(1000)
    unfinished.write(b"some")
    spool.close()
    assert list(tmp_path.iterdir()) == []
    unfinished.abandon()
    del file


# Failures


def test_a_folder_that_is_gone_refuses_values(spool: Spool) -> None:
    shutil.rmtree(spool.folder)
    sink = spool.open(10)
    sink.write(10 * b"v")
    refused = sink.finish()
    assert isinstance(refused, RefusedBody)
    assert refused.reason.startswith("a value of 10 bytes cannot be written to the server's folder")
    assert spool.used == 0
    spool.folder.mkdir()  # for the fixture, which looks into it


class FullDisk:
    """A file on a disk with little room."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._room = 5 - os.fstat(self._fd).st_size

    def write(self, data: bytes) -> int:
        taken = min(len(data), self._room)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._room -= taken
        os.write(self._fd, data[:taken])
        return taken

    def close(self) -> None:
        os.close(self._fd)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file of a spool take a few bytes only."""
    monkeypatch.setattr(SpoolFile, "open", lambda self, mode="rb": FullDisk(self._path))


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_refuses_the_value_and_frees_what_it_took(spool: Spool) -> None:
    sink = spool.open(100)
    sink.write(4 * b"v")
    sink.write(4 * b"v")
    assert spool.used == 0
    sink.write(92 * b"v")
    refused = sink.finish()
    assert isinstance(refused, RefusedBody)
    assert refused.reason == (
        f"a value of 100 bytes cannot be written to the server's folder {spool.folder}: "
        "No space left on device; --tmp-dir sets another folder"
    )


def test_what_is_refused_is_reported(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=100)
    reported: list[tuple[str, str]] = []
    spool.on_refusal = lambda *incident: reported.append(incident)
    refused = [spool.open(size) for size in (101, 10**9)]
    shutil.rmtree(spool.folder)
    refused.append(spool.open(4))
    for sink in refused:
        sink.write(b"data")
    assert [sink.finish() for sink in refused] == [RefusedBody(reason) for _, reason in reported]
    kinds = [kind for kind, _ in reported]
    assert kinds == [REFUSED_VALUES, REFUSED_VALUES, UNWRITABLE_VALUES]
    spool.close()


def test_a_value_takes_no_file_descriptor(spool: Spool) -> None:
    before = len(os.listdir("/dev/fd"))
    sink = spool.open(6)
    sink.write(b"abc")
    assert len(os.listdir("/dev/fd")) == before
    sink.write(b"def")
    file = sink.finish()
    assert len(os.listdir("/dev/fd")) == before
    assert isinstance(file, SpoolFile)
    with file.open() as opened:
        assert opened.read() == b"abcdef"


@pytest.mark.usefixtures("full_disk")
def test_a_value_that_failed_can_be_abandoned(spool: Spool) -> None:
    sink = spool.open(100)
    sink.write(10 * b"v")
    sink.abandon()
    assert spool.used == 0


def test_a_file_that_cannot_be_closed_was_not_written(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems say only then that there is no room."""

    class LateFailure(FullDisk):
        def close(self) -> None:
            super().close()
            raise OSError(errno.EDQUOT, "quota exceeded")

    monkeypatch.setattr(SpoolFile, "open", lambda self, mode="rb": LateFailure(self._path))
    sink = spool.open(4)
    sink.write(b"1234")
    refused = sink.finish()
    assert isinstance(refused, RefusedBody)
    assert "quota exceeded" in refused.reason
    assert spool.used == 0


# Folders of servers that were killed


@locks_needed
def test_a_folder_in_use_is_left_alone(tmp_path: Path) -> None:
    first = Spool(tmp_path)
    file = spooled(first, b"a long value")
    second = Spool(tmp_path)
    assert first.folder.is_dir()
    with file.open() as opened:
        assert opened.read() == b"a long value"
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


@locks_needed
def test_a_folder_that_nobody_uses_is_removed(tmp_path: Path) -> None:
    stale = tmp_path / "nws-spool-stale"
    stale.mkdir()
    (stale / "lock").touch()
    (stale / "17").write_bytes(b"left behind")
    unrelated = tmp_path / "nws-spool-made-by-others"
    unrelated.mkdir()
    Spool(tmp_path).close()
    assert list(tmp_path.iterdir()) == [unrelated]


@locks_needed
def test_folders_of_other_users_are_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody can make a folder in /tmp, with a lock that never opens, or one that is no file."""
    stale = tmp_path / "nws-spool-trap"
    stale.mkdir()
    os.mkfifo(stale / "lock")
    monkeypatch.setattr(os, "geteuid", lambda: stale.stat().st_uid + 1)
    Spool(tmp_path).close()
    assert stale.is_dir()


@locks_needed
def test_a_folder_that_another_server_takes_for_stale_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making and locking it, a folder looks like that of a dead server."""
    import fcntl  # only Unix has it

    flock = fcntl.flock
    removed: list[Path] = []

    def too_late(file: BinaryIO, operation: int) -> None:
        if not removed:
            removed.extend(tmp_path.iterdir())
            shutil.rmtree(removed[0])
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", too_late)
    spool = Spool(tmp_path)
    assert removed
    assert spool.folder.is_dir()
    assert len(spooled(spool, b"a long value")) == 12
    spool.close()


def test_where_no_folder_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Spool(tmp_path / "nowhere")


def test_sinks_are_what_the_decoder_expects(spool: Spool) -> None:
    sink = spool.open(0)
    assert isinstance(sink, SpoolSink)
    assert len(sink.finish()) == 0

"""`pybabelfishd`: into the background, with log and pid file, and as another user."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws.client import NetWorkSpace
from tests.support.processes import run_python, runs, until_file, until_gone
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

START = "from nws_babelfish.cli import pybabelfishd; pybabelfishd(prog_name='pybabelfishd')"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


class Daemon:
    """Starts daemons, all in a folder of their own.

    Attributes:
        folder: for the log and the pid file.
    """

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.pidfile = folder / "pid"
        self._server = server

    def start(self, *options: str, status: int = 0, place: str = HOST) -> str:
        """Start one; return what the starter said on stderr."""
        env = {"BABELFISH_LOGFILE": str(self.log), "BABELFISH_PIDFILE": str(self.pidfile)}
        where = ["-h", place, "-p", str(self._server.port), "--workspace", str(self.folder)]
        done = run_python("-c", START, *where, *options, cwd=self.folder, env=env, status=status)
        assert done.stdout == ""
        return done.stderr

    @property
    def pid(self) -> int:
        return int(self.pidfile.read_text())

    def ask(self, value: object) -> str:
        """Let it translate a value."""
        with NetWorkSpace(str(self.folder), HOST, self._server.port, useUse=True).server as server:
            ws = server.useWs(str(self.folder), create=False)
            ws.store("food", value)
            text: str = ws.fetch("doof", timeout=PATIENCE)
            return text

    def stop(self) -> None:
        """Tell it to stop, and wait for its end."""
        pid = self.pid
        os.kill(pid, signal.SIGTERM)
        until_gone([pid])


@pytest.fixture
def daemon(server: Server) -> Iterator[Daemon]:
    """A place for a daemon that also a daemon of root can use; whatever is left of it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="babelfish"))
    if os.geteuid() == 0:
        entry = pwd.getpwnam("daemon")
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    daemon = Daemon(folder, server)
    yield daemon
    text = daemon.pidfile.read_text().strip() if daemon.pidfile.exists() else ""
    if text and runs(int(text)):
        os.kill(int(text), signal.SIGKILL)
        until_gone([int(text)])
    shutil.rmtree(folder)


def test_it_works_in_the_background(daemon: Daemon) -> None:
    assert daemon.start() == ""
    assert daemon.ask([1]) == "[1]"
    assert os.getsid(daemon.pid) not in (os.getsid(0), daemon.pid)
    assert os.readlink(f"/proc/{daemon.pid}/cwd") == "/"
    assert os.readlink(f"/proc/{daemon.pid}/fd/0") == os.devnull
    assert os.readlink(f"/proc/{daemon.pid}/fd/1") == str(daemon.log)
    daemon.stop()
    assert not daemon.pidfile.exists()
    first, last = daemon.log.read_text().splitlines()
    assert "the babelfish serves the workspace" in first
    assert last.endswith("the babelfish ends: it was told to stop")


def test_a_second_one_is_refused(daemon: Daemon) -> None:
    daemon.start()
    pid = daemon.pid
    said = daemon.start(status=1)
    assert said == f"Error: another babelfish serves the workspace '{daemon.folder}'\n"
    assert daemon.pid == pid
    assert daemon.ask([1]) == "[1]"
    daemon.stop()


def test_errors_of_the_start_are_seen(daemon: Daemon) -> None:
    said = daemon.start(status=1, place=f"unix:{daemon.folder}/none")
    assert said.startswith("Error: ")
    assert said.count("\n") == 1
    assert daemon.log.read_text() == ""
    said = daemon.start("--memory-limit", str(2**64), status=1)
    assert said.startswith("Error: no limit of ")


def test_a_start_that_crashes_is_seen(daemon: Daemon) -> None:
    said = daemon.start("--memory-limit", "1000", status=1)
    assert said.strip()


def test_a_log_that_cannot_be_written(daemon: Daemon) -> None:
    daemon.log = daemon.folder / "none" / "log"
    said = daemon.start(status=1)
    assert said.startswith("Error: ")
    assert str(daemon.log) in said


def test_it_ends_with_its_workspace(daemon: Daemon, server: Server) -> None:
    daemon.start("--safe")
    pid = daemon.pid
    with NetWorkSpace("any", HOST, server.port).server as client:
        client.deleteWs(str(daemon.folder))
    until_gone([pid])
    assert not daemon.pidfile.exists()
    assert "was deleted" in until_file(daemon.log)


@needs_root
def test_root_becomes_the_user_daemon(daemon: Daemon) -> None:
    entry = pwd.getpwnam("daemon")
    daemon.start()
    status = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
    fields = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert set(fields["Uid"].split()) == {str(entry.pw_uid)}
    assert set(fields["Gid"].split()) == {str(entry.pw_gid)}
    assert "0" not in fields["Groups"].split()
    daemon.stop()


@needs_root
def test_a_pid_file_in_a_folder_of_root_is_emptied(daemon: Daemon) -> None:
    os.chown(daemon.folder, 0, 0)
    daemon.start()
    assert daemon.ask([1]) == "[1]"
    daemon.stop()
    assert daemon.pidfile.read_text() == ""

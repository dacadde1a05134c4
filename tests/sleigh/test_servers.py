"""The server of a sleigh: its own, or one that is there already."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

import pytest

from nws.client import NetWorkSpace, NwsServer
from nws.connection_file import (
    CONNECTION_FILE,
    ServerAddress,
    read_connection_file,
    write_connection_file,
)
from nws.sleigh import Sleigh, SleighIllegalValueException, SleighNwsException
from nws.sleigh.launch.private_server import PrivateServer
from tests.support.deadly import times_ten
from tests.support.processes import until
from tests.support.server import Server, running
from tests.support.sleighs import servers, supervisors
from tests.support.spaces import HOST


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# A private one


def test_only_this_user_can_reach_a_private_server(short: Path) -> None:
    with Sleigh(workerCount=1):
        (folder,) = short.iterdir()
        (place,) = (path for path in folder.rglob("*") if path.is_socket())
        assert permissions(folder) == 0o700
        assert permissions(place) == 0o600
        assert place.parent == folder
        (server,) = servers(os.getpid())
        assert tcp_sockets(server) == []


def tcp_sockets(pid: int) -> list[str]:
    """Return the inodes of a process's TCP sockets."""
    links = [os.readlink(path) for path in Path(f"/proc/{pid}/fd").iterdir()]
    ours = {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}
    tables = [Path(f"/proc/{pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    listed = {line.split()[9] for table in tables for line in table.splitlines()[1:]}
    return sorted(ours & listed)


def test_a_folder_for_temporary_files_with_any_name(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = short / ("a:b=c\\d eä'\"%s{}new\nline" + 120 * "x")
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with Sleigh(workerCount=1) as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]
        assert len(list(folder.iterdir())) == 1, "long values go where they were told to go"
        place = Path(sleigh.nws.server.serverHost.removeprefix("unix:"))
        assert place.is_socket()
    assert list(folder.iterdir()) == []
    assert not place.parent.exists()
    folder.rmdir()


def test_no_folder_for_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(SleighNwsException, match=r"cannot be started.*missing"):
        Sleigh()


def test_a_private_server_that_cannot_start(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NWS_MEMORY_LIMIT", "a lot")
    with pytest.raises(SleighNwsException, match=r"did not start.*NWS_MEMORY_LIMIT"):
        Sleigh()
    assert (servers(os.getpid()), supervisors(os.getpid())) == ([], [])


def test_no_python_to_start(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(short / "python"))
    with pytest.raises(SleighNwsException, match="cannot be started"):
        Sleigh()


@pytest.mark.parametrize("address", [None, (HOST, 0)])
def test_the_connection_file_of_another_server_stays(
    short: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    address: tuple[str, int] | None,
) -> None:
    file = tmp_path / "connection.json"
    other = ServerAddress("its secret", (f"{HOST}:1",), os.getpid())
    write_connection_file(file, other)
    monkeypatch.setenv(CONNECTION_FILE, str(file))
    server = PrivateServer(address)
    server.wait_until_ready()
    assert read_connection_file(file) == other
    server.stop()
    assert read_connection_file(file) == other


def test_the_connection_file_of_a_server_that_was_killed_is_replaced(
    short: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "connection.json"
    pid = subprocess.run(["sh", "-c", "echo $$"], stdout=subprocess.PIPE, check=True).stdout
    write_connection_file(file, ServerAddress("its secret", (f"{HOST}:1",), int(pid)))
    monkeypatch.setenv(CONNECTION_FILE, str(file))
    server = PrivateServer((HOST, 0))
    server.wait_until_ready()
    found = read_connection_file(file)
    assert found is not None
    assert found.addresses == (f"{HOST}:{server.port}",)
    server.stop()
    assert not file.exists()


@pytest.mark.nightly
def test_settings_of_another_server_do_no_harm(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", "1")
    monkeypatch.setenv("NWS_INTERFACE", "192.0.2.1")
    monkeypatch.setenv("NWS_TMP_DIR", "/nowhere")
    monkeypatch.setenv("NWS_WEB_PORT", "1")
    with Sleigh(workerCount=1) as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]


# A given one


def test_a_given_server(server: Server) -> None:
    with Sleigh(workerCount=2, nwsHost=HOST, nwsPort=server.port) as sleigh:
        assert servers(os.getpid()) == []
        assert sleigh.eachElem(times_ten, range(100)) == list(range(0, 1000, 10))
        name = sleigh.nws.currentWs()
        assert name in workspaces(server)
        assert f"{HOST}:{server.port}" in str(sleigh)
    assert name not in workspaces(server)


def workspaces(server: Server) -> set[str]:
    with NwsServer(HOST, server.port) as found:
        listing = found.listWss("dict")
        assert isinstance(listing, dict)
        return set(listing)


@pytest.mark.nightly  # so do the sleighs of most tests
def test_sleighs_that_share_a_server(server: Server) -> None:
    with (
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as one,
        Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as other,
    ):
        names = {one.nws.currentWs(), other.nws.currentWs()}
        assert len(names & workspaces(server)) == 2
        assert one.eachElem(times_ten, [1]) == other.eachElem(times_ten, [1]) == [10]
    assert not names & workspaces(server)


@pytest.mark.nightly  # private servers are on one, too
def test_a_given_server_on_a_unix_socket(tmp_path: Path, short: Path) -> None:
    place = short / "socket"
    with (
        running(tmp_path, listen=f"unix:{place}:mode=600"),
        Sleigh(workerCount=1, nwsHost=f"unix:{place}") as sleigh,
    ):
        assert sleigh.eachElem(times_ten, [1]) == [10]


def test_the_workspace_is_deleted_by_somebody_else(server: Server) -> None:
    with Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port) as sleigh:
        with NetWorkSpace("looking on", HOST, server.port) as ws:
            ws.server.deleteWs(sleigh.nws.currentWs())
        with pytest.raises(SleighNwsException, match="was deleted"):
            sleigh.eachElem(times_ten, [1])


# One that is of no use


def test_no_server_there() -> None:
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(SleighNwsException, match="cannot connect"):
            Sleigh(nwsHost=HOST, nwsPort=unused.getsockname()[1])


def test_a_server_of_the_original(tmp_path: Path) -> None:
    with running(tmp_path, "--no-extensions") as server:
        with pytest.raises(SleighNwsException, match="speaks only the original protocol"):
            Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port)
        assert workspaces(server) == {"__default"}


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("count", [0, -1])
def test_no_workers(short: Path, count: int) -> None:
    with pytest.raises(SleighIllegalValueException, match=f"workerCount={count}"):
        Sleigh(workerCount=count)
    assert (servers(os.getpid()), supervisors(os.getpid())) == ([], [])


def test_a_sleigh_that_is_stopped_leaves_nothing_on_a_users_server(server: Server) -> None:
    with NetWorkSpace("looking on", HOST, server.port) as ws:
        before = ws.server.status()
        sleigh = Sleigh(workerCount=1, nwsHost=HOST, nwsPort=server.port)
        assert sleigh.eachElem(times_ten, [1]) == [10]
        assert sleigh.submit(times_ten, 2).result(20) == 20
        names = sleigh.nws.currentWs(), sleigh.userNws.currentWs()
        sleigh.stop()
        until(
            lambda: ws.server.status()["sessions"] == before["sessions"],
            "the end of the sleigh's sessions",
        )
        assert ws.server.status()["connections"] == before["connections"]
        assert not set(names) & workspaces(server)

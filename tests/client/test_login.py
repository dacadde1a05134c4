"""How a client finds what lets it in, and what it does with a server that it cannot trust."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest

from nws import connection_file
from nws.client import NetWorkSpace, NwsServer
from nws.connection_file import (
    CONNECTION_FILE,
    SECRET,
    ConnectionFileError,
    ServerAddress,
    read_connection_file,
    usual_path,
    write_connection_file,
)
from nws.errors import NwsConnectException
from nws.session import trust
from nws.session.endpoint import Endpoint, find_endpoint
from nws.session.trust import why_not_trusted
from nws.wire.dialect import EXTENSIONS, METADATA_FROM_SERVER, SESSION
from nws.wire.login import LOCAL
from tests.support.frames import framed_dict
from tests.support.impostors import impostor
from tests.support.server import Server, running
from tests.support.spaces import HOST

ITS_SECRET: Final = "what-only-its-owner-knows"
OFFERS: Final = {METADATA_FROM_SERVER: b"", EXTENSIONS: b"", SESSION: b""}


def file_of(server: Server) -> ServerAddress:
    found = read_connection_file(usual_path(server.port))
    assert found is not None
    return found


def written(port: int, **changes: Any) -> Path:
    """Write the connection file of a server that may not be there."""
    content = ServerAddress(ITS_SECRET, (f"{HOST}:{port}",), os.getpid())
    write_connection_file(usual_path(port), content._replace(**changes))
    return usual_path(port)


# Of a server that is there


def test_the_file_is_for_the_owner_only_and_goes_with_the_server(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        path = usual_path(server.port)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        content = file_of(server)
        assert content.addresses == (f"{HOST}:{server.port}",)
        assert content.pid == server.pid
        assert content.secret not in repr(content)
        forwarded = Path(content.forwarded)
        assert forwarded.parent.stat().st_mode & 0o777 == 0o700
    assert not path.exists()
    assert not forwarded.parent.exists()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_the_owner_types_nothing(server: Server, name: str) -> None:
    """By whatever name of this machine: what is dialed is in the file."""
    endpoint = find_endpoint(name, server.port)
    assert endpoint.dialed == HOST
    assert endpoint.login is not None
    with NwsServer(name, server.port) as found:
        assert found.status()["pid"] == server.pid


def test_without_the_file_the_system_knows_the_owner(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert find_endpoint(HOST, server.port) == Endpoint(HOST, server.port)
    NwsServer(HOST, server.port).close()


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("by", ["argument", "variable", "file", "memory"])
def test_a_server_that_lets_in_who_knows_the_secret_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    path = tmp_path / "connection.json"
    env = {SECRET: ITS_SECRET, CONNECTION_FILE: str(path)}
    with running(tmp_path, "--original", "never", env=env) as server:
        with pytest.raises(NwsConnectException, match=r"has not proved .* NWS_SECRET"):
            NwsServer(HOST, server.port)
        with pytest.raises(NwsConnectException, match=f"secret is wrong for {HOST}"):
            NwsServer(HOST, server.port, login="another secret")
        if by == "variable":
            monkeypatch.setenv(SECRET, ITS_SECRET)
        if by == "file":
            monkeypatch.setenv(CONNECTION_FILE, str(path))
        if by in ("argument", "memory"):
            first = NwsServer(HOST, server.port, login=ITS_SECRET)
            assert ITS_SECRET.encode() not in pickle.dumps(first)
            assert ITS_SECRET not in f"{first} {first._session.endpoint!r}"
            first.close()
        if by != "argument":
            NetWorkSpace("ws", HOST, server.port).server.close()


def test_something_that_forwards_must_be_known(server: Server) -> None:
    """Or anybody in between could read along, and change what comes."""
    secret, forwarded = file_of(server).secret, f"unix:{file_of(server).forwarded}"
    with pytest.raises(NwsConnectException, match="something forwards the connection"):
        NwsServer(HOST, server.port, login=f"{secret}@{HOST}:1")
    with pytest.raises(NwsConnectException, match="forwarded to this server must know"):
        NwsServer(forwarded)
    with pytest.raises(NwsConnectException, match="secret is wrong for forwarded"):
        NwsServer(forwarded, login=f"{secret}@{LOCAL}")
    NwsServer(forwarded, login=f"{secret}@forwarded").close()


def test_after_a_server_that_was_killed_what_is_forwarded_has_a_new_socket(tmp_path: Path) -> None:
    """The old one is still there, and leads nowhere."""
    with running(tmp_path) as killed:
        old = file_of(killed)
        killed.stop(signal.SIGKILL)
        usual_path(killed.port).unlink()
    with running(tmp_path) as server:
        new = file_of(server)
        login = f"{new.secret}@forwarded"
        assert Path(old.forwarded).is_socket()
        with pytest.raises(NwsConnectException, match="refused"):
            NwsServer(f"unix:{old.forwarded}", login=login)
        NwsServer(f"unix:{new.forwarded}", login=login).close()


# Of another program, or none; see also tests/faults/test_squatters.py


@pytest.mark.parametrize("text", [b"2223", b"P000" + framed_dict(OFFERS)])
def test_without_a_secret_the_program_must_be_ours(
    monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    monkeypatch.setattr(trust, "own_user", lambda: 12345)
    monkeypatch.setattr(trust, "_ROOT", 12345)
    whose = f"program of user {os.geteuid()}, and it has proved nothing"
    accepted = b"A000" + framed_dict({SESSION: b"token"})
    with impostor(text, accepted) as port, pytest.raises(NwsConnectException, match=whose):
        NwsServer(HOST, port)


def test_also_by_another_address_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who squats listens there, too."""
    monkeypatch.setattr(trust, "own_user", lambda: 12345)
    monkeypatch.setattr(trust, "_ROOT", 12345)
    monkeypatch.setattr(trust, "ip_address", lambda _: ip_address("192.0.2.1"))
    with (
        socket.create_server((HOST, 0)) as listener,
        socket.create_connection(listener.getsockname()) as sock,
    ):
        assert "it has proved nothing" in why_not_trusted(sock)


@pytest.mark.parametrize("what", ["killed", "another port"])
def test_a_file_that_is_out_of_date_is_ignored(what: str) -> None:
    with impostor(b"2223") as port:
        ended = os.fork()
        if ended == 0:
            os._exit(0)
        os.waitpid(ended, 0)
        path = written(port, **({"pid": ended} if what == "killed" else {"addresses": ("h:1",)}))
        NwsServer(HOST, port).close()
    path.unlink()


def test_a_file_of_another_machine_cannot_be_told_to_be_out_of_date() -> None:
    content = ServerAddress(ITS_SECRET, ("10.0.0.1:1",), 2**22 + 1)
    write_connection_file(usual_path(1, "elsewhere"), content)
    endpoint = find_endpoint("elsewhere", 1)
    assert endpoint.login is not None
    assert endpoint.dialed == ""


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ("open to others", "other users can open the connection file .*: restart|its secret"),
        ("no JSON", "is damaged .*: restart the server"),
        ("no dict", "is damaged"),
        ("no secret", "is damaged"),
    ],
)
def test_a_file_that_cannot_be_used(problem: str, expected: str) -> None:
    path = written(1)
    if problem == "open to others":
        path.chmod(0o640)
    else:
        text = {"no JSON": "{", "no dict": "[]", "no secret": json.dumps({"addresses": []})}
        path.write_text(text[problem])
    with pytest.raises(NwsConnectException, match=expected):
        NwsServer(HOST, 1)
    path.unlink()


def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(ConnectionFileError, match="is no file: remove it"):
        read_connection_file(pipe)


def test_the_file_that_is_read_is_the_one_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where others can make names, such as in /tmp, one may lead elsewhere in the next moment."""
    ours, theirs, link = (tmp_path / name for name in ("ours", "theirs", "link"))
    content = ServerAddress(ITS_SECRET, (f"{HOST}:1",), os.getpid())
    write_connection_file(ours, content)
    write_connection_file(theirs, content._replace(secret="of a stranger"))
    link.symlink_to(ours)
    check = connection_file._check_private

    def check_and_swap(path: Path, status: os.stat_result) -> None:
        check(path, status)
        link.unlink()
        link.symlink_to(theirs)

    monkeypatch.setattr(connection_file, "_check_private", check_and_swap)
    found = read_connection_file(link)
    assert found is not None
    assert found.secret == ITS_SECRET


def test_a_link_in_its_place_is_replaced_not_followed(tmp_path: Path) -> None:
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "connection.json"
    elsewhere.write_text("kept")
    path.symlink_to(elsewhere)
    write_connection_file(path, ServerAddress(ITS_SECRET, (f"{HOST}:1",), os.getpid()))
    assert elsewhere.read_text() == "kept"
    assert not path.is_symlink()


def test_a_folder_of_somebody_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`sudo` may leave HOME as it was."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = usual_path(1).parent
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="belongs to another user: set HOME or XDG_STATE_HO"):
        written(1)
    assert list(folder.iterdir()) == []
    assert folder.stat().st_mode & 0o777 == 0o755


def test_a_file_that_is_named_must_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(CONNECTION_FILE, str(tmp_path / "nowhere"))
    with pytest.raises(NwsConnectException, match=f"{CONNECTION_FILE}=.*nowhere: there is no"):
        NwsServer(HOST, 1)

"""Who may come in: listeners, settings and clients, each with each."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from nws import peer_user as module
from nws.peer_user import own_user, peer_user
from nws.wire.dialect import Dialect
from nws.wire.handshake import Proof
from nws_server.authenticator import Authenticator
from nws_server.connection import Connection
from tests.support.link import MemoryOutlet, MemoryServer

SECRET: Final = "what-only-its-owner-knows"
ORIGINAL: Final = Dialect()
OURS: Final = Dialect(metadata_out=True, extensions=True)
SETTINGS: Final = ("same-user", "never", "anyone")


@contextmanager
def connected(kind: str, folder: Path) -> Iterator[socket.socket]:
    """Make a connection, and return the server's end."""
    path = str(folder / "socket")
    if kind == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        client = socket.socket(socket.AF_UNIX)
    elif kind == "dual":  # its peers' addresses are IPv4 in IPv6
        listener = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        client = socket.socket(socket.AF_INET)
    else:
        host = "::1" if kind == "tcp6" else "127.0.0.1"
        family = socket.AF_INET6 if kind == "tcp6" else socket.AF_INET
        listener = socket.create_server((host, 0), family=family)
        client = socket.socket(family)
    with listener, client:
        listener.listen()
        port = listener.getsockname()[1] if kind != "unix" else 0
        client.connect(path if kind == "unix" else ("::1" if kind == "tcp6" else "127.0.0.1", port))
        server_end, _ = listener.accept()
        with server_end:
            yield server_end


@pytest.mark.parametrize("kind", ["unix", "tcp", "tcp6", "dual"])
def test_the_system_tells_whose_process_it_is(kind: str, tmp_path: Path) -> None:
    with connected(kind, tmp_path) as sock:
        assert peer_user(sock) == own_user() == os.geteuid()


@pytest.mark.parametrize("how", ["closed", "no connection", "a file"])
def test_of_what_is_no_connection_it_tells_nothing(how: str, tmp_path: Path) -> None:
    """Once a socket was closed its row says that root has it."""
    if how == "closed":
        with connected("tcp", tmp_path) as sock:
            sock.shutdown(socket.SHUT_RDWR)
            assert peer_user(sock) is None
    else:
        with socket.socket() as sock:
            if how == "a file":
                sock.bind(("127.0.0.1", 0))
            assert peer_user(sock) is None


def test_where_the_kernel_does_not_answer_nobody_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As in some containers."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(module, "_owner", refuse)
    with connected("tcp", tmp_path) as sock:
        assert peer_user(sock) is None


def test_a_number_that_stands_for_many_users_is_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a user namespace. There, a Unix socket has its mode to keep others out."""
    monkeypatch.setattr(module, "_stand_in", own_user)
    with connected("tcp", tmp_path) as sock:
        assert peer_user(sock) is None
    with connected("unix", tmp_path) as sock:
        assert peer_user(sock) == own_user()


@pytest.mark.parametrize(
    ("uid_map", "expected"),
    [
        ("         0          0 4294967295\n", None),
        ("         0       1000          1\n         1     100000      65536\n", 65534),
    ],
)
def test_it_is_known_where_all_users_have_numbers(
    monkeypatch: pytest.MonkeyPatch, uid_map: str, expected: int | None
) -> None:
    read = {"/proc/self/uid_map": uid_map, "/proc/sys/kernel/overflowuid": "65534\n"}
    monkeypatch.setattr(Path, "read_text", lambda path: read[str(path)])
    assert module._stand_in.__wrapped__() == expected


# With each listener: who is let in without the secret, by setting, if of the same user
LET_IN: Final = {
    ("tcp", "same-user"): {OURS, ORIGINAL},
    ("tcp", "never"): set[Dialect](),
    ("tcp", "anyone"): {OURS, ORIGINAL},
    ("unix", "same-user"): {OURS, ORIGINAL},
    ("unix", "never"): {OURS},
    ("unix", "anyone"): {OURS, ORIGINAL},
}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_who_comes_in_without_the_secret(kind: str, setting: str, tmp_path: Path) -> None:
    authenticator = Authenticator(SECRET, setting)
    user = authenticator.user
    assert user is not None
    with connected(kind, tmp_path) as sock:
        for dialect in (OURS, ORIGINAL):
            visitor = authenticator.meet(sock)
            reason = visitor.admit(dialect, Proof.NONE)
            assert (not reason) == (dialect in LET_IN[kind, setting])
            assert visitor.identity == ("" if reason else f"user {user}")
        authenticator.user = user + 1
        for dialect in (OURS, ORIGINAL):
            visitor = authenticator.meet(sock)
            reason = visitor.admit(dialect, Proof.NONE)
            assert (not reason) == (setting == "anyone")
            assert visitor.identity == ("" if reason else "anyone")
            assert not reason or (f"it is of user {user}" in reason and "--original" in reason)


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_nobody_knows_is_nobody(setting: str) -> None:
    visitor = Authenticator(SECRET, setting).meet(None)
    reason = visitor.admit(ORIGINAL, Proof.NONE)
    assert "of an unknown user" in reason or (setting == "anyone" and not reason)


@pytest.mark.parametrize("setting", SETTINGS)
def test_browsers_come_in_as_clients_do(setting: str, tmp_path: Path) -> None:
    """Without the key; with ``anyone`` nobody is asked."""
    authenticator = Authenticator(SECRET, setting)
    assert authenticator.knows(None) == (setting == "anyone")
    with connected("tcp", tmp_path) as sock:
        assert authenticator.knows(sock) == (setting != "never")
        assert authenticator.user is not None
        authenticator.user += 1
        assert authenticator.knows(sock) == (setting == "anyone")


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_is_forwarded_must_know_the_secret(setting: str, tmp_path: Path) -> None:
    """It comes from a process of the owner, whoever is behind that."""
    authenticator = Authenticator(SECRET, setting)
    authenticator.forwarded_path = str(tmp_path / "socket")
    with connected("unix", tmp_path) as sock:
        for dialect in (OURS, ORIGINAL):
            assert "must know its secret" in authenticator.meet(sock).admit(dialect, Proof.NONE)
        visitor = authenticator.meet(sock)
        assert visitor.admit(OURS, Proof.RIGHT) == ""
        assert visitor.identity == "secret"


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_wrong_secret_is_worse_than_none(setting: str, tmp_path: Path) -> None:
    with connected("unix", tmp_path) as sock:
        visitor = Authenticator(SECRET, setting).meet(sock)
        assert "secret is wrong" in visitor.admit(OURS, Proof.WRONG)


# On a connection


class Visit:
    """A connection to a server in memory that asks who has come."""

    def __init__(self, setting: str, sock: socket.socket | None) -> None:
        self.server = MemoryServer()
        self.outlet = MemoryOutlet()
        visitor = Authenticator(SECRET, setting).meet(sock)
        self.connection = Connection(self.server.hub, self.outlet, b"its peer", visitor=visitor)


@pytest.mark.parametrize("hello", [b"0000", b"1111", b"1112", b"X000"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_web_page_stays_out_with_every_setting(
    setting: str, hello: bytes, tmp_path: Path
) -> None:
    """Led to this port by DNS rebinding: its browser is a process of the owner. Its method is a
    hello, and the beginning of a request whose value swallows the headers."""
    store = b"00050000000000000000000" + b"5store" + b" HTTP/1.1\r\nHost: evil.example\r\n\r\n"
    with connected("tcp", tmp_path) as sock:
        visit = Visit(setting, sock)
        visit.connection.receive(hello + store)
        assert not visit.outlet.sent
        assert visit.outlet.closed
        assert not visit.connection.established
        visit.connection.receive(store)
        assert not visit.outlet.sent


def test_who_is_refused_is_told_why_and_the_log_has_one_line() -> None:
    visit = Visit("same-user", None)
    visit.connection.receive(b"X000")
    assert visit.outlet.sent.startswith(b"P000")
    visit.outlet.sent.clear()
    visit.connection.receive(b"R0000000")
    assert visit.outlet.sent.startswith(b"F00000010009nwsReason")
    assert visit.outlet.closed
    assert visit.server.hub.incidents.counts["refused_logins"] == 1
    (warning,) = visit.server.warnings
    assert "refused its peer: it is of an" in warning

"""TLS: what a server and its clients do with each other, and with somebody in between."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from nws.client import NwsServer
from nws.connection_file import (
    CONNECTION_FILE,
    ServerAddress,
    write_connection_file,
)
from nws.errors import NwsConnectException, NwsConnectionDroppedException
from nws.session.endpoint import TLS_CA, Endpoint, find_endpoint
from nws.session.tls import TlsError, tls_context
from nws.session.transport import Transport
from nws.wire.login import Login
from tests.support.certificates import Authority, SignedFiles, trusting
from tests.support.impostors import impostor
from tests.support.processes import Aside, until
from tests.support.secured import Secured, secured
from tests.support.server import PATIENCE, Client, Server
from tests.support.spaces import HOST, until_waiting

NOT_ITS: Final = "sha256:" + 64 * "0"
SIZES: Final = (0, 1, 16_000, 16_384, 70_000, 3_000_000, 15_000_000, 20_000_000)
"""The last one is kept in a file."""


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def until_logged(server: Server, text: str) -> None:
    until(lambda: any(text in line for line in server.log()), f"{text!r} in the log")


# The right server


def test_values_of_all_sizes_go_both_ways(tls: Secured) -> None:
    with tls.connect() as server, server.openWs("sizes") as ws:
        assert server.address == tls.content.certificate
        for size in SIZES:
            value = os.urandom(size)
            ws.store("value", value)
            assert ws.find("value") == value
            assert ws.fetch("value") == value


def test_they_do_where_everything_goes_through_twisted(tmp_path: Path) -> None:
    with (
        secured(tmp_path, NWS_IO="plain") as found,
        found.connect() as server,
        server.openWs("sizes") as ws,
    ):
        for size in SIZES:
            value = os.urandom(size)
            ws.store("value", value)
            assert ws.fetch("value") == value


def test_an_older_version_of_tls_is_refused(tls: Secured) -> None:
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((HOST, tls.port), PATIENCE) as sock,
        pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"),
    ):
        context.wrap_socket(sock)
    until_logged(tls.server, "its TLS handshake failed: unsupported protocol")


def test_a_fetch_waits_for_a_value(tls: Secured) -> None:
    with tls.connect() as server, server.openWs("waits") as ws:
        fetching = Aside(lambda: ws.fetch("value"))
        until_waiting(ws, "value", fetchers=1)
        ws.store("value", 42)
        assert fetching.result() == 42


def test_a_stream_waits_for_its_value(tls: Secured) -> None:
    with tls.connect() as server, server.openWs("streams") as ws:
        for number in range(100):
            ws.store("numbers", number)
        assert list(ws.ifetchTry("numbers")) == list(range(100))


def test_an_original_client_of_this_machine_needs_no_tls(tls: Secured) -> None:
    with Client.to(tls.port) as client:
        client.write(b"1112")
        assert client.read(4) == b"2223"


def test_our_client_of_this_machine_needs_no_tls(
    tls: Secured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(TLS_CA, str(tmp_path / "nowhere"))
    with NwsServer("localhost", tls.port) as server:
        assert server.address == f"{HOST}:{tls.port}"


def test_the_connection_file_says_what_to_encrypt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What goes to another machine, and to another address than loopback."""
    file = tmp_path / "connection.json"
    monkeypatch.setenv(CONNECTION_FILE, str(file))
    for listens, host, is_pinned in (
        ("0.0.0.0", "localhost", False),
        ("127.0.0.1", "localhost", False),
        ("192.0.2.1", "localhost", True),
        ("192.0.2.1", "192.0.2.1", True),
        ("0.0.0.0", "node7", True),
    ):
        address = ServerAddress(16 * "s", (f"{listens}:1",), os.getpid(), certificate=NOT_ITS)
        write_connection_file(file, address)
        assert find_endpoint(host, 1).is_pinned == is_pinned


# Another one


def test_another_certificate_is_found_out_before_anything_is_sent(tls: Secured) -> None:
    with pytest.raises(NwsConnectException, match=f"has the certificate .*, and we know {NOT_ITS}"):
        tls.connect(f"{tls.content.secret}@{NOT_ITS}")


def test_the_secret_is_needed_too(tls: Secured) -> None:
    with pytest.raises(NwsConnectException, match="its secret is wrong for sha256:"):
        tls.connect(f"{20 * 'x'}@{tls.content.certificate}")


def test_a_proof_without_tls_is_none_with_it(tls: Secured) -> None:
    """So what was said over a plain connection cannot be handed on over TLS, nor the other way."""
    endpoint = Endpoint(HOST, tls.port, login=Login(tls.content.secret, f"{HOST}:{tls.port}"))
    Transport(endpoint).close()
    tls_endpoint = endpoint._replace(authorities="any", login=endpoint.login)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nws.session.tls.tls_context", lambda _: trusting())
        with pytest.raises(NwsConnectException, match="its secret is wrong for sha256:"):
            Transport(tls_endpoint)


@pytest.mark.parametrize("text", [b"", b"2223", b"220 mail.example.org ESMTP\r\n"])
def test_a_server_without_tls_is_told_at_once(text: bytes) -> None:
    with (
        impostor(text, hang_up=True) as port,
        pytest.raises(NwsConnectException, match=r"does not speak TLS \(.*started with --tls"),
    ):
        NwsServer(HOST, port, login=f"{20 * 'x'}@{NOT_ITS}")


def test_a_server_of_ours_without_tls_says_so(server: Server, tmp_path: Path) -> None:
    with pytest.raises(NwsConnectException, match="does not speak TLS"):
        NwsServer(HOST, server.port, login=f"{20 * 'x'}@{NOT_ITS}")
    until_logged(server, "it speaks TLS, which")


def test_a_server_that_says_nothing_is_given_up() -> None:
    endpoint = Endpoint(HOST, 0, login=Login(20 * "x", NOT_ITS))
    with impostor() as port, pytest.raises(NwsConnectException, match="handshake of TLS"):
        Transport(endpoint._replace(port=port), timeout=0.2)


# An authority


def by_authority(port: int, secret: str, file: Path, host: str = "localhost") -> Transport:
    return Transport(Endpoint(host, port, login=Login(secret), authorities=str(file)))


def test_an_authority_is_trusted_for_the_name_that_it_has_signed(
    authority: Authority, tmp_path: Path
) -> None:
    files = authority.sign("localhost")
    with secured(tmp_path, *files.options) as found:
        secret = found.content.secret
        assert found.content.certificate == files.address
        transport = by_authority(found.port, secret, authority.file)
        assert transport.address == files.address
        transport.close()
        with pytest.raises(NwsConnectException, match="certificate is not right: IP address mism"):
            by_authority(found.port, secret, authority.file, HOST)
        (tmp_path / "other").mkdir()
        other = Authority(tmp_path / "other")
        with pytest.raises(NwsConnectException, match=f"is not right: .*{TLS_CA} names"):
            by_authority(found.port, secret, other.file)
        until_logged(found.server, "TLS handshake failed")


def test_the_variable_is_for_other_machines(
    monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setenv(TLS_CA, str(authority.file))
    assert find_endpoint("node7", 1).authorities == str(authority.file)
    assert find_endpoint("node7", 1, login="secret").is_encrypted
    assert not find_endpoint("node7", 1, login="secret@10.0.0.1:1").is_encrypted
    assert not find_endpoint("localhost", 1).is_encrypted
    assert find_endpoint("node7", 1, login=f"secret@{NOT_ITS}").is_pinned


def test_a_file_without_authorities_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for name in ("empty", "nowhere"):
        with pytest.raises(TlsError, match=f"{TLS_CA}=.*{name}: there is no certificate"):
            tls_context(Endpoint("node7", 1, authorities=str(tmp_path / name)))


def test_an_expired_certificate_is_refused_by_a_client(authority: Authority) -> None:
    expired = authority.sign("localhost", days=-1)
    with listening(expired) as port, pytest.raises(NwsConnectException, match="has expired"):
        by_authority(port, 20 * "x", authority.file)


# Somebody in between


def server_context(files: SignedFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


@contextmanager
def listening(files: SignedFiles, behind: int = 0) -> Iterator[int]:
    """Take one connection by TLS, and forward it to the server that is on the port behind."""
    context = server_context(files)
    listener = socket.create_server((HOST, 0))

    def serve() -> None:
        with suppress(OSError), ExitStack() as stack:
            theirs = stack.enter_context(listener.accept()[0])
            theirs.settimeout(PATIENCE)
            theirs = stack.enter_context(context.wrap_socket(theirs, server_side=True))
            if not behind:
                return
            ours = stack.enter_context(socket.create_connection((HOST, behind), PATIENCE))
            ours = stack.enter_context(trusting().wrap_socket(ours))
            while data := theirs.recv(65536):  # in a handshake each speaks in its turn
                ours.sendall(data)
                theirs.sendall(ours.recv(65536))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join(PATIENCE)
        listener.close()


def test_who_forwards_by_another_certificate_is_found_out(tls: Secured, tmp_path: Path) -> None:
    """Although it forwards all, and an authority that we trust has signed its certificate."""
    authority = Authority(tmp_path)
    files = authority.sign("localhost")
    with (
        listening(files, tls.port) as port,
        pytest.raises(NwsConnectException, match="its secret is wrong for sha256:"),
    ):
        by_authority(port, tls.content.secret, authority.file)
    with (
        listening(files, tls.port) as port,
        pytest.raises(NwsConnectException, match="has the certificate"),
    ):
        NwsServer(HOST, port, login=tls.login)


# Strangers


def test_handshakes_that_do_not_go_on_hold_up_nobody(tls: Secured) -> None:
    """Half of one, one of another protocol's version, one that is cut: the server goes on."""
    with ExitStack() as stack, tls.connect() as server:
        before = server.status()["refused_logins"]
        for text in (b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01", b"\x16" + 9000 * b"x"):
            for _ in range(20):
                sock = stack.enter_context(socket.create_connection((HOST, tls.port), PATIENCE))
                sock.sendall(text)
        until(lambda: server.status()["refused_logins"] >= before + 20, "refusals of garbage")
        tls.connect().close()


@pytest.mark.parametrize(
    ("method", "reason"), [(b"GET", "it speaks HTTP"), (b"1112", "it went on before the server")]
)
def test_a_browser_is_refused_as_without_tls(tls: Secured, method: bytes, reason: str) -> None:
    """Also by a name that a page has chosen. It says which protocols it speaks."""
    context = trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        socket.create_connection((HOST, tls.port), PATIENCE) as sock,
        context.wrap_socket(sock, server_hostname="evil.example") as browser,
    ):
        assert browser.selected_alpn_protocol() is None
        browser.sendall(method + b" / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert browser.recv(100) == b""
    until_logged(tls.server, reason)


def test_what_a_client_that_has_gone_had_leased_goes_back(tls: Secured) -> None:
    with tls.connect() as server, server.openWs("returned") as ws:
        ws.store("value", 1)
        with tls.connect() as other:
            other.useWs("returned").lease("value")
            other.nwsSocket.shutdown(socket.SHUT_RDWR)
            assert ws.fetch("value") == 1


def test_a_connection_that_is_cut_says_so(tls: Secured) -> None:
    with tls.connect() as server, server.openWs("cut") as ws:
        server.nwsSocket.shutdown(socket.SHUT_RDWR)
        with pytest.raises(NwsConnectionDroppedException):
            ws.fetch("value")

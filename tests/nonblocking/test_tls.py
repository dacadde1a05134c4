"""TLS on an event loop: the right server, another one, and none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from nws.errors import NwsConnectException
from nws.session.endpoint import TLS_CA, Endpoint
from tests.support.certificates import Authority
from tests.support.impostors import impostor
from tests.support.loops import Loop, running_loop, wait
from tests.support.secured import Secured, secured

NOT_ITS: Final = "sha256:" + 64 * "0"


@pytest.fixture(scope="module", params=["asyncio", "twisted"])
def loop(request: pytest.FixtureRequest) -> Iterator[Loop]:
    with running_loop(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Secured]:
    files = authority.sign("localhost")
    with secured(tmp_path_factory.mktemp("tls"), *files.options) as found:
        yield found


def returned(loop: Loop, server: Any, value: bytes) -> bytes:
    """Store a value and fetch it."""

    async def run() -> bytes:
        async with server:
            ws = await server.openWs("returned")
            await ws.store("value", value)
            fetched: bytes = await ws.fetch("value")
            return fetched

    result: bytes = wait(loop, run)
    return result


@pytest.mark.parametrize("size", [1, 20_000, 5_000_000])
def test_values_go_both_ways(loop: Loop, tls: Secured, size: int) -> None:
    value = bytes(size)
    assert returned(loop, loop.server(tls.port, login=tls.login), value) == value


def test_another_certificate_is_found_out(loop: Loop, tls: Secured) -> None:
    server = loop.server(tls.port, login=f"{tls.content.secret}@{NOT_ITS}")
    with pytest.raises(NwsConnectException, match=f"the certificate .*, and we know {NOT_ITS}"):
        returned(loop, server, b"")


@pytest.mark.parametrize("text", [b"", b"2223"])
def test_a_server_without_tls_is_told_at_once(loop: Loop, text: bytes) -> None:
    with (
        impostor(text, hang_up=True) as port,
        pytest.raises(NwsConnectException, match="it does not speak TLS"),
    ):
        returned(loop, loop.server(port, login=f"{20 * 'x'}@{NOT_ITS}"), b"")


def test_authorities_are_trusted_for_the_name_that_they_have_signed(
    loop: Loop,
    tls: Secured,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(Endpoint, "is_here", False)  # so this is as on another machine
    monkeypatch.setenv(TLS_CA, str(authority.file))
    server = loop.server(tls.port, login=tls.content.secret)
    inner = getattr(server, "_inner", server)  # HOST is a number, and the name is to be signed
    inner._session.endpoint = inner._session.endpoint._replace(host="localhost")
    assert returned(loop, server, b"value") == b"value"
    other = Authority(tmp_path)
    monkeypatch.setenv(TLS_CA, str(other.file))
    with pytest.raises(NwsConnectException, match="its certificate is not right"):
        returned(loop, loop.server(tls.port, login=tls.content.secret), b"")
    monkeypatch.setenv(TLS_CA, str(tmp_path / "nowhere"))
    with pytest.raises(NwsConnectException, match=f"{TLS_CA}=.*nowhere: there is no certificate"):
        returned(loop, loop.server(tls.port, login=tls.content.secret), b"")

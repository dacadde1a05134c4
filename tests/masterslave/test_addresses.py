"""How addresses of servers are read."""

from __future__ import annotations

import pytest

from nws.masterslave import MasterSlaveException
from nws.masterslave.addresses import address_of, connect


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("localhost", ("localhost", 7766), "localhost:7766"),
        ("node17:9000", ("node17", 9000), "node17:9000"),
        ("127.0.0.1:0", ("127.0.0.1", 0), "127.0.0.1:0"),
        ("[::1]:9000", ("::1", 9000), "[::1]:9000"),
        ("[::1]", ("::1", 7766), "[::1]:7766"),
    ],
)
def test_addresses(text: str, address: tuple[str, int], shown: str) -> None:
    assert address_of(text) == address
    assert str(address_of(text)) == shown


@pytest.mark.parametrize(
    "text", ["", ":7766", "host:port", "host:70000", "http://host", "host/x", "me@host", "a:b:c"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(MasterSlaveException, match="neither 'host' nor 'host:port'"):
        address_of(text)


@pytest.mark.parametrize("port", ["0", "65536", "web", "-1", "8765.5"])
def test_what_is_no_port(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", port)
    with pytest.raises(MasterSlaveException, match=f"NWS_SERVER_PORT='{port}' is no port"):
        connect(None)

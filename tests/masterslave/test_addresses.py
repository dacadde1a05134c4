"""How addresses of servers are read."""

from __future__ import annotations

from typing import Any

import pytest

from nws.masterslave import MasterSlaveException
from nws.masterslave.addresses import address_of, connect


def test_addresses() -> None:
    assert address_of("localhost") == ("localhost", 7766)
    assert str(address_of("[::1]:9000")) == "[::1]:9000"


def test_what_is_no_address() -> None:
    with pytest.raises(MasterSlaveException, match="neither 'host' nor 'host:port'"):
        address_of("host:port")
    wrong: Any = 7766
    with pytest.raises(MasterSlaveException, match="master_host=7766 is neither"):
        connect(wrong)


@pytest.mark.parametrize("port", ["0", "65536", "web", "-1", "8765.5"])
def test_what_is_no_port(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NWS_SERVER_PORT", port)
    with pytest.raises(MasterSlaveException, match=f"NWS_SERVER_PORT='{port}' is no port"):
        connect(None)

"""How addresses are read that users write."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nws.aio
import nws.client
import nws.tx
from nws.session.address import Address, read_address
from nws.session.endpoint import Endpoint, find_endpoint
from nws.values import Encoder


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost", "localhost", 7),
        ("Node-17:9000", "Node-17", 9000),
        ("127.0.0.1:0", "127.0.0.1", 0),
        ("[::1]:9000", "::1", 9000),
        ("[::1]", "::1", 7),
        ("::1", "::1", 7),
        ("10.0.*:65535", "10.0.*", 65535),
    ],
)
def test_an_address(text: str, host: str, port: int) -> None:
    assert read_address(text, 7) == Address(host, port)
    assert read_address(str(Address(host, port)), 1) == Address(host, port)


@pytest.mark.parametrize(
    "text",
    [
        *("", ":7766", "host:", "host:port", "host:70000", "host:-1", "host: 1", "a host"),
        *("http://host", "host/x", "me@host", "a:b:c", "[host]", "[::1", "::1]:7", "[::1]7"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_address(text, 7)


@pytest.mark.parametrize(
    ("host", "said"), [("node", "node:9"), ("::1", "[::1]:9"), ("unix:/a/socket", "unix:/a/socket")]
)
def test_where_a_server_is_in_messages(host: str, said: str) -> None:
    """It can be given to `nws worker --connect`."""
    assert str(Endpoint(host, 9)) == said


@pytest.mark.parametrize("port", [9, np.int64(9), "9"], ids=lambda port: type(port).__name__)
def test_ports_of_other_kinds(port: Any) -> None:
    found = find_endpoint("localhost", port).port
    assert found == 9
    assert type(found) is int


@pytest.mark.parametrize("port", [9.0, "http", None, b"9"], ids=repr)
def test_what_is_no_port(port: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"the port .* is not a whole number"):
        find_endpoint("localhost", port)


@pytest.mark.parametrize("host", [None, 5, b"localhost"], ids=repr)
def test_what_is_no_host(host: Any) -> None:
    with pytest.raises(TypeError, match=r"the host .* is not a text"):
        find_endpoint(host, 9)


@pytest.mark.parametrize("seconds", [-1, "3", float("nan")], ids=repr)
@pytest.mark.parametrize(
    "client", [nws.client, nws.aio, nws.tx], ids=lambda client: client.__name__
)
def test_what_is_no_peer_timeout(client: Any, seconds: Any) -> None:
    with pytest.raises(ValueError, match=f"peer_timeout={seconds!r} is not a number of seconds"):
        client.NwsServer("localhost", 9, peer_timeout=seconds)


@pytest.mark.parametrize("protocol", [6, -1, 2.5, "5", None], ids=repr)
def test_what_is_no_pickle_protocol(protocol: Any) -> None:
    with pytest.raises(ValueError, match=r"pickle protocol .* is not one of 0 to 5"):
        Encoder(protocol)

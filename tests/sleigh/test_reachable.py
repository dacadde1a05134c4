"""The addresses by which workers elsewhere are told to reach the server."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from nws.connection_file import CONNECTION_FILE, ServerAddress, write_connection_file
from nws.errors import SleighIllegalValueException
from nws.session.endpoint import Endpoint
from nws.sleigh.launch.reachable import hosts_for_workers, reachable_host
from tests.support.spaces import HOST

NOBODY = "127.0.0.2"
"""An address of this machine at which nobody listens."""


def listens_at(address: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Return the endpoint of a server of this machine, as its connection file has it."""
    path = folder / "server.json"
    write_connection_file(path, ServerAddress("secret", (address,), os.getpid()))
    monkeypatch.setenv(CONNECTION_FILE, str(path))
    return Endpoint("localhost", 8765)


def test_a_server_elsewhere() -> None:
    assert hosts_for_workers(Endpoint("login1", 8765), 8765) == ["login1"]


def test_a_server_at_one_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = listens_at("192.0.2.7:8765", tmp_path, monkeypatch)
    assert hosts_for_workers(endpoint, 8765) == ["192.0.2.7"]


def test_a_server_at_any_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those of this machine but for loopback, which comes last: jobs may be here."""
    endpoint = listens_at("0.0.0.0:8765", tmp_path, monkeypatch)
    *hosts, last = hosts_for_workers(endpoint, 8765)
    assert last == "localhost"
    assert not any(host.startswith("127.") or host == "::1" for host in hosts)


def test_an_interface() -> None:
    assert HOST in hosts_for_workers(Endpoint("localhost", 8765), 8765, "lo")
    with pytest.raises(
        SleighIllegalValueException, match=r"interface='ib7': this machine has .*lo"
    ):
        hosts_for_workers(Endpoint("localhost", 8765), 8765, "ib7")


def test_the_first_that_answers() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        assert reachable_host([NOBODY, HOST], port) == HOST


def test_nobody_answers() -> None:
    with pytest.raises(OSError, match=r"tried 127\.0\.0\.2:1 \(.*\), 127\.0\.0\.1:1 \(.*refused"):
        reachable_host([NOBODY, HOST], 1)

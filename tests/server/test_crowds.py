"""More clients than a server may have files open, and a folder for long values that is full."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace, NwsServer
from nws.errors import NwsOperationException, Status
from nws_babelfish.client import WORKSPACE, BabelfishClient
from nws_babelfish.translation import Translation
from tests.support.processes import until
from tests.support.server import Client, Server, running
from tests.support.spaces import HOST
from tests.support.web import Browser

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no such limits")

LIMIT = 128
CROWD = 2 * LIMIT


@contextmanager
def limited(folder: Path, limit: str, *options: str) -> Iterator[Server]:
    """Run a server under a limit of the shell's `ulimit`."""
    prefix = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh"]
    with running(folder, *options, prefix=prefix) as server:
        yield server


def warnings(server: Server) -> list[str]:
    return [line.partition("] ")[2] for line in server.log() if "#warn" in line]


def refused_in(page: dict[str, Any]) -> int:
    """Return how many connections were refused, as the page about the server has it."""
    counts: dict[str, int] = {each["kind"]: each["count"] for each in page["incidents"]}
    return counts["refused_connections"]


@contextmanager
def crowd(port: int, hello: bytes, known: Callable[[], object]) -> Iterator[list[Client]]:
    """Connect many clients, which stay as long as the server lets them.

    From time to time wait until the server knows those that there are: the system hands over late
    ones, for whom it has had no room, at any time.
    """
    with ExitStack() as stack:
        clients = []
        for number in range(CROWD):
            clients.append(stack.enter_context(Client.to(port)))
            clients[-1].write(hello)
            if number % 8 == 0:
                known()
        known()
        yield clients


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    web = "tcp:0:interface=127.0.0.1"
    with limited(tmp_path, f"-n {LIMIT}", "--web", web, "--long-value-size", "1000") as server:
        yield server


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("hello", [b"1112", b""], ids=["members", "silent"])
def test_an_operator_gets_into_a_crowd(server: Server, hello: bytes) -> None:
    """Of clients that say nothing, or have come to stay."""
    browser = Browser(int(server.addresses[-1].rstrip("/").rpartition(":")[2]))
    with server.client("extended", ws="ws") as member:
        member.store("x", "kept")
        with crowd(server.port, hello, lambda: server.client().close()) as clients:
            with NwsServer(HOST, server.port) as operator:
                status = operator.status()
                most = status["max_connections"]
                assert LIMIT // 3 < most < LIMIT - 20
                assert status["refused_connections"] > 0
                with pytest.raises(NwsOperationException, match=f"{most} clients are connected al"):
                    operator.openWs("shop")
            with pytest.raises(NwsOperationException, match="ulimit -n"):
                NetWorkSpace("shop", HOST, server.port)
            shown = browser.data("server")
            assert shown["max_connections"] == most
            assert refused_in(shown) >= status["refused_connections"]
            assert browser.get("server").status == 200
            BabelfishClient(HOST, server.port, WORKSPACE, lambda *_: Translation("")).close()
            member.store("x", 5000 * "v")  # there are files left for long values
            assert member.get("fetch", "ws", "x").payload == b"kept"
            assert member.get("fetch", "ws", "x").payload == 5000 * b"v"
            for client in clients[:10]:
                client.close()

            def has_room() -> bool:
                try:
                    NetWorkSpace("shop", HOST, server.port).server.close()
                except NwsOperationException:
                    return False
                return True

            until(has_room, "there is room again")
    assert len(warnings(server)) == 1
    assert f"{most} clients are connected already" in warnings(server)[0]
    assert f", up to {most} clients ({LIMIT} open files)" in server.log()[0]


def test_browsers_have_a_bound_of_their_own(server: Server) -> None:
    port = int(server.addresses[-1].rstrip("/").rpartition(":")[2])
    browser = Browser(port)

    def look() -> None:
        assert browser.get("server").status == 200

    with crowd(port, b"", look), server.client("extended", ws="ws") as client:
        client.store("x", 5000 * "v")
        assert client.get("fetch", "ws", "x").payload == 5000 * b"v"


def test_a_full_folder_for_long_values(tmp_path: Path) -> None:
    """A file that may not grow is as full as a disk can be."""
    with (
        limited(tmp_path, "-f 2000", "--long-value-size", "1000") as server,
        server.client("extended", ws="ws") as client,
    ):
        client.store("x", 5000 * "v")
        for _ in range(3):
            refused = client.ask("store", "ws", "x", "0", 3_000_000 * "w")
            assert refused.status == Status.REFUSED
            assert refused.reason.startswith(
                "a value of 3000000 bytes cannot be written to the ser"
            )
            assert "File too large; --tmp-dir sets another" in refused.reason
        client.store("x", 5000 * "z")
        assert [client.get("fetch", "ws", "x").payload for _ in range(2)] == [
            5000 * b"v",
            5000 * b"z",
        ]
        client.send("ack")
        status = json.loads(client.get("server status").payload)
        assert (status["unwritable_values"], status["values"], status["spooled"]) == (3, 0, 0)
        assert len(list(tmp_path.glob("nws-spool-*/*"))) == 1, "the lock"
        (line,) = warnings(server)
        assert line.startswith(
            "refused a long value: a value of 3000000 bytes cannot be written to"
        )

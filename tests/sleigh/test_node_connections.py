"""What a master says of nodes that it cannot reach or find."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nws.session.address import Address
from nws.sleigh.node import connections
from nws.sleigh.node.connections import NodeConnections
from nws.sleigh.node.roster import Roster
from nws.sleigh.shared.settings import Where
from tests.cli.conftest import free_port
from tests.support.processes import until

WHERE = Where("127.0.0.1", 1, "none", "none", 30.0, logging.WARNING)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are short."""
    monkeypatch.setattr(connections, "_RETRY_SECONDS", 0.01)


@contextmanager
def roster_of(host: str, port: int) -> Iterator[Roster]:
    """Let a master try to connect with a node, or with those of a pattern."""
    these = NodeConnections([Address(host, port)], "a secret", WHERE, logging.getLogger("nws"))
    try:
        yield these.roster
    finally:
        these.close()


def problem_of(host: str, port: int) -> str:
    """Return why there is no such node."""
    with roster_of(host, port) as roster:
        until(roster.problems, "a try to connect")
        return roster.problems()


def test_a_name_of_two_addresses_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """As localhost is, where it has an address of IPv6 as well."""
    real: Callable[..., Any] = socket.getaddrinfo

    def getaddrinfo(host: str, *arguments: Any, **options: Any) -> Any:
        hosts = ["127.0.0.1", "127.0.0.2"] if host == "both" else [host]
        return [each for one in hosts for each in real(one, *arguments, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    port = free_port()
    said = "nobody listens there; is the port right, and does the node run?"
    assert problem_of("both", port) == f"both:{port}: {said}"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.EHOSTUNREACH, "Connect call failed ('10.0.0.9', 7)"),
            "no machine answers there; is the address right, and is it on?",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "no machine of this name is known",
        ),
    ],
)
def test_a_machine_that_is_not_there(
    error: OSError, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*address: Any) -> Any:
        raise error

    monkeypatch.setattr("asyncio.open_connection", fails)
    assert problem_of("node", 7) == f"node:7: {said}"


def test_a_machine_without_a_network_is_told_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = []

    async def fails(*question: Any) -> None:
        tries.append(question)
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(connections, "ask", fails)
    with roster_of("*", 7) as roster:
        until(lambda: len(tries) > 3, "several tries")
        said = f"cannot ask for nodes: [Errno {errno.ENETUNREACH}] Network is unreachable"
        assert roster.problems() == f"*:7: {said}"
    assert caplog.messages == [f"the node *:7 is not there: {said}"]


def test_nobody_is_missed_where_somebody_answers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def finds(
        broadcast: str, port: int, found: Callable[[Address], None], pause: float
    ) -> None:
        found(Address("127.0.0.1", free_port()))

    monkeypatch.setattr(connections, "ask", finds)
    with roster_of("*", 7) as roster:
        until(lambda: "nobody listens" in roster.problems(), "a try to connect")
        assert roster.problems().startswith("*:7: no other node has answered; 127.0.0.1:")
    assert "has answered" not in caplog.text


def test_it_is_said_when_nobody_answers(caplog: pytest.LogCaptureFixture) -> None:
    with roster_of("127.*", free_port()) as roster:
        until(lambda: roster.problems().endswith("no node has answered"), "the warning")
    assert caplog.text.count("no node has answered") == 1

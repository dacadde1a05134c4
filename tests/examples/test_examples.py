"""Each example, run as a user runs it, says what it is meant to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from nws.client import NwsServer
from tests.examples.conftest import Example
from tests.support.server import Server
from tests.support.spaces import HOST


def workspaces(server: Server) -> set[str]:
    with NwsServer(HOST, server.port) as found:
        listing = found.listWss("dict")
        assert isinstance(listing, dict)
        return set(listing)


@pytest.fixture(autouse=True)
def nothing_stays_on_the_server(server: Server) -> Iterator[None]:
    """These examples clean up."""
    before = workspaces(server)
    yield
    assert workspaces(server) <= before


def test_hello(example: Example) -> None:
    assert example("hello").stdout.splitlines() == [
        "find leaves the value there: Hello, world!",
        "fetch takes it away:         Hello, world!",
        "fetchTry does not wait:      nothing there",
    ]


def test_ping_pong(example: Example) -> None:
    said = example("ping_pong").stdout
    assert re.fullmatch(r"1000 rounds, [1-9]\d* microseconds each\n", said)


def test_ring(example: Example) -> None:
    said = example("ring").stdout
    assert said == "after 100 rounds the token was last held by [0, 1, 2, 3]\n"


def test_tutorial(example: Example) -> None:
    assert example("tutorial").stdout.splitlines() == [
        "joe is 17",
        "chet is None",
        "chet is 0 if we say so",
        "biff was [16, 19, 25, 22]",
        "biff was [16, 19, 25, 22]",
        "the other session says: frank is 18",
        "answer\t0\t0\t0\tfifo",
        "biff\t0\t0\t0\tfifo",
        "chet\t0\t0\t0\tunknown",
        "frank\t0\t0\t0\tfifo",
        "joe\t1\t0\t0\tfifo",
    ]

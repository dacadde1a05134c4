"""The chat: two people at it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from nws.client import NwsServer
from tests.examples.conftest import EXAMPLES
from tests.support.pages import gallery
from tests.support.processes import python, run_python
from tests.support.server import Server
from tests.support.spaces import HOST


class Guest:
    """Somebody at a terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def says(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def sees(self) -> str:
        """Wait for the next line on the screen."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def leaves(self) -> None:
        """Press Ctrl-D. Whatever else comes until the end is not what anybody counts on."""
        _, errors = self._process.communicate()
        assert self._process.returncode == 0
        assert errors == ""


class Room:
    """The chat on a server."""

    def __init__(self, server: Server, folder: Path, stack: ExitStack) -> None:
        self._server = server
        self._folder = folder
        self._stack = stack

    def enter(self, name: str) -> Guest:
        where = (HOST, str(self._server.port))
        program = python(EXAMPLES / "chat.py", name, *where, cwd=self._folder)
        return Guest(self._stack.enter_context(program))


@pytest.fixture
def room(server: Server, tmp_path: Path) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(server, tmp_path, stack)
    with NwsServer(HOST, server.port) as found:
        found.deleteWs("chat")


def test_each_sees_what_the_other_says(room: Room) -> None:
    alice = room.enter("alice")
    seen = [alice.sees()]
    bob = room.enter("bob")
    assert [bob.sees(), bob.sees()] == ["alice: (comes in)", "bob: (comes in)"]
    seen.append(alice.sees())
    bob.says("hello")
    seen.append(alice.sees())
    assert bob.sees() == "bob: hello"
    alice.says("hello, bob")
    seen.append(alice.sees())
    assert bob.sees() == "alice: hello, bob"
    assert seen == gallery()["chat"].splitlines()
    alice.leaves()
    assert bob.sees() == "alice: (leaves)"
    bob.says("nobody there?")
    assert bob.sees() == "bob: nobody there?"
    bob.leaves()


def test_who_comes_later_sees_what_was_said_before(room: Room) -> None:
    alice = room.enter("alice")
    alice.says("first")
    alice.leaves()
    bob = room.enter("bob")
    said = ["alice: (comes in)", "alice: first", "alice: (leaves)", "bob: (comes in)"]
    assert [bob.sees() for _ in said] == said
    bob.leaves()


def test_without_a_name_it_says_how_to_use_it(tmp_path: Path) -> None:
    done = run_python(EXAMPLES / "chat.py", cwd=tmp_path, status=1)
    assert "python examples/chat.py NAME [host [port]]" in done.stderr

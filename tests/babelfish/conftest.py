"""Babelfishes as people run them, on a real server."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from nws.client import NetWorkSpace
from tests.support.processes import python
from tests.support.server import PATIENCE, Client, Server
from tests.support.spaces import HOST, Opener, opening

PICKLED = "16777216"
"""The descriptor of a pickle."""

SHOP = """
class Customer:
    def __repr__(self):
        return f"Customer {self.name} of {self.age} years"
"""


class RunningBabelfish:
    """A babelfish in a process of its own, and a client that asks it.

    Attributes:
        process: its process.
        first: the first line that it logged.
        ws: its workspace, as the client sees it.
    """

    def __init__(self, process: subprocess.Popen[str], ws: NetWorkSpace, raw: Client) -> None:
        assert process.stderr is not None
        self._log = process.stderr
        self.process = process
        self.ws = ws
        self._raw = raw
        self.first = self.next_line()

    def ask(self, value: Any) -> str:
        """Let it translate a value."""
        self.ws.store("food", value)
        return self.answer()

    def ask_raw(self, payload: bytes, descriptor: str = PICKLED) -> str:
        """Let it translate any bytes."""
        name = self.ws.currentWs()
        assert self._raw.ask("use ws", name, "", "no", "no").status == 0
        assert self._raw.ask("store", name, "food", descriptor, payload).status == 0
        return self.answer()

    def answer(self) -> str:
        """Wait for a text."""
        text: str = self.ws.fetch("doof", timeout=PATIENCE)
        return text

    def next_line(self) -> str:
        """Wait for the next line of its log; return it without the time."""
        line = self._log.readline().rstrip("\n")
        return line.split(" ", 2)[2] if line[:2] == "20" else line

    def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit status and what it logged last."""
        status = self.process.wait(PATIENCE)
        return status, self._log.read()


@pytest.fixture
def opened(server: Server, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens workspaces; by default one that is named like the test."""
    with opening(server.port, request.node.name) as opener:
        yield opener


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with a module of a user."""
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


Start = Callable[..., RunningBabelfish]


@pytest.fixture
def start(server: Server, shop: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts babelfishes, in the user's folder; they are ended with the test."""
    with ExitStack() as stack:

        def start(
            *options: str,
            workspace: str = request.node.name,
            on: Server = server,
            env: Mapping[str, str] | None = None,
        ) -> RunningBabelfish:
            place = ["-h", HOST, "-p", str(on.port), "--workspace", workspace]
            command = ["-m", "nws_babelfish", *place, *options]
            process = stack.enter_context(python(*command, cwd=shop, env=env))
            assert process.stderr is not None
            stack.callback(process.stderr.close)
            raw = stack.enter_context(on.client())
            opener = stack.enter_context(opening(on.port, workspace))
            return RunningBabelfish(process, opener(useUse=True), raw)

        yield start


@pytest.fixture
def safe(start: Start) -> RunningBabelfish:
    """A babelfish that trusts nobody."""
    return start("--safe")


@pytest.fixture
def trusting(start: Start) -> RunningBabelfish:
    """A babelfish that trusts everybody."""
    return start()

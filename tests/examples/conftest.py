"""A server for the examples, and how a user runs one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.processes import run_python
from tests.support.server import ROOT, Server, running
from tests.support.spaces import HOST

EXAMPLES = ROOT / "examples"

Example = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on which any workspaces may be there already."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def example(server: Server, tmp_path: Path) -> Example:
    """Runs an example on the server, which it is told behind its own arguments."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        done = run_python(EXAMPLES / f"{name}.py", HOST, str(server.port), cwd=tmp_path)
        assert done.stderr == ""
        return done

    return run

"""How a user runs an example."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.pages import gallery, is_shown
from tests.support.processes import run_python
from tests.support.server import ROOT, Server
from tests.support.spaces import HOST

EXAMPLES = ROOT / "examples"

Example = Callable[..., "subprocess.CompletedProcess[str]"]


def assert_in_gallery(name: str, said: str) -> None:
    """The output of an example is the one that its readers are shown."""
    assert is_shown(said, gallery()[name]), f"{name} prints:\n{said}"


@pytest.fixture
def example(server: Server, tmp_path: Path) -> Example:
    """Runs an example on the server, which it is told behind its own arguments."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        done = run_python(EXAMPLES / f"{name}.py", HOST, str(server.port), cwd=tmp_path)
        assert done.stderr == ""
        return done

    return run

"""`scripts/demo`: what a newcomer runs first."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nws.client import NetWorkSpace, NwsConnectException, NwsServer
from tests.support.processes import runs
from tests.support.server import PATIENCE, ROOT

Demo = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.skipif(
    not (ROOT / ".venv" / "networkspaces-setup").exists(),
    reason="the demo would first make a .venv: scripts/setup does that",
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """Where its servers keep their files; those that are left are stopped."""
    folder = tmp_path / "nws"
    yield folder
    for file in folder.glob("*.pid"):
        stop(file)


def stop(pidfile: Path) -> None:
    subprocess.run(
        [ROOT / ".venv/bin/nws", "server", "stop", "--port", pidfile.stem],
        env={**os.environ, "XDG_STATE_HOME": str(pidfile.parents[1])},
        capture_output=True,
        check=True,
        timeout=PATIENCE,
    )


A_PART_OF_THE_LIBRARY = """
import sysconfig
get_path = sysconfig.get_path
sysconfig.get_path = lambda name: get_path(name) + "/email" * (name == "stdlib")
"""


@pytest.fixture
def demo(state: Path) -> Demo:
    """Runs it as it is. Unless all of the standard library is to be counted, it is cut down to one
    package for the programs of the demo."""
    (state.parent / "sitecustomize.py").write_text(A_PART_OF_THE_LIBRARY)

    def run(
        *arguments: str, status: int = 0, whole: bool = False
    ) -> subprocess.CompletedProcess[str]:
        env = {name: os.environ[name] for name in os.environ if not name.startswith("NWS_")}
        env["PYTHONPATH"] = "" if whole else str(state.parent)
        done = subprocess.run(
            [ROOT / "scripts" / "demo", *arguments],
            env={**env, "XDG_STATE_HOME": str(state.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=3 * PATIENCE,
        )
        assert done.returncode == status, f"{done.stdout}\n{done.stderr}"
        return done

    return run


def told_port(output: str, pattern: str) -> int:
    found = re.search(pattern, output)
    assert found is not None, output
    return int(found[1])


@pytest.mark.slow
def test_it_counts_the_words_of_the_standard_library(demo: Demo, state: Path) -> None:
    done = demo()
    port = told_port(done.stdout, r"The server was at localhost:(\d+) ")
    words = re.findall(r"^ *([\d,]+)  ([a-z]+)$", done.stdout, re.MULTILINE)
    assert len(words) == 20
    assert {"self", "the", "def", "if"} <= {word for _, word in words}
    numbers = [int(number.replace(",", "")) for number, _ in words]
    assert numbers == sorted(numbers, reverse=True)
    assert re.search(r"^[\d,]+ files, [\d,]+ words, [\d.]+ seconds$", done.stdout, re.MULTILINE)
    assert "SleighTaskException" not in done.stdout
    assert "failed" not in done.stdout
    assert done.stderr == ""
    assert f"The server on port {port} has stopped." in done.stdout
    assert not list(state.glob("*.pid"))
    with pytest.raises(NwsConnectException):
        NwsServer("localhost", port)


@pytest.mark.slow
@pytest.mark.nightly  # beyond the server that stays, it is the run above
def test_serve_leaves_the_server_up(demo: Demo, state: Path) -> None:
    """Also where the usual port is taken, by an open window of the same demo for example."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8765))
            other.listen()
        except OSError:
            pass  # taken already
        done = demo("--serve", whole=True)
    port = told_port(done.stdout, r"The server is at localhost:(\d+)\.")
    assert port != 8765
    with NetWorkSpace("word count", "localhost", port, useUse=True, create=False) as ws:
        assert ws.find("totals")["self"] > 1000
        assert ws.server.status()["workspaces"] == 2, "the sleigh has removed its own"
    (pidfile,) = state.glob("*.pid")
    pid = int(pidfile.read_text())
    hint = f".venv/bin/nws server stop --port {port}"
    assert hint in done.stdout
    stop(pidfile)
    assert not runs(pid)


@pytest.mark.parametrize("arguments", [("--help",), ("--no-such-option",), ("serve",)])
def test_an_argument_that_it_does_not_know(demo: Demo, state: Path, arguments: str) -> None:
    done = demo(*arguments, status=2)
    assert done.stderr == "usage: scripts/demo [--serve]\n"
    assert done.stdout == ""
    assert not state.exists()


def test_it_runs_from_anywhere(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    done = subprocess.run(
        [bash, ROOT / "scripts" / "demo", "-x"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 2

"""The page for users of R: each line of it works."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws.client import NetWorkSpace
from tests.support.processes import until
from tests.support.server import PATIENCE, ROOT, environment, running
from tests.support.spaces import HOST

PAGE = (ROOT / "docs" / "from-r.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PORT = 8765
"""That of the page: R's babelfish knows no other."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[None]:
    """A server on the usual port, and R with its package."""
    if shutil.which("Rscript") is None or not run(["Rscript", "-e", "library(nws)"], tmp_path):
        pytest.skip("not installed: R with its package nws")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, PORT))
        except OSError:
            pytest.skip(f"port {PORT} is taken")
    with running(tmp_path, listen=f"tcp:{PORT}:interface={HOST}"):
        yield


def run(command: list[str], folder: Path) -> bool:
    """Run a command to its end; tell whether it is a good one."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    print(done.stdout, done.stderr)
    return done.returncode == 0


def test_programs(server: None, tmp_path: Path) -> None:
    interpreters = {"python": [sys.executable, "-c"], "r": ["Rscript", "-e"]}
    programs = [(language, text) for language, text in BLOCKS if language in interpreters]
    assert len(programs) == 4
    for language, text in programs:
        assert run([*interpreters[language], text], tmp_path), text


def test_the_babelfish_of_r(server: None, tmp_path: Path) -> None:
    (command,) = (text for language, text in BLOCKS if language == "sh" and "babelfish" in text)
    with subprocess.Popen(
        ["sh", "-c", command], cwd=tmp_path, env=environment(), start_new_session=True
    ) as babelfish:
        try:
            with NetWorkSpace("any", HOST, PORT) as ws:
                until(lambda: "R babelfish" in ws.server.listWss("dict"), "R's babelfish")
                fish = ws.server.useWs("R babelfish", create=False)
                fish.store("food", "a text")
                assert fish.fetch("doof", timeout=PATIENCE) == '[1] "a text"'
        finally:
            os.killpg(babelfish.pid, signal.SIGKILL)


def test_the_server_is_started_as_the_page_says() -> None:
    assert ("sh", "nws server start\n") in BLOCKS

"""What somebody does who has installed the wheel: nothing is typed for the login, and all works."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.packaging.conftest import ROOT, Archives, run
from tests.support.browser import launched, require_browser
from tests.support.server import PATIENCE, environment
from tests.support.spaces import HOST
from tests.support.sshd import require_sshd, serving

pytestmark = pytest.mark.nightly

PORTS: Final = (8765, 8766)
"""The usual ones: nobody names others."""

KILLED, SHOP = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)

OVER_SSH: Final = """
from nws.sleigh import Sleigh, sshcmd

with Sleigh(launch=sshcmd, nodeList=["node1", "node2"]) as sleigh:
    print(sleigh.eachElem(abs, [-1, -2, -3]))
"""

ORIGINAL_IN_R: Final = """
con <- socketConnection("localhost", 8765, open = "r+b", blocking = TRUE)
say <- function(text) writeBin(charToRaw(text), con)
hear <- function(size) rawToChar(readBin(con, raw(), size))
request <- function(...) {
  fields <- c(...)
  say(paste0(sprintf("%04d", length(fields)),
             paste0(sprintf("%020d", nchar(fields)), fields, collapse = "")))
}
say("1112")
stopifnot(hear(4) == "2223")
request("use ws", "kept", "4711", "no")
stopifnot(hear(4) == "0000")
request("find", "kept", "x")
head <- hear(84)
stopifnot(substr(head, 1, 4) == "0000")
cat(hear(as.integer(substr(head, 65, 84))))
"""
"""What R's package says, in R; the package itself is tried with docs/from-r.md."""


@dataclass(frozen=True)
class User:
    """Somebody with a home, and a virtual environment that has the wheel."""

    home: Path
    env: Mapping[str, str]

    def says(self, *command: str) -> str:
        """Run a command; return what it prints."""
        return run(command, self.home, self.env).stdout

    def runs(self, program: str) -> str:
        """Run a program of Python; return what it prints."""
        (self.home / "program.py").write_text(program)
        return self.says("python", "program.py")


@pytest.fixture(scope="module")
def user(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    for port in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                pytest.skip(f"port {port} is taken")
    home = tmp_path_factory.mktemp("home")
    venv = home / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", venv], home)
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install"]
    options = ["--no-index", "--no-deps", "--disable-pip-version-check", "--quiet"]
    run([*pip, *options, archives.wheel], home)
    # What it depends on; without the .pth files there, which would bring the checkout back.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    env = {name: text for name, text in environment().items() if name != "PYTHONPATH"}
    path = os.pathsep.join((str(venv / "bin"), env["PATH"]))
    folders = {"HOME": str(home), "XDG_STATE_HOME": str(home / "state"), "TMPDIR": str(home)}
    user = User(home, {**env, **folders, "PATH": path})
    assert user.says("python", "-c", "import nws; print(nws.__file__)").startswith(str(site))
    yield user
    user.says("nws", "server", "stop")


@pytest.fixture(scope="module", params=["same-user", "never"])
def setting(user: User, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server, as it is started by default, or with the setting that asks most."""
    options = [] if request.param == "same-user" else ["--", "--original", request.param]
    user.says("nws", "server", "start", *options)
    user.says("nws", "store", "kept", "x", "a text")
    yield request.param
    user.says("nws", "server", "stop")


def test_the_examples_of_the_readme(user: User, setting: str) -> None:
    assert user.runs(SHOP).splitlines()[-1].endswith("sold out")
    assert user.runs(KILLED) == "[0, 1, 4, 9, 16, 25] killed at 3\n"
    assert "kept" in user.says("nws", "ls")


def test_workers_over_ssh(user: User, setting: str, tmp_path: Path) -> None:
    require_sshd()
    with serving(tmp_path) as ssh:
        path = os.pathsep.join((str(ssh.bin), user.env["PATH"]))
        assert User(user.home, {**user.env, "PATH": path}).runs(OVER_SSH) == "[1, 2, 3]\n"


def test_the_inspector_in_a_browser(user: User, setting: str) -> None:
    require_browser()
    opened, script = user.home / "opened", user.home / "browser"
    script.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    script.chmod(0o700)
    with_browser = User(user.home, {**user.env, "BROWSER": str(script)})
    assert with_browser.says("nws", "server", "open") == ""
    address = opened.read_text()
    assert address.startswith("file:" if setting == "never" else "http:")
    from playwright.sync_api import expect

    with launched() as browser:
        page = browser.new_page()
        page.goto(address)
        kept = page.get_by_role("link", name="kept")
        expect(kept).to_be_visible(timeout=1000 * PATIENCE)
        assert page.url == "http://localhost:8766/"
        kept.click()
        expect(page.get_by_role("heading", name="kept")).to_be_visible(timeout=1000 * PATIENCE)
        if setting == "never":  # what is left of the way there opens nothing
            stranger = browser.new_context().new_page()
            stranger.goto(address)
            expect(stranger.get_by_text("nws server open")).to_be_visible(timeout=1000 * PATIENCE)


def test_an_original_client_in_r(user: User, setting: str) -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("not installed: R")
    done = subprocess.run(
        ["Rscript", "-e", ORIGINAL_IN_R],
        env=user.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    assert done.stdout == ("a text" if setting == "same-user" else ""), done.stderr

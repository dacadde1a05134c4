"""The command lines of `pybabelfish` and `pybabelfishd`."""

from __future__ import annotations

from pathlib import Path

import pytest
from click import Command
from click.testing import CliRunner

from nws.version import __version__
from nws_babelfish.cli import pybabelfish, pybabelfishd
from tests.support.processes import run_python
from tests.support.server import Server, running
from tests.support.spaces import HOST


@pytest.fixture(params=[pybabelfish, pybabelfishd], ids=["foreground", "daemon"])
def command(request: pytest.FixtureRequest) -> Command:
    """Both commands."""
    found: Command = request.param
    return found


def test_help_says_the_risk(command: Command) -> None:
    done = CliRunner().invoke(command, ["--help"])
    assert done.exit_code == 0
    said = " ".join(done.stdout.split())
    assert "runs code chosen by whoever stored a value" in said
    assert "--safe" in said


def test_h_is_the_host(command: Command) -> None:
    done = CliRunner().invoke(command, ["-h"])
    assert done.exit_code == 2
    assert "Option '-h' requires an argument." in done.output


def test_version(command: Command) -> None:
    assert __version__ in CliRunner().invoke(command, ["--version"]).stdout


@pytest.mark.parametrize(
    "options", [["-p", "none"], ["-p", "0"], ["--memory-limit", "0"], ["--unsafe"], ["word"]]
)
def test_bad_options(command: Command, options: list[str]) -> None:
    assert CliRunner().invoke(command, options).exit_code == 2


def test_no_server_is_one_line(tmp_path: Path) -> None:
    place = f"unix:{tmp_path}/none"
    done = run_python("-m", "nws_babelfish", "-h", place, cwd=tmp_path, status=1)
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert place in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_limit_that_cannot_be_set_is_one_line(tmp_path: Path) -> None:
    size = str(2**64)
    done = run_python("-m", "nws_babelfish", "--memory-limit", size, cwd=tmp_path, status=1)
    assert done.stderr.startswith(f"Error: no limit of {size} bytes: ")
    assert done.stderr.count("\n") == 1


def test_a_taken_workspace_is_one_line(server: Server, tmp_path: Path) -> None:
    with server.client() as owner:
        assert owner.ask("open ws", "taken", "1", "no").status == 0
        place = ["-h", HOST, "-p", str(server.port), "--workspace", "taken"]
        done = run_python("-m", "nws_babelfish", *place, cwd=tmp_path, status=1)
    assert done.stderr == "Error: another babelfish serves the workspace 'taken'\n"


def test_a_server_on_a_socket(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    folder.mkdir()
    place = tmp_path / "s"
    with running(folder, listen=f"unix:{place}") as server:
        code = (
            "import sys, threading\n"
            "from nws.client import NetWorkSpace\n"
            "from nws_babelfish.cli import pybabelfish\n"
            "def ask():\n"
            f"    ws = NetWorkSpace('babelfish', 'unix:{place}', useUse=True)\n"
            "    ws.store('food', [1])\n"
            "    print(ws.fetch('doof'), flush=True)\n"
            "    ws.server.deleteWs('babelfish')\n"
            "threading.Thread(target=ask).start()\n"
            f"pybabelfish(['-h', 'unix:{place}', '--workspace', 'babelfish'])\n"
        )
        done = run_python("-c", code, cwd=tmp_path)
        assert done.stdout == "[1]\n"
        assert server.process.poll() is None

"""`nws` in a terminal, as a person uses it: a session, completion, and `nws top`."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from nws.cli import main
from nws.client import NetWorkSpace
from tests.cli.conftest import Nws
from tests.support.processes import run_python
from tests.support.server import PATIENCE
from tests.support.spaces import HOST, until_waiting
from tests.support.terminal import terminal

NWS = [sys.executable, "-m", "nws"]
WS = "command line"


@pytest.mark.slow
def test_a_session(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    env = {**shared.env, "PS1": "ready> ", "NWS": " ".join(NWS), "WS": WS}
    with terminal(["sh", "-i"], tmp_path, env) as person:

        def say(line: str) -> None:
            person.expect("ready> ")
            person.type(f"{line}\n")
            person.expect("\r\n")  # behind what was typed

        say('echo 5 | $NWS store "$WS" v - && $NWS store "$WS" v "[1]" --as python')
        say('$NWS fetch "$WS" v; echo "status $?"')
        assert person.expect("status 0\r\n") == "5\r\n"
        say('$NWS fetch "$WS" v; echo "status $?"')
        assert person.expect("status 0\r\n") == "[1]\r\n"
        ws.store("v", b"\x1b[2J\xff")
        say('$NWS fetch "$WS" v; echo "status $?"')
        assert person.expect("status 0\r\n") == "b'\\x1b[2J\\xff'\r\n"
        say('$NWS fetch "$WS" v; echo "status $?"')
        until_waiting(ws, "v", fetchers=1)
        person.type("\x03")
        person.expect("ready> ")
        person.type("exit\n")
        person.process.wait(PATIENCE)
    until_waiting(ws, "v")


INTERRUPTED_WHILE_IT_IMPORTS = """
import sys

class Striker:
    def find_spec(self, name, *_):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Striker())
from nws.__main__ import run
run()
"""


def test_it_is_interrupted_while_it_imports(tmp_path: Path) -> None:
    done = run_python("-c", INTERRUPTED_WHILE_IT_IMPORTS, cwd=tmp_path, status=130)
    assert (done.stdout, done.stderr) == ("", "")


def test_somebody_listens_and_never_answers(shared: Nws, tmp_path: Path) -> None:
    with socket.create_server((HOST, 0)) as silent:
        port = silent.getsockname()[1]
        arguments = ["ls", "--host", HOST, "--port", str(port)]
        with terminal([*NWS, *arguments], tmp_path, shared.env) as person:
            person.expect(f"{HOST}:{port} has not answered yet; waiting ...")
            silent.close()  # which resets the connection
            assert person.process.wait(PATIENCE) == 3


def test_the_shell_is_told(shared: Nws, tmp_path: Path) -> None:
    asked = {"_NWS_COMPLETE": "bash_complete", "COMP_WORDS": "nws slei", "COMP_CWORD": "1"}
    code = "from nws.cli import main; main(prog_name='nws')"
    done = run_python("-c", code, cwd=tmp_path, env={**shared.env, **asked})
    assert done.stdout == "plain,sleigh\n"


def completed(*words: str) -> list[str]:
    """Return what the shell is told for the last word."""
    *before, last = words
    shell = BashComplete(main, {}, "nws", "_NWS_COMPLETE")
    return [item.value for item in shell.get_completions(before, last)]


def test_names_are_completed(
    shared: Nws, ws: NetWorkSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in shared.env.items():
        monkeypatch.setenv(name, value)
    ws.store_many("orders", [1])
    assert completed("vars", "command") == [WS]
    assert completed("find", WS, "or") == ["orders"]
    assert completed("find", "nowhere", "or") == []
    assert completed("find", "--port", "1", WS, "or") == []
    assert completed("vars", "--port", "1", "command") == []


def test_top(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    call = {"number": 1, "arrived": 5, "submitted": 10}
    ws.store("calls", json.dumps({"calls": [call]}))
    ws.store("name", "soup")
    with terminal([*NWS, "top", "--interval", "0.1"], tmp_path, shared.env) as person:
        person.expect("connections")
        person.expect("soup")
        person.expect("█" * 10 + "·" * 10)
        with NetWorkSpace("a newcomer", ws.server.serverHost, ws.server.serverPort):
            person.expect("a newcomer")
        person.type("\x03")
        assert person.process.wait(PATIENCE) == 130


@pytest.mark.slow
def test_top_for_programs(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    with terminal([*NWS, "top", "--json"], tmp_path, shared.env) as person:
        look = json.loads(person.expect("\r\n"))
        assert look["server"]["connections"] >= 2
        assert WS in [each["workspace"] for each in look["workspaces"]]
        person.expect("\r\n")


def test_top_without_a_terminal(shared: Nws) -> None:
    """What moves there has no end in a file."""
    said = shared("top", status=1).stderr
    assert "stdout is no terminal; --json prints a line for each look" in said


def test_top_without_rich(shared: Nws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rich.live", None)
    assert "networkspaces[top]" in shared("top", status=1).stderr


def test_it_starts_without_what_it_does_not_need(tmp_path: Path) -> None:
    """Each of these takes tens of milliseconds to import."""
    heavy = ("asyncio", "psutil", "rich", "nws_babelfish", "nws.sleigh", "nws.client")
    code = (
        "import sys; from nws.cli import main; main(['--version'], standalone_mode=False); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert run_python("-c", code, cwd=tmp_path).stdout.endswith("\n[]\n")

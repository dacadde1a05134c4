"""`nws` in a terminal, as a person uses it: a session, completion, and `nws top`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from nws.client import NetWorkSpace
from tests.cli.conftest import Nws
from tests.support.processes import run_python
from tests.support.server import PATIENCE
from tests.support.spaces import until_waiting
from tests.support.terminal import terminal

NWS = [sys.executable, "-m", "nws"]
WS = "command line"


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


def completed(words: str, folder: Path, env: dict[str, str]) -> list[str]:
    """Return what the shell offers for the last word."""
    asked = {"_NWS_COMPLETE": "bash_complete", "COMP_WORDS": words}
    asked["COMP_CWORD"] = str(len(words.split()) - 1)
    code = "from nws.cli import main; main(prog_name='nws')"
    done = run_python("-c", code, cwd=folder, env={**env, **asked})
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    with NetWorkSpace("work1", ws.server.serverHost, ws.server.serverPort) as other:
        other.store("orders", 1)
        assert completed("nws slei", tmp_path, shared.env) == ["sleigh"]
        assert completed("nws vars work", tmp_path, shared.env) == ["work1"]
        assert completed("nws find work1 or", tmp_path, shared.env) == ["orders"]
        assert completed("nws find --port 1 work1 or", tmp_path, shared.env) == []
        assert completed("nws find --host localhost --port 1 wo", tmp_path, {}) == []


def test_top(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    for name in ("task", "result", "rankCount", "workerCount"):
        ws.declare(name, "fifo")
    call = {"number": 1, "arrived": 5, "submitted": 10}
    ws.store("calls", json.dumps({"calls": [call]}))
    with terminal([*NWS, "top", "--interval", "0.1"], tmp_path, shared.env) as person:
        person.expect("connections")
        person.expect("█" * 10 + "·" * 10)
        with NetWorkSpace("a newcomer", ws.server.serverHost, ws.server.serverPort):
            person.expect("a newcomer")
        person.type("\x03")
        assert person.process.wait(PATIENCE) == 0


def test_top_for_programs(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    with terminal([*NWS, "top", "--json"], tmp_path, shared.env) as person:
        look = json.loads(person.expect("\r\n"))
        assert look["server"]["connections"] >= 2
        assert WS in [each["workspace"] for each in look["workspaces"]]
        person.expect("\r\n")


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

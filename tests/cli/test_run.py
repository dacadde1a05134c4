"""`nws run`."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Nws, free_port
from tests.support.processes import python, until_gone
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

SCRIPT = """
import os, signal, sys
from nws import NetWorkSpace

signal.signal(signal.SIGINT, lambda *_: sys.exit(9))
port = int(os.environ["NWS_SERVER_PORT"])
with NetWorkSpace("test", os.environ["NWS_SERVER_HOST"], port) as ws:
    ws.store("x", sys.argv[1:])
    print(ws.fetch("x"), ws.server.status()["pid"], flush=True)
    if "wait" in sys.argv:
        ws.fetch("nothing")
    sys.exit(7)
"""


@pytest.mark.slow
def test_a_script_with_a_server(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    port = str(free_port())
    command = ["-m", "nws", "run", "--port", port, "script.py", "a", "--port", "-x"]
    with python(*command, cwd=tmp_path) as process:
        out, err = process.communicate(timeout=PATIENCE)
    arguments, _, pid = out.strip().rpartition(" ")
    assert (arguments, err) == ("['a', '--port', '-x']", "")
    assert process.returncode == 7
    until_gone([int(pid)])


@pytest.mark.slow
def test_signals_reach_the_script(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    port = str(free_port())
    with python("-m", "nws", "run", "--port", port, "script.py", "wait", cwd=tmp_path) as process:
        assert process.stdout is not None
        server = int(process.stdout.readline().rpartition(" ")[2])
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    until_gone([server])


def test_a_port_that_a_server_has(shared: Nws, server: Server, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("")
    said = shared("run", str(script), status=1).stderr
    assert f"a server runs on port {server.port} already" in said
    assert server.addresses == [f"{HOST}:{server.port}"]


def test_no_script(shared: Nws) -> None:
    assert "does not exist" in shared("run", "nowhere.py", status=2).stderr

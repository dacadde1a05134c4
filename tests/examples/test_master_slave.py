"""The examples of masters and slaves, each as a process."""

from __future__ import annotations

import pytest

from tests.examples.conftest import EXAMPLES
from tests.support.pages import GAP, gallery
from tests.support.processes import python, run_python
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST


@pytest.fixture
def env(server: Server) -> dict[str, str]:
    """Of masters and slaves on the server."""
    return {"NWS_SERVER_HOST": HOST, "NWS_SERVER_PORT": str(server.port)}


def test_one_script(env: dict[str, str]) -> None:
    done = run_python(EXAMPLES / "master_slave_demo.py", cwd=EXAMPLES, env=env)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    shown = gallery()["master_slave_demo"].splitlines()
    assert {line for line in lines if line.startswith("sqrt")} == {*shown} - {GAP}
    assert "ValueError: math domain error" in lines


@pytest.mark.slow
def test_two_scripts(env: dict[str, str]) -> None:
    with python(EXAMPLES / "master.py", cwd=EXAMPLES, env=env) as master:
        # `-w`: there may be no master yet.
        code = "from nws.cli import main; main()"
        run_python("-c", code, "task_manager", "-w", "show", "demo", cwd=EXAMPLES, env=env)
        with python(EXAMPLES / "slave.py", "demo", cwd=EXAMPLES, env=env) as slave:
            out, err = master.communicate(timeout=PATIENCE)
            assert slave.wait(PATIENCE) == 0
    assert err == ""
    *roots, squares = out.splitlines()
    *shown, last = gallery()["master"].splitlines()
    assert sorted(roots) == sorted(shown)
    assert squares == last

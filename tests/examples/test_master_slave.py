"""The examples of masters and slaves, each as a process."""

from __future__ import annotations

import pytest

from tests.examples.conftest import EXAMPLES
from tests.support.processes import python, run_python
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

ROOTS = [
    "sqrt_1: the square root of 0.0 is 0.000",
    "sqrt_2: the square root of 1.0 is 1.000",
    "sqrt_3: the square root of 2.0 is 1.414",
    "sqrt_4: the square root of 3.0 is 1.732",
]


@pytest.fixture
def env(server: Server) -> dict[str, str]:
    """Of masters and slaves on the server."""
    return {"NWS_SERVER_HOST": HOST, "NWS_SERVER_PORT": str(server.port)}


def test_one_script(env: dict[str, str]) -> None:
    done = run_python(EXAMPLES / "master_slave_demo.py", cwd=EXAMPLES, env=env)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert sorted(line for line in lines if line.startswith("sqrt")) == [
        "sqrt_0 raised ValueError('math domain error')",
        *ROOTS,
    ]
    assert "ValueError: math domain error" in lines


def test_two_scripts(env: dict[str, str]) -> None:
    with python(EXAMPLES / "master.py", cwd=EXAMPLES, env=env) as master:
        # `-w`: there may be no master yet.
        code = "from nws.cli import main; main()"
        run_python("-c", code, "task_manager", "-w", "show", "demo", cwd=EXAMPLES, env=env)
        with python(EXAMPLES / "slave.py", "demo", cwd=EXAMPLES, env=env) as slave:
            out, err = master.communicate(timeout=PATIENCE)
            assert slave.wait(PATIENCE) == 0
    assert err == ""
    lines = out.splitlines()
    assert lines[-1] == "[0, 1, 4]"
    assert sorted(lines[:-1]) == ["sqrt_0 raised ValueError('math domain error')", *ROOTS]

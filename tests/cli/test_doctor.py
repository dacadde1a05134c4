"""`nws doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nws.cli.health_checks import FAIL, OK, WARN, limit, server_at, space_in
from nws.session.endpoint import Endpoint
from nws.version import __version__
from tests.cli.conftest import Nws
from tests.support.processes import run_python
from tests.support.server import Server
from tests.support.spaces import HOST


def test_on_a_machine_that_is_well(nws: Nws, tmp_path: Path) -> None:
    env = {"NWS_SERVER_PORT": str(nws.port)}
    done = run_python("-m", "nws", "doctor", "--json", cwd=tmp_path, env=env)
    found = {each["check"]: each for each in json.loads(done.stdout)}
    assert [check for check, each in found.items() if each["state"] == FAIL] == []
    assert found["fork"]["state"] == OK
    server = found["server"]
    assert server["state"] == WARN, "there is none"
    assert server["found"].endswith("Connection refused")
    assert server["remedy"] == "`nws server start` starts one on this machine"


def test_a_server(server: Server) -> None:
    finding = server_at(Endpoint(HOST, server.port))
    assert (finding.state, finding.remedy) == (OK, "")
    assert f"{HOST}:{server.port} answers, version {__version__}" in finding.found


def test_what_fails_is_said_with_a_remedy(nws: Nws, tmp_path: Path) -> None:
    env = {"NWS_TMP_DIR": str(tmp_path / "nowhere"), "NWS_SERVER_PORT": str(nws.port)}
    done = run_python("-m", "nws", "doctor", cwd=tmp_path, env=env, status=1)
    line = next(line for line in done.stdout.splitlines() if line.startswith("temporary files"))
    assert line.split()[2] == FAIL
    assert line.endswith("set NWS_TMP_DIR to a folder that can be written")


@pytest.mark.parametrize(("free", "state"), [(10**10, OK), (999_999_999, WARN), (49_999_999, FAIL)])
def test_space(tmp_path: Path, free: int, state: str) -> None:
    finding = space_in(tmp_path, lambda _: (0, 0, free))
    assert finding.state == state
    assert bool(finding.remedy) == (state != OK)


def test_limits() -> None:
    assert limit("open files", -1, 1024, "-Hn").state == OK
    assert limit("open files", 1024, 1024, "-Hn").state == OK
    few = limit("open files", 1023, 1024, "-Hn")
    assert (few.state, few.remedy) == (WARN, "raise it to 1024 or more: `ulimit -Hn`")

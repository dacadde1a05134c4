"""A cluster on a server that has no room."""

from __future__ import annotations

from pathlib import Path
from xmlrpc.client import Fault

import pytest

from nws.client import NetWorkSpace
from nws.depalma.messages import control_of, report_of, wake_of, workspace_of
from tests.depalma.conftest import configuration, host, running_cluster
from tests.support.server import running
from tests.support.spaces import HOST, fill


def test_what_a_host_waits_for_is_there_when_it_has_joined(tmp_path: Path) -> None:
    """To make it later may be refused, and then the host would end."""
    with running(tmp_path) as server:
        config = configuration(tmp_path, host("a"), server=f"{HOST}:{server.port}")
        with (
            running_cluster(config) as user,
            NetWorkSpace(workspace_of("test"), HOST, server.port, useUse=True) as ws,
        ):
            (there,) = user.rpc.load()
            variables = ws.listVars(format="dict")
            assert isinstance(variables, dict)
            for name in (control_of(there["id"]), wake_of(there["id"]), report_of(there["id"])):
                assert variables[name].mode in ("fifo", "single"), name


@pytest.mark.slow
def test_what_has_no_room_is_refused_and_hosts_stay(tmp_path: Path) -> None:
    with running(tmp_path, "--memory-limit", "300000") as server:
        config = configuration(tmp_path, host("a"), server=f"{HOST}:{server.port}")
        with running_cluster(config) as user:
            (before,) = user.rpc.load()
            code = user.rpc.load_code("true", {})
            with NetWorkSpace(workspace_of("test"), HOST, server.port, useUse=True) as ws:
                fill(ws)
                with pytest.raises(Fault, match="memory"):
                    user.rpc.exec_code(code)
                assert user.rpc.ps() == []
                with pytest.raises(Fault, match="memory"):
                    user.rpc.load_code("true", {"env": {"A": "x" * 10_000}})
                ws.deleteVar("ballast")
            outcome = user.end_of(user.rpc.exec_code(code))
            assert (outcome["status"], outcome["attempt"]) == (0, 1)
            (after,) = user.rpc.load()
            assert after["id"] == before["id"]
            assert after["step"] >= before["step"]

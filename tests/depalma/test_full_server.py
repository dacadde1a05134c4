"""A cluster on a server that has no room."""

from __future__ import annotations

from pathlib import Path
from xmlrpc.client import Fault

import pytest

from nws.client import NetWorkSpace
from nws.depalma.messages import workspace_of
from tests.depalma.conftest import configuration, host, running_cluster
from tests.support.server import running
from tests.support.spaces import HOST, fill


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

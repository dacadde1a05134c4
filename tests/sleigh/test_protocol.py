"""Workers of another version of the sleigh's protocol: they may not join, and both ends say why."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import LaunchOptions, Sleigh, SleighJoinException, envcmd
from nws.sleigh.shared.protocol import (
    PROTOCOL,
    VERSION,
    ProtocolMismatch,
    announcement,
    check_protocol,
)
from nws.version import __version__
from tests.sleigh.functions import worker
from tests.support.deadly import times_ten
from tests.support.processes import run_python, until
from tests.support.server import ROOT, Server
from tests.support.spaces import HOST

OTHER = """
import nws.sleigh.shared.protocol
nws.sleigh.shared.protocol.VERSION = 99
from nws.sleigh.launch.script import main
main()
"""


def of_a_version(host: str, options: LaunchOptions) -> Sequence[str]:
    """Lead to a worker of another version where the host's name says so."""
    return [sys.executable, "-c", OTHER] if host == "other" else []


def sleigh_of(server: Server, *nodes: str, name: str = "") -> Sleigh:
    options: Any = {"scriptExec": envcmd, "modulePath": str(ROOT)}
    options |= {"nwsHost": HOST, "nwsPort": server.port, "name": name}
    return Sleigh(launch=of_a_version, nodeList=nodes, **options)


def test_the_only_worker(server: Server) -> None:
    with sleigh_of(server, "other") as sleigh:
        with pytest.raises(SleighJoinException) as caught:
            sleigh.eachWorker(worker)
        for word in ("version 99", f"version {VERSION};", __version__, "a worker cannot join"):
            assert word in str(caught.value)
        with pytest.raises(SleighJoinException, match="version 99"):
            sleigh.eachElem(times_ten, [1])
        (launch,) = sleigh.launches()
        assert "version 99" in launch["end"]


def test_one_of_two(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with sleigh_of(server, "same", "other", name="fit 100%s") as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]
        with pytest.raises(SleighJoinException, match="version 99"):
            sleigh.eachWorker(worker)
        until(lambda: sleigh._team.members.absent().gone or caplog.records, "a warning")
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert record.getMessage().startswith("fit 100%s: a worker cannot join: ")
        assert "version 99" in record.getMessage()
        assert sleigh.status(closeGroup=True) == (1, 1)
        assert len(sleigh.eachWorker(worker)) == 1


def test_by_hand(server: Server, tmp_path: Any) -> None:
    workspace = NetWorkSpace("by hand", HOST, server.port)
    workspace.store(PROTOCOL, json.dumps({"version": 99, "nws": "9.9", "host": "far"}))
    line = f"import nws.sleigh; nws.sleigh.webLaunch('by hand', {HOST!r}, {server.port})"
    said = run_python("-c", line, cwd=tmp_path).stderr
    assert "a worker cannot join" in said
    assert "nws 9.9 on far, speaks version 99" in said
    assert workspace.fetch("refused") in said
    workspace.server.close()


@pytest.mark.parametrize("announced", [None, "", 7, b"x", "7", "[]", "{}", '{"version": "1"}'])
def test_what_is_no_announcement(announced: Any) -> None:
    with pytest.raises(ProtocolMismatch, match="unknown version"):
        check_protocol(announced)


def test_the_same_version() -> None:
    check_protocol(announcement())

"""A worker on another machine cannot reach the sleigh's server: what its user is told."""

from __future__ import annotations

import platform
import sys

import pytest

from nws.client import NwsServer
from nws.errors import NwsConnectException, SleighJoinException
from nws.sleigh import Sleigh
from tests.sleigh.functions import worker
from tests.support.machines import HERE, another_machine
from tests.support.server import ROOT, Server
from tests.support.spaces import HOST


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces of Linux")
@pytest.mark.parametrize(
    "remote",
    [
        pytest.param("", marks=pytest.mark.nightly, id="its own loopback"),
        pytest.param(HERE, id="the link"),
    ],
)
def test_a_server_that_listens_on_loopback(server: Server, impatient: None, remote: str) -> None:
    """Whether the worker looks for it on its own machine, or on that of the master."""
    with (
        another_machine() as link,
        Sleigh(
            launch=lambda *_: ["ip", "netns", "exec", link],
            nodeList=["there"],
            nwsHost=HOST,
            nwsPort=server.port,
            nwsHostRemote=remote,
            modulePath=str(ROOT),
        ) as sleigh,
        pytest.raises(SleighJoinException) as caught,
    ):
        sleigh.eachWorker(worker)
    said = str(caught.value)
    tried = f"from {platform.node()} it cannot connect to the sleigh's server at {remote or HOST}:"
    for part in (f"{tried}{server.port}: ", "refused", "--interface", "nwsHost=", "sshforwardcmd"):
        assert part in said
    assert "starts one on this machine" not in said


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("localhost", "starts one on this machine"),
        ("127.0.0.9", "starts one on this machine"),
        ("unix:/nowhere", "starts one on this machine"),
        ("no.such.host.invalid", "nws server start --interface"),
    ],
)
def test_the_advice_fits_the_machine(host: str, advice: str) -> None:
    with pytest.raises(NwsConnectException, match=advice):
        NwsServer(host, 1)

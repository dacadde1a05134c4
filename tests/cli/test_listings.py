"""`nws ls`, `nws vars`, `nws leases`, `nws clients`, `nws declare` and `nws rm`."""

from __future__ import annotations

import pytest

from nws.client import NetWorkSpace, NwsNoWorkSpaceException
from tests.cli.conftest import Nws
from tests.support.processes import Aside
from tests.support.spaces import until_waiting, variable

WS = "command line"


def test_workspaces(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("x", 1)
    (found,) = (each for each in shared.json("ls") if each["workspace"] == WS)
    assert (found["persistent"], found["variables"]) == (False, 1)
    head, *lines = shared("ls").stdout.splitlines()
    assert head.split() == ["workspace", "owner", "persistent", "variables"]
    (line,) = (line for line in lines if line.startswith(WS))
    assert line.endswith(" 1")


def test_variables(shared: Nws, ws: NetWorkSpace) -> None:
    ws.declare("pile", "lifo")
    ws.store_many("orders", range(3))
    with ws.lease("orders"):
        expected = {"values": 2, "fetchers": 0, "finders": 0, "mode": "fifo", "leased": 1}
        assert {"variable": "orders", **expected} in shared.json("vars", WS)
        assert "orders    2       0         0        fifo  1" in shared("vars", WS).stdout
    assert shared("vars", "nowhere", status=4).stdout == ""


def test_an_empty_listing(shared: Nws, ws: NetWorkSpace) -> None:
    assert shared("vars", WS).stdout == ""
    assert shared.json("vars", WS) == []


def test_names_move_no_cursor(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("\u202eé\x85", 1)
    assert "\\u202eé\\x85" in shared("vars", WS).stdout
    assert shared.json("vars", WS)[0]["variable"] == "\u202eé\x85"


def test_leases(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("x", 1)
    assert shared.json("leases", WS) == []
    with ws.lease("x", duration=100):
        (found,) = shared.json("leases", WS)
        assert (found["variable"], found["attempt"]) == ("x", 1)
        assert 0 < found["seconds"] <= 100
        assert found["holder"].startswith("local")
        assert "holder" in shared("leases", WS).stdout


@pytest.mark.slow
def test_clients(nws: Nws) -> None:
    nws.env = {"NWS_WEB_KEY": "secret", "NWS_SERVER_PORT": str(nws.port)}
    nws.server("start")
    with nws.open() as ws:
        fetch = Aside(lambda: ws.fetch("x"))
        until_waiting(ws, "x", fetchers=1)
        waits = [each["waits"] for each in nws.json("clients")]
        (found,) = (each for each in waits if each is not None)
        assert (found["operation"], found["variable"]) == ("fetch", "x")
        assert "fetch of x in test" in nws("clients").stdout
        ws.store("x", 1)
        fetch.result()


def test_clients_of_a_server_without_an_inspector(shared: Nws) -> None:
    assert "has no inspector" in shared("clients", status=1).stderr


def test_declare(shared: Nws, ws: NetWorkSpace) -> None:
    shared("declare", WS, "x", "lifo")
    assert variable(ws, "x").mode == "lifo"
    assert "is lifo already" in shared("declare", WS, "x", "fifo", status=1).stderr
    assert "'fifo', 'lifo', 'multi', 'single'" in shared("declare", WS, "x", "y", status=2).stderr


def test_rm(shared: Nws, ws: NetWorkSpace) -> None:
    for name in "xyz":
        ws.store(name, 1)
    shared("rm", WS, "x", "y")
    assert [each["variable"] for each in shared.json("vars", WS)] == ["z"]
    assert "there is no variable 'x'" in shared("rm", WS, "x", status=1).stderr
    shared("rm", "-r", WS)
    with pytest.raises(NwsNoWorkSpaceException):
        ws.store("x", 1)
    shared("rm", "-r", WS, status=4)


def test_rm_has_to_be_told_what(shared: Nws, ws: NetWorkSpace) -> None:
    for arguments in ([WS], ["-r", WS, "x"]):
        assert "-r for the workspace" in shared("rm", *arguments, status=2).stderr
    assert ws.currentWs() in ws.server.listWss()

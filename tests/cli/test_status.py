"""`nws server status`."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from nws.version import __version__
from tests.cli.conftest import Nws
from tests.support.processes import Aside
from tests.support.server import PATIENCE
from tests.support.spaces import HOST


def lines(text: str) -> dict[str, str]:
    """Return the names and values of a report for people."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition("  ")
        found[name.strip()] = value.strip()
    return found


def test_for_people_and_for_programs(started: Nws) -> None:
    for _ in range(2):
        empty = json.loads(started.server("status", "--json").stdout)
    assert (empty["connections"], empty["sessions"]) == (1, 1), "it leaves nothing there"
    assert empty["workspaces"] == 1
    with started.open() as ws:
        ws.store("x", "abc")
        shown = lines(started.server("status").stdout)
        report = json.loads(started.server("status", "--json").stdout)
    assert (shown["version"], shown["pid"]) == (__version__, str(started.pid))
    assert (shown["workspaces"], shown["values"]) == ("2", "1"), "the default one too"
    assert (report["version"], report["pid"]) == (__version__, started.pid)
    assert (report["workspaces"], report["variables"], report["values"]) == (2, 1, 1)
    assert report["bytes"] == 3
    assert report["uptime"] >= 0


@pytest.mark.nightly
def test_of_a_server_that_speaks_the_original_protocol(nws: Nws) -> None:
    nws.server("start", "--", "--no-extensions")
    with nws.open() as ws:
        ws.store("x", 1)
        ws.store("y", 2)
        report = json.loads(nws.server("status", "--json").stdout)
        assert lines(nws.server("status").stdout).keys() == report.keys()
    assert report["version"] == "speaks only the original protocol"
    assert (report["workspaces"], report["variables"]) == (2, 2)


def test_of_a_server_on_another_interface(nws: Nws) -> None:
    nws.env = {"NWS_INTERFACE": "127.0.0.2"}
    nws.server("start", "--", "--web", "none")
    assert lines(nws.server("status").stdout)["pid"] == str(nws.pid)
    taken = f"a server runs on port {nws.port} already"
    assert taken in nws.server("start", status=1).stderr
    nws.env = {}
    assert lines(nws.server("status").stdout)["pid"] == str(nws.pid)
    assert lines(nws.server("status", "--host", "127.0.0.2").stdout)["pid"] == str(nws.pid)
    assert taken in nws.server("start", status=1).stderr, "its files are in use"
    nws.server("stop")
    assert "--host" in nws.server("status", status=3).stderr


@pytest.mark.nightly  # one on another interface is above
@pytest.mark.parametrize(
    "listen", ["tcp:0:interface=127.0.0.4", "tcp:0:interface=0.0.0.0", "unix:"]
)
def test_of_a_server_that_listens_where_its_options_say(
    nws: Nws, tmp_path: Path, listen: str
) -> None:
    place = listen + str(tmp_path / "socket") if listen == "unix:" else listen
    nws.server("start", "--", "--listen", place, "--web", "none", "--plain")
    assert lines(nws.server("status").stdout)["pid"] == str(nws.pid)
    nws.server("stop")


def test_no_server(nws: Nws) -> None:
    for options in ((), ("--json",)):
        done = nws.server("status", *options, status=3)
        assert done.stdout == ""
        assert f"localhost:{nws.port}" in done.stderr
        assert "Traceback" not in done.stderr
    assert not nws.folder.exists(), "looking makes no files"


def test_something_else_at_the_port(nws: Nws) -> None:
    with socket.create_server((HOST, nws.port)) as other:
        other.settimeout(PATIENCE)

        def hang_up() -> None:
            other.accept()[0].close()

        answer = Aside(hang_up)
        done = nws.server("status", status=3)
        answer.result()
    assert "cannot use the server" in done.stderr

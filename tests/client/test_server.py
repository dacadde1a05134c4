"""`NwsServer`: connecting, workspaces and their owners (appendix A.1.9)."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from nws.client import (
    WS_MINE,
    WS_NAME,
    WS_NUMVARS,
    WS_OWNER,
    WS_PERSISTENT,
    WS_VARLIST,
    NetWorkSpace,
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsServer,
    NwsUnsupportedOperationException,
    WorkspaceInfo,
)
from tests.support.cases import each
from tests.support.processes import until
from tests.support.server import running
from tests.support.spaces import HOST, Opener


def workspaces(server: NwsServer) -> dict[str, WorkspaceInfo]:
    """Return the listing."""
    listing = server.listWss("dict")
    assert isinstance(listing, dict)
    return listing


def test_it_knows_where_it_is(opened_either: Opener) -> None:
    server = opened_either.server()
    assert (server.serverHost, server.serverPort) == (HOST, opened_either.port)
    assert server.nwsSocket.getpeername().endswith("/local"), "a Unix socket is quicker"
    assert str(server) == f"NwsServer({HOST}:{opened_either.port})"


def test_the_arguments_can_be_named(opened: Opener) -> None:
    NwsServer(host=HOST, port=opened.port).close()
    name = opened.name
    NetWorkSpace(wsName=name, serverHost=HOST, serverPort=opened.port, useUse=True).server.close()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(tmp_path, listen=f"unix:{path}"), NwsServer(f"unix:{path}") as server:
        assert str(server) == f"NwsServer(unix:{path})"
        ws = server.openWs("ws")
        ws.store("x", 1)
        assert ws.fetch("x") == 1


def test_nobody_listens() -> None:
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NwsConnectException, match=rf"{HOST}:{port}.*refused.*nws server start"):
        NwsServer(HOST, port)


def test_no_such_socket(tmp_path: Path) -> None:
    with pytest.raises(NwsConnectException, match="no-such-socket"):
        NwsServer(f"unix:{tmp_path}/no-such-socket")


@pytest.mark.parametrize(("host", "port"), [("x" * 100 + ".invalid", 1), (HOST, 99999), ("", -1)])
def test_an_address_that_cannot_be(host: str, port: int) -> None:
    with pytest.raises(NwsConnectException):
        NwsServer(host, port)


def test_closing_ends_everything(opened_anyhow: Opener) -> None:
    server = opened_anyhow.server()
    ws = server.openWs(opened_anyhow.name)
    server.close()
    server.close()
    with pytest.raises(NwsConnectionDroppedException, match="closed"):
        ws.store("x", 1)
    with pytest.raises(NwsConnectionDroppedException, match=f"{HOST}:{opened_anyhow.port}"):
        server.listWss()


def test_a_block_closes_at_its_end(opened_anyhow: Opener) -> None:
    with opened_anyhow.server() as server:
        server.listWss()
    with pytest.raises(NwsConnectionDroppedException):
        server.listWss()
    with opened_anyhow() as ws:
        ws.store("x", 1)
    with pytest.raises(NwsConnectionDroppedException):
        ws.store("x", 1)


def test_the_owner_takes_its_workspace_along(opened_anyhow: Opener) -> None:
    name, observer = opened_anyhow.name, opened_anyhow.server()
    owner, guest = opened_anyhow.server(), opened_anyhow.server()
    owner.openWs(name)
    guest.openWs(name).store("x", 1)
    assert workspaces(owner)[name].mine
    assert not workspaces(guest)[name].mine
    guest.close()
    assert name in workspaces(observer)
    owner.close()
    until(lambda: name not in workspaces(observer), "the purge")


def test_who_only_uses_a_workspace_does_not_own_it(opened_anyhow: Opener) -> None:
    name = opened_anyhow.name
    user = opened_anyhow.server()
    user.useWs(name).store("x", 1)
    assert workspaces(user)[name].owner == ""
    user.close()
    late = opened_anyhow.server()
    assert late.openWs(name).fetch("x") == 1
    assert workspaces(late)[name].mine, "the first who is willing owns it"


def test_a_persistent_workspace_outlives_its_owner(opened_anyhow: Opener) -> None:
    name, observer = opened_anyhow.name, opened_anyhow.server()
    with opened_anyhow.server() as owner:
        owner.openWs(name, persistent=True).store("x", 1)
        opened_anyhow.server().openWs(name)
        assert workspaces(observer)[name].persistent
    ws = observer.useWs(name, create=False)
    assert ws.find("x") == 1
    observer.deleteWs(name)


def test_only_the_owner_decides_what_is_persistent(opened_anyhow: Opener) -> None:
    owner, guest = opened_anyhow.server(), opened_anyhow.server()
    owner.openWs(opened_anyhow.name)
    guest.openWs(opened_anyhow.name, persistent=True)
    assert not workspaces(guest)[opened_anyhow.name].persistent


@pytest.mark.parametrize("method", ["openWs", "useWs"])
def test_a_workspace_is_not_made_if_that_is_not_wanted(opened_anyhow: Opener, method: str) -> None:
    server = opened_anyhow.server()
    with pytest.raises(NwsNoWorkSpaceException, match=repr(opened_anyhow.name)[1:-1][:20]):
        getattr(server, method)(opened_anyhow.name, create=False)
    assert opened_anyhow.name not in workspaces(server)
    server.useWs(opened_anyhow.name)
    ws = getattr(server, method)(opened_anyhow.name, create=False)
    assert ws.currentWs() == opened_anyhow.name


def test_open_and_use_take_a_space_of_that_name_only(opened_either: Opener) -> None:
    server, name = opened_either.server(), opened_either.name
    space = NetWorkSpace(name, server=server)
    assert server.openWs(name, space) is space
    assert server.useWs(name, space=space) is space
    for method in (server.openWs, server.useWs):
        with pytest.raises(ValueError, match="another"):
            method("another", space)


def test_a_space_with_a_server_sends_nothing(opened_either: Opener) -> None:
    server = opened_either.server()
    ws = NetWorkSpace(opened_either.name, server=server)
    assert ws.server is server
    assert opened_either.name not in workspaces(server)
    with pytest.raises(NwsOperationException):
        ws.store("x", 1)
    server.openWs(ws.currentWs(), ws)
    ws.store("x", 1)


@pytest.mark.parametrize("name", [b"bytes", None, 7])
def test_names_are_strings(opened_either: Opener, name: Any) -> None:
    server = opened_either.server()
    calls = (server.openWs, server.useWs, server.deleteWs, server.mktempWs, opened_either)
    for call in calls[:4]:
        with pytest.raises(TypeError, match="must be a string"):
            call(name)
    with pytest.raises(TypeError, match="must be a string"):
        NetWorkSpace(name, HOST, opened_either.port)


def test_unknown_keywords(opened_anyhow: Opener) -> None:
    server: Any = opened_anyhow.server()
    with pytest.raises(TypeError):
        server.openWs("x", unknown=True)
    with pytest.raises(TypeError):
        server.useWs("x", persistent=True)
    with pytest.raises(TypeError):
        opened_anyhow("x", unknown=True)


@each("name", ["a b", "a,b", "größer", "日本", "x" * 1000, "", "%d", ">x"])
def test_names_may_be_nearly_anything(opened_anyhow: Opener, name: str) -> None:
    ws = opened_anyhow(opened_anyhow.name + name)
    ws.store("var" + name, "value")
    assert ws.fetch("var" + name) == "value"
    assert workspaces(ws.server)[ws.currentWs()].numvars == 1


def test_deleting_a_workspace(opened_anyhow: Opener) -> None:
    name = opened_anyhow.name
    owner, other = opened_anyhow.server(), opened_anyhow.server()
    ws = owner.openWs(name)
    ws.store("x", 1)
    other.deleteWs(name)
    assert name not in workspaces(owner)
    with pytest.raises(NwsOperationException):
        other.deleteWs(name)
    with pytest.raises(NwsOperationException):
        ws.store("x", 2)
    other.openWs(name)
    with pytest.raises(NwsOperationException):
        ws.find("x")  # the old binding is dead
    assert owner.openWs(name).findTry("x", "gone") == "gone"


def test_a_deleted_workspace_is_no_workspace(opened: Opener) -> None:
    ws = opened()
    ws.server.deleteWs(opened.name)
    with pytest.raises(NwsNoWorkSpaceException, match=r"store of 'x' in workspace .*was deleted"):
        ws.store("x", 2)
    with pytest.raises(NwsNoWorkSpaceException, match="not open"):
        NetWorkSpace("never opened", server=ws.server).find("x")


def test_the_listing_as_text(opened_anyhow: Opener) -> None:
    name, server = opened_anyhow.name, opened_anyhow.server()
    server.openWs(name, persistent=True).store("b", 1)
    server.useWs(name).store("a", 1)
    server.useWs(name + " too")
    text = server.listWss()
    assert text == server.listWss("string") == server.listWss(format="string")
    assert isinstance(text, str)
    assert text.endswith("\n")
    lines = {line[1:].split("\t")[0]: line.split("\t") for line in text.splitlines()}
    assert lines[name][0] == ">" + name
    assert lines[name][1].startswith("local")  # by a Unix socket
    assert lines[name][2:] == ["True", "2", "a,b"]
    assert lines[name + " too"] == [f" {name} too", "", "False", "0", ""]
    assert lines["__default"][:2] == [" __default", "[system]"]
    server.deleteWs(name)
    server.deleteWs(name + " too")


def test_the_listing_as_a_dict(opened_anyhow: Opener) -> None:
    name, server = opened_anyhow.name, opened_anyhow.server()
    ws = server.openWs(name)
    ws.store("b", 1)
    ws.store("a", 1)
    info = workspaces(server)[name]
    assert info[WS_NAME] == info.name == name
    assert info[WS_MINE] is info.mine is True
    assert info[WS_OWNER] == info.owner
    assert info[WS_PERSISTENT] is info.persistent is False
    assert info[WS_NUMVARS] == info.numvars == 2
    assert info[WS_VARLIST] == info.varlist == ["a", "b"]
    assert len(info) == 6
    default = workspaces(server)["__default"]
    assert (default.mine, default.owner) == (False, "[system]")
    assert server.useWs(name + " too").currentWs() == name + " too"
    assert workspaces(server)[name + " too"].varlist == []
    server.deleteWs(name + " too")


@each("format", ["", "list", None, "DICT"])
def test_other_formats(opened_anyhow: Opener, format: Any) -> None:
    ws = opened_anyhow()
    with pytest.raises(ValueError, match="neither"):
        ws.server.listWss(format)
    with pytest.raises(ValueError, match="neither"):
        ws.listVars(format=format)


def test_temporary_workspaces(opened_anyhow: Opener) -> None:
    server = opened_anyhow.server()
    first, second = server.mktempWs(), server.mktempWs("task %04d of it")
    assert first.startswith("__pyws__")
    assert second.startswith("task 0")
    assert " of it" in second
    assert workspaces(server)[first].owner == ""
    ws = server.openWs(first, create=False)
    ws.store("x", 1)
    assert workspaces(server)[first].mine
    assert server.mktempWs() not in (first, second)


@each("template", ["plain", "%d%d", "%s", "%", "%1000000d", "%f %d", ""])
def test_bad_templates(opened_anyhow: Opener, template: str) -> None:
    with pytest.raises(NwsOperationException):
        opened_anyhow.server().mktempWs(template)


def test_what_the_server_says_of_itself(opened_by_any: Opener, opened_original: Opener) -> None:
    status = opened_by_any.server().status()
    assert status["connections"] >= 1
    assert {"version", "pid", "uptime", "workspaces", "values", "leases"} <= status.keys()
    with pytest.raises(NwsUnsupportedOperationException, match="original"):
        opened_original.server().status()


def test_a_program_that_closes_descriptors_which_are_not_its_own(opened: Opener) -> None:
    """The error names what happened, and not the server."""
    ws = opened()
    os.close(ws.server.nwsSocket.fileno())
    with pytest.raises(NwsConnectionDroppedException, match="this program has closed its"):
        ws.findTry("x")

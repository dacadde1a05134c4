"""Servers and workspaces travel in pickles: the other side connects and opens afresh."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from nws.client import NetWorkSpace, NwsConnectException, NwsNoWorkSpaceException, NwsServer
from tests.support.processes import until
from tests.support.spaces import HOST, Opener


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_server(opened_either: Opener, protocol: int) -> None:
    server = opened_either.server(pickle_protocol=2)
    with pickle.loads(pickle.dumps(server, protocol)) as again:
        assert isinstance(again, NwsServer)
        assert (again.serverHost, again.serverPort) == (HOST, opened_either.port)
        assert again.nwsSocket is not server.nwsSocket
        assert again.__reduce__() == server.__reduce__(), "all options travel"
        again.listWss()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_workspace(opened_either: Opener, protocol: int) -> None:
    ws = opened_either()
    with pickle.loads(pickle.dumps(ws, protocol)) as again:
        assert isinstance(again, NetWorkSpace)
        assert again.currentWs() == ws.currentWs()
        assert again.server is not ws.server
        ws.store("x", 1)
        assert again.fetch("x") == 1
    ws.store("x", 2)
    assert ws.fetch("x") == 2, "it is on a session of its own"


def reopened(ws: NetWorkSpace) -> Any:
    return pickle.loads(pickle.dumps(ws))


def test_the_options_travel(opened_either: Opener) -> None:
    choices: list[dict[str, Any]] = [{"useUse": True}, {"persistent": True}]
    for options in choices:
        ws = opened_either(**options)
        with reopened(ws) as again:
            assert again.__reduce__() == ws.__reduce__()
        with reopened(again) as once_more:
            assert once_more.__reduce__() == ws.__reduce__()
    ws.server.deleteWs(ws.currentWs())


def test_who_was_willing_to_own_it_still_is(opened_either: Opener) -> None:
    user, observer = opened_either(useUse=True), opened_either.server()
    with reopened(user):
        assert ">" not in user.server.listWss()
    server = opened_either.server()
    ws = server.openWs(opened_either.name)
    pickled = pickle.dumps(ws)
    server.close()
    until(lambda: opened_either.name not in observer.listWss(), "the purge")
    with pickle.loads(pickled) as again:
        assert f">{opened_either.name}\t" in again.server.listWss()


def test_it_must_still_be_there_if_it_was_not_to_be_made(opened_either: Opener) -> None:
    opened_either()
    pickled = pickle.dumps(opened_either(create=False))
    opened_either.server().deleteWs(opened_either.name)
    with pytest.raises(NwsNoWorkSpaceException):
        pickle.loads(pickled)


def test_the_server_must_still_be_there(opened: Opener) -> None:
    kind, (host, _, protocol) = opened.server().__reduce__()
    with pytest.raises(NwsConnectException):
        kind(f"unix:/nowhere/{host}", 1, protocol)


def test_a_workspace_inside_a_value(opened: Opener) -> None:
    ws = opened()
    ws.store("address", {"reply to": ws})
    with ws.fetch("address")["reply to"] as again:
        again.store("x", "reply")
    assert ws.fetch("x") == "reply"


def test_a_copy_is_a_session_of_its_own(opened: Opener) -> None:
    ws = opened()
    with copy.copy(ws) as again:
        assert again.server is not ws.server

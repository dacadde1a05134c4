"""The clients for event loops have what the blocking one has, under the same names."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import pytest

import nws.aio
import nws.client
import nws.tx

CLIENTS = [nws.aio, nws.tx]


def names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


NOT_COMPARED = {"reactor", "meanwhile"}
"""What only one of Twisted has, and what a thread that waits could not do otherwise."""


def parameters(method: Any) -> list[tuple[str, Any, object]]:
    """Return names, kinds and defaults, but for the object's own."""
    _, *others = signature(method).parameters.values()
    return [
        (each.name, each.kind, each.default) for each in others if each.name not in NOT_COMPARED
    ]


@pytest.mark.parametrize("client", CLIENTS, ids=["aio", "tx"])
def test_every_operation_of_a_workspace(client: Any) -> None:
    blocking, ours = nws.client.NetWorkSpace, client.NetWorkSpace
    assert names(ours) >= names(blocking)
    for name in [*sorted(names(blocking)), "__init__"]:
        assert parameters(getattr(ours, name)) == parameters(getattr(blocking, name)), name
        assert getattr(ours, name).__doc__, name


@pytest.mark.parametrize("client", CLIENTS, ids=["aio", "tx"])
def test_what_a_server_has(client: Any) -> None:
    """But for a socket to look at, what workers are told, and a browser to open."""
    blocking, ours = nws.client.NwsServer, client.NwsServer
    assert names(blocking) - names(ours) == {"address", "endpoint", "nwsSocket", "view"}
    for name in ("__init__", "openWs", "useWs", "mktempWs", "deleteWs", "listWss", "status"):
        wanted = [each for each in parameters(getattr(blocking, name)) if each[0] != "space"]
        assert parameters(getattr(ours, name)) == wanted, name


def test_kinds_of_parameters_are_looked_at() -> None:
    assert parameters(nws.client.NetWorkSpace.fetch) == [
        ("varName", Parameter.POSITIONAL_OR_KEYWORD, Parameter.empty),
        ("timeout", Parameter.KEYWORD_ONLY, None),
    ]

"""`NetWorkSpace`: variables and their values (appendix A.1.2, tutorial 3.1)."""

from __future__ import annotations

from threading import Thread
from typing import Any, Final

import pytest

from nws.client import (
    FIFO,
    LIFO,
    MULTI,
    SINGLE,
    V_FETCHERS,
    V_FINDERS,
    V_MODE,
    V_VALUES,
    V_VARIABLE,
    NetWorkSpace,
    NwsDeclarationFailedException,
    NwsNoWorkSpaceException,
    NwsOperationException,
)
from tests.support.cases import each
from tests.support.spaces import HOST, Opener, until_waiting, variable

WAITING: Final = {"fetch": {"fetchers": 1}, "find": {"finders": 1}}


def test_the_tutorial(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store("joe", 17)
    assert ws.find("joe") == 17
    assert ws.findTry("chet") is None
    assert ws.findTry("chet", 0) == 0
    for n in [16, 19, 25, 22]:
        ws.store("biff", n)
    assert [ws.fetch("biff") for _ in range(4)] == [16, 19, 25, 22]
    assert ws.fetchTry("biff") is None
    assert ws.fetchTry("biff", missing="none") == "none"


def test_it_says_what_it_is(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    assert ws.currentWs() == opened_anyhow.name
    assert str(ws) == f"NetWorkSpace({opened_anyhow.name!r} on {HOST}:{opened_anyhow.port})"
    assert ws.server.serverPort == opened_anyhow.port


def test_the_default_workspace(opened_either: Opener) -> None:
    ws = NetWorkSpace(serverHost=HOST, serverPort=opened_either.port)
    assert ws.currentWs() == "__default"
    ws.server.close()


def test_using_and_opening(opened_anyhow: Opener) -> None:
    user = opened_anyhow(useUse=True)
    assert ">" + opened_anyhow.name not in user.server.listWss()
    owner = opened_anyhow(persistent=False, create=False)
    assert ">" + opened_anyhow.name in owner.server.listWss()


def test_a_workspace_that_is_not_there(opened_anyhow: Opener) -> None:
    with pytest.raises(NwsNoWorkSpaceException):
        opened_anyhow(create=False)
    with pytest.raises(NwsNoWorkSpaceException):
        opened_anyhow(useUse=True, create=False)


def test_persistence_needs_an_owner(opened_anyhow: Opener) -> None:
    opened_anyhow(useUse=True, persistent=True)
    assert f" {opened_anyhow.name}\t\tFalse" in opened_anyhow.server().listWss()


# Modes


@pytest.mark.parametrize(
    ("mode", "order"), [(FIFO, [1, 2, 3]), (LIFO, [3, 2, 1]), (SINGLE, [3]), (MULTI, None)]
)
def test_modes(opened_anyhow: Opener, mode: str, order: list[int] | None) -> None:
    ws = opened_anyhow()
    ws.declare("x", mode)
    for n in (1, 2, 3):
        ws.store("x", n)
    assert variable(ws, "x").mode == mode
    found = ws.find("x")
    fetched = [ws.fetch("x") for _ in range(variable(ws, "x").values)]
    if order is None:
        assert sorted(fetched) == [1, 2, 3]
        assert found in fetched
    else:
        assert fetched == order
        assert found == order[0]
    assert ws.fetchTry("x") is None


def test_the_mode_stays(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.declare("x", LIFO)
    ws.declare("x", LIFO)
    for mode in (FIFO, MULTI, SINGLE):
        with pytest.raises(NwsDeclarationFailedException, match="'x'"):
            ws.declare("x", mode)
    ws.store("stored", 1)
    ws.declare("stored", FIFO)
    with pytest.raises(NwsDeclarationFailedException):
        ws.declare("stored", SINGLE)


def test_a_variable_that_was_only_asked_for_has_no_mode_yet(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.findTry("x")
    assert variable(ws, "x") == ("x", 0, 0, 0, "unknown")
    ws.declare("x", SINGLE)
    assert variable(ws, "x").mode == SINGLE


@each("mode", ["", "FIFO", "queue", "unknown", "_x"])
def test_unknown_modes(opened_anyhow: Opener, mode: str) -> None:
    ws = opened_anyhow()
    with pytest.raises(ValueError, match="mode"):
        ws.declare("x", mode)
    assert ws.listVars() == ""


def test_modes_of_other_servers_are_for_the_server_to_judge(opened_anyhow: Opener) -> None:
    with pytest.raises(NwsDeclarationFailedException):
        opened_anyhow().declare("x", "__barrier")


# Deleting


def test_deleting_a_variable(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store("x", 1)
    ws.deleteVar("x")
    assert ws.listVars() == ""
    assert ws.findTry("x", "gone") == "gone"
    ws.deleteVar("x")
    with pytest.raises(NwsOperationException, match="delete var of 'x'"):
        ws.deleteVar("x")


@pytest.mark.parametrize("method", ["fetch", "find"])
@pytest.mark.parametrize("way", ["variable", "workspace", "owner"])
def test_who_waits_is_told_that_it_is_over(opened_anyhow: Opener, method: str, way: str) -> None:
    ws, waiting = opened_anyhow(), opened_anyhow(useUse=True)
    errors: list[Exception] = []

    def wait() -> None:
        try:
            getattr(waiting, method)("x")
        except NwsOperationException as error:
            errors.append(error)

    thread = Thread(target=wait)
    thread.start()
    until_waiting(ws, "x", **WAITING[method])
    if way == "variable":
        ws.deleteVar("x")
    elif way == "workspace":
        ws.server.deleteWs(ws.currentWs())
    else:
        ws.server.close()
    thread.join()
    assert f"{method} of 'x' in workspace {opened_anyhow.name!r}" in str(errors[0])


# Getting


@pytest.mark.parametrize("method", ["fetch", "find"])
def test_getting_waits(opened_anyhow: Opener, method: str) -> None:
    ws, other = opened_anyhow(useUse=True), opened_anyhow()
    got: list[Any] = []
    thread = Thread(target=lambda: got.append(getattr(ws, method)("x")))
    thread.start()
    until_waiting(other, "x", **WAITING[method])
    other.store("x", "the value")
    thread.join()
    assert got == ["the value"]
    assert variable(other, "x").values == (method == "find")


@pytest.mark.parametrize("call", ["fetchTry", "findTry"])
def test_missing_does_not_stand_for_a_deleted_workspace(opened_by_any: Opener, call: str) -> None:
    ws = opened_by_any()
    ws.server.deleteWs(ws.currentWs())
    with pytest.raises(NwsNoWorkSpaceException, match=f"{call} of 'x' in workspace.*was deleted"):
        getattr(ws, call)("x", "missing")


def test_an_original_server_gives_no_reasons(opened_original: Opener) -> None:
    """So there ``missing`` stands for every failure."""
    ws = opened_original()
    ws.server.deleteWs(ws.currentWs())
    assert ws.fetchTry("x", "missing") == "missing"
    assert ws.findTry("x", missing="missing") == "missing"


def test_none_and_falsehood_are_values(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    falsy: list[Any] = [None, 0, "", b"", False, []]
    for value in falsy:
        ws.store("x", value)
        got = ws.fetchTry("x", "missing")
        assert got == value
        assert type(got) is type(value)


@pytest.mark.nightly(but_each=3)
@each(
    "call",
    [
        "declare fifo",
        "deleteVar",
        "fetch",
        "fetchTry",
        "find",
        "findTry",
        "ifetch",
        "ifetchTry",
        "ifind",
        "ifindTry",
        "store value",
        "makefile",
        "store_many values",
        "fetch_many",
    ],
)
@each("name", [b"bytes", None, 1])
def test_names_are_strings(opened_anyhow: Opener, call: str, name: Any) -> None:
    ws = opened_anyhow()
    method, *arguments = call.split()
    more: list[Any] = [1] if method == "fetch_many" else arguments
    with pytest.raises(TypeError, match="must be a string"):
        getattr(ws, method)(name, *more)
    assert ws.listVars() == ""


def test_names_with_control_characters(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    with pytest.raises(NwsOperationException):
        ws.store("a\tb", 1)
    with pytest.raises(NwsOperationException):
        ws.server.openWs("a\nb")
    assert ws.listVars() == ""


# Listings


def test_the_listing_as_text(opened_anyhow: Opener) -> None:
    """It has the columns of the guide, whatever the server adds to them."""
    ws = opened_anyhow()
    assert ws.listVars() == ""
    ws.store("b", 1)
    ws.store("b", 2)
    ws.declare("a", LIFO)
    assert ws.listVars() == ws.listVars(None, "string") == ws.listVars(format="string")
    assert ws.listVars() == "a\t0\t0\t0\tlifo\nb\t2\t0\t0\tfifo"
    ws.deleteVar("a")
    assert ws.listVars() == "b\t2\t0\t0\tfifo"


def test_the_listing_as_a_dict(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    assert ws.listVars(format="dict") == {}
    ws.store("b", 1)
    ws.declare("a", LIFO)
    listing = ws.listVars(None, "dict")
    assert listing == {"a": ("a", 0, 0, 0, "lifo"), "b": ("b", 1, 0, 0, "fifo")}
    assert isinstance(listing, dict)
    info = listing["b"]
    assert info[V_VARIABLE] == info.variable == "b"
    assert info[V_VALUES] == info.values == 1
    assert info[V_FETCHERS] == info.fetchers == 0
    assert info[V_FINDERS] == info.finders == 0
    assert info[V_MODE] == info.mode == "fifo"
    assert info.leased == 0
    name, values, fetchers, finders, mode = info
    assert (name, values, fetchers, finders, mode) == info


def test_the_listing_of_another_workspace(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    other = ws.server.useWs(opened_anyhow.name + " too")
    other.store("x", 1)
    assert ws.listVars(other.currentWs()) == other.listVars()
    assert ws.listVars(wsName=other.currentWs(), format="dict") == other.listVars(format="dict")
    with pytest.raises(NwsOperationException):
        ws.listVars("never opened")
    with pytest.raises(TypeError):
        ws.listVars(b"bytes")  # type: ignore[arg-type]
    ws.server.deleteWs(other.currentWs())


# Batches


def test_many_values_at_once(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", iter(range(2500)))
    ws.store_many("x", [])
    assert variable(ws, "x").values == 2500
    got: list[int] = []
    while len(got) < 2500:
        batch = ws.fetch_many("x", 700)
        assert 1 <= len(batch) <= 700
        got += batch
    assert got == list(range(2500))


def test_a_batch_is_what_is_there(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store_many("x", [1, 2, 3])
    assert ws.fetch_many("x", 100) == [1, 2, 3]


def test_a_batch_of_large_values(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    values = [bytes([n]) * 600_000 for n in range(4)]
    ws.store_many("x", values)
    got: list[bytes] = []
    while len(got) < 4:
        got += ws.fetch_many("x", 10)
    assert got == values


@pytest.mark.parametrize("limit", [0, -1])
def test_a_batch_has_a_value_at_least(opened_anyhow: Opener, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        opened_anyhow().fetch_many("x", limit)

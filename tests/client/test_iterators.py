"""Iterators over the values of a variable (appendix A.1.12)."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from nws.client import (
    NetWorkSpace,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
    NwsValueIterator,
)
from tests.support.server import Server
from tests.support.spaces import Opener, until_waiting, variable

KINDS = ["ifetch", "ifetchTry", "ifind", "ifindTry"]
TRYING = ["ifetchTry", "ifindTry"]
WAITING = {"ifetch": {"fetchers": 1}, "ifind": {"finders": 1}}


@pytest.mark.parametrize("kind", KINDS)
def test_it_gives_value_after_value(opened_anyhow: Opener, kind: str) -> None:
    ws = opened_anyhow()
    ws.store_many("x", [1, "two", b"three", None])
    values = getattr(ws, kind)("x")
    assert iter(values) is values
    assert list(islice(values, 4)) == [1, "two", b"three", None]
    assert variable(ws, "x").values == (4 if "find" in kind else 0)


@pytest.mark.parametrize("kind", TRYING)
def test_once_ended_it_stays_so(opened_anyhow: Opener, kind: str) -> None:
    ws = opened_anyhow()
    values = getattr(ws, kind)("x")
    ws.store("x", 1)
    assert values.next() == 1
    for _ in range(3):
        with pytest.raises(StopIteration):
            values.next()
    ws.store("x", 2)
    with pytest.raises(StopIteration):
        next(values)
    assert list(values) == []


@pytest.mark.parametrize("kind", TRYING)
def test_restart_goes_on_behind_the_last_value(opened_anyhow: Opener, kind: str) -> None:
    ws = opened_anyhow()
    ws.store("x", 1)
    values = getattr(ws, kind)("x")
    assert list(values) == [1]
    ws.store("x", 2)
    values.restart()
    assert list(values) == [2]
    values.restart()
    assert list(values) == []


@pytest.mark.parametrize("kind", TRYING)
def test_reset_begins_again(opened_anyhow: Opener, kind: str) -> None:
    ws = opened_anyhow()
    ws.store_many("x", [1, 2])
    values = getattr(ws, kind)("x")
    assert next(values) == 1
    values.reset()
    assert list(values) == ([1, 2] if kind == "ifindTry" else [2])
    values.reset()
    assert list(values) == ([1, 2] if kind == "ifindTry" else [])


def test_finding_goes_on_behind_what_others_fetch(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", range(5))
    values = ws.ifindTry("x")
    assert next(values) == 0
    assert [ws.fetch("x") for _ in range(3)] == [0, 1, 2]
    assert list(values) == [3, 4]


def test_two_iterators_do_not_disturb_each_other(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", range(3))
    one, two = ws.ifindTry("x"), ws.ifindTry("x")
    assert next(one) == 0
    assert list(two) == [0, 1, 2]
    assert list(one) == [1, 2]


@pytest.mark.parametrize("kind", ["ifetch", "ifind"])
def test_it_waits_for_the_next_value(opened_anyhow: Opener, kind: str) -> None:
    ws, other = opened_anyhow(useUse=True), opened_anyhow()
    other.store("x", 1)
    values = getattr(ws, kind)("x")
    assert next(values) == 1
    got: list[Any] = []
    thread = Thread(target=lambda: got.append(next(values)))
    thread.start()
    until_waiting(other, "x", **WAITING[kind])
    other.store("x", 2)
    thread.join()
    assert got == [2]


def outcome(values: NwsValueIterator) -> list[Any]:
    """Return what is left, and behind it the exception, if there is one."""
    rest: list[Any] = []
    try:
        rest += values
    except NwsOperationException as error:
        rest.append(error)
    return rest


@pytest.mark.parametrize("kind", ["ifetch", "ifind"])
@pytest.mark.parametrize("deleted", ["variable", "workspace"])
def test_what_it_waits_for_is_deleted(opened_by_any: Opener, kind: str, deleted: str) -> None:
    ws, other = opened_by_any(useUse=True), opened_by_any()
    rest: list[Any] = []
    thread = Thread(target=lambda: rest.extend(outcome(getattr(ws, kind)("x"))))
    thread.start()
    until_waiting(other, "x", **WAITING[kind])
    if deleted == "variable":
        other.deleteVar("x")
    else:
        other.server.deleteWs(other.currentWs())
    thread.join()
    (error,) = rest
    assert isinstance(error, NwsOperationException)
    assert f"{kind} of 'x'" in str(error)
    assert f"the {deleted}" in str(error)
    assert "was deleted" in str(error)


@pytest.mark.parametrize("kind", ["ifetch", "ifind"])
def test_on_an_original_server_a_deletion_ends_it(opened_original: Opener, kind: str) -> None:
    ws, other = opened_original(useUse=True), opened_original()
    rest: list[Any] = []
    thread = Thread(target=lambda: rest.append(outcome(getattr(ws, kind)("x"))))
    thread.start()
    until_waiting(other, "x", **WAITING[kind])
    other.deleteVar("x")
    thread.join()
    assert rest == [[]]


def test_a_variable_that_was_deleted_and_made_again(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store("x", "old")
    values = ws.ifind("x")
    assert next(values) == "old"
    ws.deleteVar("x")
    ws.store("x", "new")
    if ws.server.session:
        with pytest.raises(NwsOperationException, match="was deleted"):
            next(values)
    else:
        with pytest.raises(StopIteration):
            next(values)
    values.reset()
    assert next(values) == "new"


@pytest.mark.parametrize("mode", ["lifo", "multi"])
@pytest.mark.parametrize("kind", KINDS)
def test_only_fifo_and_single_can_be_iterated(opened_by_any: Opener, mode: str, kind: str) -> None:
    ws = opened_by_any()
    ws.declare("x", mode)
    ws.store("x", 1)
    with pytest.raises(NwsOperationException, match=f"a {mode} variable cannot be iterated"):
        next(getattr(ws, kind)("x"))
    assert ws.fetch("x") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_on_an_original_server_others_are_empty(opened_original: Opener, kind: str) -> None:
    ws = opened_original()
    ws.declare("x", "lifo")
    ws.store("x", 1)
    assert list(getattr(ws, kind)("x")) == []
    assert ws.fetch("x") == 1


def test_an_overwritten_value_is_a_new_one(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.declare("x", "single")
    values = ws.ifindTry("x")
    for n in range(3):
        ws.store("x", n)
        assert list(values) == [n]
        values.restart()


def test_a_timeout_ends_nothing(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    for values in (ws.ifetch("x", timeout=0.01), ws.ifind("x", timeout=0.01)):
        ws.store("x", 1)
        assert next(values) == 1
        for _ in range(2):
            with pytest.raises(NwsTimeoutException):
                next(values)
        ws.store("x", 2)
        assert next(values) == 2


def test_a_value_that_cannot_be_read(
    opened_anyhow: Opener, server: Server, original: Server
) -> None:
    ws = opened_anyhow()
    keeps = opened_anyhow.port == server.port
    raw = (server if keeps else original).client(ws=ws.currentWs())
    ws.store("x", 1)
    raw.ask("store", ws.currentWs(), "x", 3 << 24, b"written by R")
    ws.store("x", 2)
    raw.close()
    found, fetched = ws.ifindTry("x"), ws.ifetchTry("x")
    assert next(found) == next(fetched) == 1
    for values in (found, fetched, fetched) if keeps else (found, fetched):
        with pytest.raises(NwsUnpicklingException) as caught:
            next(values)
        assert caught.value.obj == b"written by R"
    assert list(found) == [2]
    if keeps:
        with io.BytesIO() as file:
            assert fetched.writeTo(file) == len(b"written by R")
    assert list(fetched) == [2]
    assert variable(ws, "x").values == 0


# Writing to files


@pytest.mark.parametrize("kind", TRYING)
def test_values_go_to_a_file(opened_either: Opener, tmp_path: Path, kind: str) -> None:
    ws = opened_either()
    ws.store_many("x", [b"one ", b"", "two ", b"3" * 300_000])
    values = getattr(ws, kind)("x")
    with (tmp_path / "file").open("wb") as file:
        sizes = [values.writeTo(file) for _ in range(6)]
    assert sizes == [4, 0, 4, 300_000, 0, 0]
    assert (tmp_path / "file").read_bytes() == b"one two " + b"3" * 300_000


def test_a_serialised_value_is_written_as_it_is(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", [42, b"next"])
    values, file = ws.ifindTry("x"), io.BytesIO()
    size = values.writeTo(file)
    assert size == len(file.getvalue()) > 0
    assert values.writeTo(file) == 4


def test_files_and_values_in_turn(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", ["a", "b", "c"])
    values, file = ws.ifindTry("x"), io.BytesIO()
    assert next(values) == "a"
    assert values.writeTo(file) == 1
    assert next(values) == "c"
    assert values.writeTo(file) == 0
    assert file.getvalue() == b"b"


def test_only_binary_files(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store("x", "a")
    values: Any = ws.ifetch("x")
    with pytest.raises(TypeError):
        values.writeTo(io.StringIO())
    assert next(values) == "a"


def test_a_server_without_cookies_has_no_iterators() -> None:
    """It answers 2222 to everything; no examined server did, but the protocol says so."""
    from tests.support.impostors import impostor

    with impostor(b"2222", b"0000") as port:
        ws = NetWorkSpace("x", "127.0.0.1", port)
        for kind in KINDS:
            with pytest.raises(NwsUnsupportedOperationException, match="iterators"):
                getattr(ws, kind)("x")
        ws.server.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_workspace_is_gone(opened_by_any: Opener, kind: str) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    values = getattr(ws, kind)("x")
    ws.server.deleteWs(ws.currentWs())
    for _ in range(2):
        with pytest.raises(NwsNoWorkSpaceException):
            next(values)
    with pytest.raises(NwsNoWorkSpaceException):
        values.writeTo(io.BytesIO())


def test_the_workspace_is_gone_on_an_original_server(opened_original: Opener) -> None:
    ws = opened_original()
    values = ws.ifind("x")
    ws.server.deleteWs(ws.currentWs())
    assert list(values) == []

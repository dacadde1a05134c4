"""Waiting for several variables at once."""

from __future__ import annotations

import signal
from threading import Thread
from typing import Any

import pytest

from nws.client import (
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from tests.support.cases import each
from tests.support.programs import started
from tests.support.server import Server
from tests.support.spaces import Opener, until_waiting, variable


def test_the_order_of_names_is_the_order_of_preference(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("low", 1)
    ws.store("high", 2)
    assert ws.findAny(["urgent", "high", "low"]) == ("high", 2)
    assert ws.fetchAny(iter(["urgent", "high", "low"])) == ("high", 2)
    lease = ws.leaseAny(["urgent", "high", "low"])
    assert (lease.variable, lease.value, lease.attempt) == ("low", 1, 1)
    with lease as value:
        assert value == 1
    assert variable(ws, "low").leased == 0


def test_who_waits_is_told_where_the_value_came_from(opened_by_any: Opener) -> None:
    ws, other = opened_by_any(), opened_by_any()
    got: list[Any] = []
    waiting = Thread(target=lambda: got.append(other.fetchAny(["x", "y", "ä"], timeout=60)))
    waiting.start()
    for name in ("x", "y", "ä"):
        until_waiting(ws, name, fetchers=1)
    ws.store("ä", [1, 2])
    waiting.join()
    assert got == [("ä", [1, 2])]
    assert [variable(ws, name).fetchers for name in ("x", "y")] == [0, 0]


def test_nothing_comes_in_time(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    for call in (ws.fetchAny, ws.findAny, ws.leaseAny):
        with pytest.raises(NwsTimeoutException, match=r"any of 'x', 'y' in workspace"):
            call(["x", "y"], timeout=0)
        with pytest.raises(NwsTimeoutException, match=r"any of '0', '1', '2', \.\.\. in workspace"):
            call(map(str, range(100)), timeout=0.01)


def test_a_deleted_variable_is_named(opened_by_any: Opener) -> None:
    ws, other = opened_by_any(), opened_by_any()
    errors: list[Any] = []

    def wait() -> None:
        with pytest.raises(NwsOperationException, match="'y' was deleted") as raised:
            other.findAny(["x", "y"])
        errors.append(raised.value)

    waiting = Thread(target=wait)
    waiting.start()
    until_waiting(ws, "y", finders=1)
    ws.deleteVar("y")
    waiting.join()
    assert not isinstance(errors[0], NwsNoWorkSpaceException)


def test_a_value_that_cannot_be_read_stays(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("y", Unreadable())
    with pytest.raises(NwsUnpicklingException, match="it stays in its place"):
        ws.fetchAny(["x", "y"])
    with pytest.raises(NwsUnpicklingException):
        ws.leaseAny(["x", "y"])
    info = variable(ws, "y")
    assert (info.values, info.leased) == (1, 0)


@each(
    "names, said",
    [
        ("x", "varNames='x' is one name; put a list around it"),
        (b"x", "must be a string, not int"),
        (None, "varNames=None is no list of names"),
        (3, "varNames=3 is no list of names"),
        ([], "varNames is empty"),
        ([1], "must be a string, not int"),
        (["x" * 70_000], "at most"),
    ],
)
def test_bad_names(opened_by_any: Opener, names: Any, said: str) -> None:
    ws = opened_by_any()
    for call in (ws.fetchAny, ws.findAny, ws.leaseAny):
        with pytest.raises((TypeError, ValueError), match=said):
            call(names, timeout=0)
    assert ws.listVars() == ""


def test_there_may_be_too_many(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    with pytest.raises(NwsOperationException, match="at most 1,000 variables"):
        ws.fetchAny(map(str, range(1001)))
    assert ws.listVars() == ""


def test_a_server_of_the_original(opened_original: Opener) -> None:
    ws = opened_original()
    with pytest.raises(NwsUnsupportedOperationException, match="several variables"):
        ws.fetchAny(["x"])


def test_ctrl_c_leaves_all_lines(server: Server, opened: Opener) -> None:
    ws = opened("lines")
    ws.store("z", "in step")
    with started("client/programs/waits_for_any.py", server.port, "lines") as process:
        until_waiting(ws, "y", fetchers=1)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "in step"
        assert [variable(ws, name).fetchers for name in ("x", "y")] == [0, 0]


def test_a_client_that_dies_is_not_served(server: Server, opened: Opener) -> None:
    ws = opened("deaths")
    with started("client/programs/waits_for_any.py", server.port, "deaths") as process:
        until_waiting(ws, "y", fetchers=1)
        process.kill()
        until_waiting(ws, "y")
        ws.store("y", 1)
        assert ws.fetchAny(["x", "y"]) == ("y", 1)


class Unreadable:
    """Its pickle cannot be read."""

    def __reduce__(self) -> Any:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("I am unreadable")


def test_many_of_the_first_variable_that_has_any(opened: Opener) -> None:
    ws = opened()
    ws.store_many("second", [1, 2, 3])
    leases = ws.lease_many(["first", "second"], 2)
    assert [(lease.variable, lease.value) for lease in leases] == [("second", 1), ("second", 2)]
    ws.store("first", "urgent")
    (lease,) = ws.lease_many(["first", "second"], 2)
    assert lease.variable == "first"
    ws.settle([lease, *leases])
    assert [lease.value for lease in ws.lease_many(["first", "second"], 9)] == [3]

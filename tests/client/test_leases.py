"""Leases: values that come back unless they are settled."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Thread
from typing import Any

import numpy as np
import pytest

from nws.client import (
    NetWorkSpace,
    NwsLeaseLostException,
    NwsOperationException,
    NwsPicklingException,
    NwsTimeoutException,
    NwsUnpicklingException,
    NwsUnsupportedOperationException,
)
from tests.support.processes import until
from tests.support.programs import started
from tests.support.server import Server
from tests.support.spaces import Opener, until_waiting, variable


def state(ws: NetWorkSpace, name: str = "x") -> tuple[int, int]:
    """Return how many values are there and how many are leased."""
    info = variable(ws, name)
    return info.values, info.leased


def test_a_block_settles_at_its_end(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", {"task": 1})
    with ws.lease("x") as task:
        assert task == {"task": 1}
        assert state(ws) == (0, 1)
    assert state(ws) == (0, 0)


@pytest.mark.parametrize(
    ("error", "attempt"), [(ValueError, 2), (KeyboardInterrupt, 1), (SystemExit, 1)]
)
def test_a_block_that_fails_gives_back(
    opened: Opener, error: type[BaseException], attempt: int
) -> None:
    """An interruption from outside is not counted as an attempt at the value."""
    ws = opened()
    ws.store_many("x", [1, 2])
    with pytest.raises(error), ws.lease("x"):
        raise error
    assert state(ws) == (2, 0)
    lease = ws.lease("x")
    assert (lease.value, lease.attempt) == (1, attempt), "it is in its old place"


def test_a_block_that_fails_after_the_lease_ended(opened_by_any: Opener) -> None:
    """The block's own exception tells more."""
    ws = opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    lease.release()
    with pytest.raises(ZeroDivisionError), lease:
        raise ZeroDivisionError


def test_a_block_whose_lease_was_lost(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    with pytest.raises(NwsLeaseLostException), lease:
        lease.release()
    assert state(ws) == (1, 0)


def test_what_a_lease_says(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", "value")
    lease = ws.lease("x")
    assert (lease.value, lease.variable, lease.attempt) == ("value", "x", 1)
    assert repr(lease) == f"<Lease {lease.id} of 'x', attempt 1>"
    assert lease.id > 0


def test_attempts_are_counted(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    for attempt in (1, 2, 3):
        lease = ws.lease("x")
        assert lease.attempt == attempt
        lease.release()
    ws.lease("x").release(blame=False)
    assert ws.lease("x").attempt == 4


def test_it_ends_by_itself(opened_by_any: Opener) -> None:
    ws, other = opened_by_any(), opened_by_any()
    ws.store("x", "value")
    lease = ws.lease("x", duration=0.02)
    again = other.lease("x")
    assert (again.value, again.attempt) == ("value", 2)
    for act in (lease.settle, lease.release, lambda: lease.renew(10)):
        with pytest.raises(NwsLeaseLostException, match=f"not held.*{lease.id}"):
            act()
    assert state(ws) == (0, 1), "the late ones changed nothing"
    again.settle()


def test_it_can_last_longer(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store_many("x", [1, 2])
    longer, shorter = ws.lease("x", duration=0.5), ws.lease("x", duration=60)
    longer.renew(60)
    shorter.renew(0.01)
    until(lambda: state(ws) == (1, 1), "the end of the lease")
    assert ws.fetch("x") == 2
    longer.settle()


def test_the_next_ones_come_with_the_end_of_the_last(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store_many("x", range(4))
    leases = ws.lease_many("x", 2)
    following = ws.settle_and_lease(leases, [("y", "a result"), ("y", "another")], "x", 9)
    assert [lease.value for lease in following] == [2, 3]
    assert (state(ws), state(ws, "y")) == ((0, 2), (2, 0))
    (last,) = ws.settle_and_lease(following, [("x", "once more")], "x", 1, duration=60)
    assert (last.value, last.variable, last.attempt) == ("once more", "x", 1)
    with pytest.raises(NwsLeaseLostException):
        ws.settle_and_lease(leases, [("y", "too late")], "x", 1)
    assert (state(ws), state(ws, "y")) == ((0, 1), (2, 0)), "nothing was done"
    last.settle()


def test_what_is_settled_stays_so_if_nothing_can_be_leased(opened: Opener) -> None:
    ws, other = opened(), opened()
    ws.store("x", "a task")
    lease = ws.lease("x")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(ws.settle_and_lease, [lease], [("y", "a result")], "x", 1)
        until_waiting(other, "x", fetchers=1)
        other.deleteVar("x")
        with pytest.raises(NwsOperationException, match="settle and lease of 'x'"):
            waiting.result()
    assert ws.fetchTry("y") == "a result"
    with pytest.raises(NwsLeaseLostException):
        lease.settle()


@pytest.mark.parametrize(("limit", "duration"), [(0, 60), ("1", 60), (1, -1), (1, "x")])
def test_nothing_is_settled_for_a_lease_that_cannot_be(
    opened_by_any: Opener, limit: Any, duration: Any
) -> None:
    ws = opened_by_any()
    ws.store("x", "a task")
    lease = ws.lease("x")
    with pytest.raises((TypeError, ValueError)):
        ws.settle_and_lease([lease], [("y", "a result")], "x", limit, duration=duration)
    lease.release()
    assert ws.fetchTry("y") is None


def test_of_several(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store_many("x", range(5))
    leases = ws.lease_many("x", 3)
    assert [lease.value for lease in leases] == [0, 1, 2]
    assert [lease.value for lease in ws.lease_many("x", 30)] == [3, 4]
    ws.renew(leases, 100)
    ws.settle(leases[:1])
    ws.release(leases[1:])
    assert state(ws) == (2, 2)
    assert [ws.fetch("x"), ws.fetch("x")] == [1, 2]
    ws.settle([])
    ws.release([])


@pytest.mark.parametrize("name", [None, b"y", 1])
def test_what_is_no_name_is_refused_from_the_first_settle_on(
    opened_by_any: Opener, name: Any
) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    with pytest.raises(TypeError, match="must be a string"):
        lease.settle([(name, "a result")])
    assert state(ws) == (0, 1)
    assert [*ws.listVars(format="dict")] == ["x"]


def test_settling_stores_in_the_same_step(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", "task")
    big = bytes(1_000_000)
    ws.lease("x").settle([("result", 1), ("result", big), ("log", "done")])
    assert [ws.fetch("result"), ws.fetch("result")] == [1, big]
    assert ws.fetch("log") == "done"
    assert state(ws) == (0, 0)


def test_all_of_a_step_or_nothing(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store_many("x", [1, 2])
    first, second = ws.lease("x"), ws.lease("x")
    second.release()
    with pytest.raises(NwsLeaseLostException):
        ws.settle([first, second], [("result", 1)])
    with pytest.raises(NwsLeaseLostException):
        ws.release([first, second])
    with pytest.raises(NwsOperationException, match="control"):
        ws.settle([first], [("result", 1), ("bad\tname", 2)])
    with pytest.raises(NwsPicklingException):
        ws.settle([first], [("result", 1), ("result", lambda: None)])
    with pytest.raises(TypeError):
        ws.settle([first], [("result", 1), (b"result", 2)])  # type: ignore[list-item]
    assert state(ws) == (1, 1)
    assert state(ws, "result") == (0, 0)
    ws.settle([first], [("result", 1)])
    assert state(ws) == (1, 0)
    assert state(ws, "result") == (1, 0)


def test_deleting_the_variable_ends_it(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    ws.deleteVar("x")
    with pytest.raises(NwsLeaseLostException):
        lease.settle()


def test_it_belongs_to_one_session(opened_by_any: Opener) -> None:
    ws, other = opened_by_any(), opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    with pytest.raises(NwsLeaseLostException):
        other.settle([lease])
    lease.settle()


def test_the_value_comes_back_with_the_end_of_the_session(opened_by_any: Opener) -> None:
    ws, holder = opened_by_any(), opened_by_any(useUse=True)
    ws.store_many("x", [1, 2, 3])
    holder.lease_many("x", 2)
    holder.server.close()
    until(lambda: state(ws) == (3, 0), "the end of the leases")
    got = [ws.lease("x") for _ in range(3)]
    assert [(lease.value, lease.attempt) for lease in got] == [(1, 2), (2, 2), (3, 1)]


def test_the_value_of_a_killed_holder_comes_back(opened: Opener) -> None:
    ws = opened()
    ws.store("x", "task")
    got: list[Any] = []
    with started("client/programs/blocked.py", opened.port, opened.name) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("lease x\n")
        process.stdin.flush()
        assert process.stdout.readline() == '"task"\n'
        waiting = Thread(target=lambda: got.append(ws.lease("x")))
        waiting.start()
        until_waiting(ws, "x", fetchers=1)
        process.send_signal(signal.SIGKILL)
        waiting.join()
    assert (got[0].value, got[0].attempt) == ("task", 2)


def test_who_waits_gets_what_is_given_back(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    lease = ws.lease("x")
    got: list[Any] = []
    waiting = Thread(target=lambda: got.append(ws.fetch("x")))
    waiting.start()
    until_waiting(ws, "x", fetchers=1)
    lease.release()
    waiting.join()
    assert got == [1]


def test_a_value_that_cannot_be_read_goes_back(opened_by_any: Opener, server: Server) -> None:
    ws = opened_by_any()
    with server.client(ws=ws.currentWs()) as raw:
        raw.ask("store", ws.currentWs(), "x", 3 << 24, b"written by R")
    for take in (
        ws.lease,
        lambda name: ws.lease_many(name, 5),
        lambda name: ws.fetch_many(name, 5),
        ws.fetch,
        ws.fetchTry,
        lambda name: ws.fetch(name, timeout=60),
        lambda name: next(ws.ifetch(name)),
        lambda name: next(ws.ifetchTry(name)),
    ):
        with pytest.raises(NwsUnpicklingException, match="stays in its place") as caught:
            take("x")
        assert caught.value.obj == b"written by R"
        assert state(ws) == (1, 0)
    with BytesIO() as file:
        ws.fetchFile("x", file)
        assert file.getvalue() == b"written by R"


def test_that_is_an_attempt(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    ws.store("x", Unreadable())
    Unreadable.readable = False
    with pytest.raises(NwsUnpicklingException):
        ws.lease("x")
    Unreadable.readable = True
    assert ws.lease("x").attempt == 2


class Unreadable:
    """A value that can be read only sometimes."""

    readable = True

    def __reduce__(self) -> Any:
        return read, ()


def read() -> Unreadable:
    if not Unreadable.readable:
        raise ValueError("not now")
    return Unreadable()


@pytest.mark.parametrize("limit", [0, -1])
def test_at_least_one(opened_by_any: Opener, limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        opened_by_any().lease_many("x", limit)


@pytest.mark.parametrize("duration", [-1, float("inf"), float("nan"), 10**10])
def test_what_is_no_duration(opened_by_any: Opener, duration: float) -> None:
    ws = opened_by_any()
    ws.store("x", 1)
    with pytest.raises(ValueError, match="seconds"):
        ws.lease("x", duration=duration)
    lease = ws.lease("x")
    with pytest.raises(ValueError, match="seconds"):
        lease.renew(duration)
    assert state(ws) == (0, 1)


def test_there_is_nothing_to_lease(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    with pytest.raises(NwsTimeoutException):
        ws.lease("x", timeout=0.01)
    ws.server.deleteWs(ws.currentWs())
    with pytest.raises(NwsOperationException):
        ws.lease("x")


def test_an_original_server_has_none(opened_original: Opener) -> None:
    ws = opened_original()
    ws.store("x", 1)
    for act in (lambda: ws.lease("x"), lambda: ws.lease_many("x", 1)):
        with pytest.raises(NwsUnsupportedOperationException, match="leases"):
            act()
    assert ws.fetch("x") == 1


def test_the_values_are_of_all_kinds(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    values: list[Any] = [None, "", b"", "text", b"\xff", 1.5, [1], bytes(300_000)]
    ws.store_many("x", values)
    got: list[Any] = []
    while len(got) < len(values):
        leases = ws.lease_many("x", 100)
        got += [lease.value for lease in leases]
        ws.settle(leases)
    assert got == values
    assert isinstance(got[0], type(None))


def test_a_leased_array_can_be_written_to(opened_by_any: Opener) -> None:
    ws = opened_by_any()
    for size in (10, 20_000, 200_000):
        ws.store("x", np.arange(size))
        with ws.lease("x") as array:
            array[0] = 7
        ws.store("x", np.arange(size))
        ws.fetch("x")[0] = 7

"""``timeout``: how long a blocking call waits at most."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from random import Random
from threading import Thread
from typing import Any, Final

import pytest

from nws.client import NetWorkSpace, NwsOperationException, NwsTimeoutException
from tests.support.cases import each
from tests.support.spaces import Opener, until_waiting, variable

Call = Callable[[NetWorkSpace, float], Any]

CALLS: Final[dict[str, Call]] = {
    "fetch": lambda ws, timeout: ws.fetch("x", timeout=timeout),
    "find": lambda ws, timeout: ws.find("x", timeout=timeout),
    "ifetch": lambda ws, timeout: next(ws.ifetch("x", timeout=timeout)),
    "ifind": lambda ws, timeout: next(ws.ifind("x", timeout=timeout)),
    "fetchFile": lambda ws, timeout: ws.fetchFile("x", io.BytesIO(), timeout=timeout),
    "findFile": lambda ws, timeout: ws.findFile("x", io.BytesIO(), timeout=timeout),
    "fetch_many": lambda ws, timeout: ws.fetch_many("x", 5, timeout=timeout),
}
LEASES: Final[dict[str, Call]] = {
    "lease": lambda ws, timeout: ws.lease("x", timeout=timeout),
    "lease_many": lambda ws, timeout: ws.lease_many("x", 5, timeout=timeout),
}


def calls_of(opener: Opener) -> dict[str, Call]:
    """Return the calls that wait; an original server knows no leases."""
    return CALLS | LEASES if opener().server.session else CALLS


@pytest.mark.parametrize("seconds", [0, 0.02])
def test_nothing_comes_in_time(opened_anyhow: Opener, seconds: float) -> None:
    ws = opened_anyhow()
    for name, call in calls_of(opened_anyhow).items():
        with pytest.raises(NwsTimeoutException, match="no value came in time") as caught:
            call(ws, seconds)
        assert f"of 'x' in workspace {ws.currentWs()!r} at 127.0.0.1:" in str(caught.value)
        assert isinstance(caught.value, TimeoutError)
        assert isinstance(caught.value, NwsOperationException)
        ws.store("y", name)
        assert ws.fetch("y") == name, "the session stays in step"
    assert variable(ws, "x") == ("x", 0, 0, 0, "unknown"), "nobody waits any more"


class SteppedClock:
    """Takes the place of the module `time`: only who sleeps makes time pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_an_original_server_is_asked_until_the_time_is_over(
    opened_original: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = opened_original()
    for call in CALLS.values():
        clock = SteppedClock()
        monkeypatch.setattr("nws.session.session.time", clock)
        with pytest.raises(NwsTimeoutException):
            call(ws, 20)
        assert clock.now == pytest.approx(1020)


@each(
    "seconds", [0, 0.001, 5, 10**9, Decimal("0.5"), Fraction(1, 2), math.inf, Decimal("inf"), None]
)
def test_what_is_there_is_not_waited_for(opened_anyhow: Opener, seconds: Any) -> None:
    ws = opened_anyhow()
    for call in calls_of(opened_anyhow).values():
        ws.store("x", 1)
        call(ws, seconds)


@each("seconds", [-1, -0.001, math.nan, -math.inf, 10**9 + 1, 10**400])
def test_what_is_no_timeout(opened_anyhow: Opener, seconds: float) -> None:
    ws = opened_anyhow()
    ws.store("x", 1)
    for call in calls_of(opened_anyhow).values():
        with pytest.raises(ValueError, match="seconds"):
            call(ws, seconds)
    assert ws.fetch("x") == 1


@pytest.mark.parametrize("seconds", [20, math.inf])
def test_a_value_that_comes_in_time(opened_anyhow: Opener, seconds: float) -> None:
    ws, other = opened_anyhow(useUse=True), opened_anyhow()
    for name, call in CALLS.items():
        got: list[Any] = []
        thread = Thread(target=lambda: got.append(call(ws, seconds)))  # noqa: B023 - joined below
        thread.start()
        # An original server is asked again and again, which nobody can see from outside.
        if other.server.session:
            removes = "fetch" in name
            until_waiting(other, "x", **{"fetchers" if removes else "finders": 1})
        other.store("x", "value")
        thread.join()
        assert got, name
        other.fetchTry("x")


def test_the_place_in_line_is_free_again(opened_by_any: Opener) -> None:
    ws, patient, impatient = opened_by_any(), opened_by_any(), opened_by_any()
    outcomes: list[Any] = []

    def give_up() -> None:
        try:
            impatient.fetch("x", timeout=0.1)
        except NwsTimeoutException:
            outcomes.append("gave up")

    first = Thread(target=give_up)
    first.start()
    until_waiting(ws, "x", fetchers=1)
    second = Thread(target=lambda: outcomes.append(patient.fetch("x")))
    second.start()
    until_waiting(ws, "x", fetchers=2)
    first.join()
    until_waiting(ws, "x", fetchers=1)
    ws.store("x", "value")
    second.join()
    assert outcomes == ["gave up", "value"]


def test_no_value_is_lost_in_the_race_with_the_deadline(opened_either: Opener) -> None:
    ws, other = opened_either(useUse=True), opened_either()
    random = Random(4711)
    count = 150
    got: list[int] = []

    def fetch_all() -> None:
        while not got or got[-1] != count - 1:
            try:
                got.append(ws.fetch("x", timeout=random.choice((0.0005, 0.001, 0.002))))
            except NwsTimeoutException:
                ws.findTry("y")

    thread = Thread(target=fetch_all)
    thread.start()
    for number in range(count):
        other.store("x", number)
        for _ in range(number % 7):
            other.findTry("y")  # takes about as long as the deadlines do
    thread.join()
    assert got == list(range(count))

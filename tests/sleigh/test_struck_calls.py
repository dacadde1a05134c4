"""Ctrl-C at each moment of a call: it costs that call alone, and leaves a sleigh that works.

Moments in `Future.cancel` are left out: there it may leave a lock of the standard library locked.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nws.sleigh import Sleigh
from tests.support.deadly import times_ten
from tests.support.processes import until
from tests.support.strikes import struck

SOON = 60.0

STRIDE = 43
"""A call has several hundred moments; all of them would take minutes."""


def map_some(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(times_ten, range(5)) == [0, 10, 20, 30, 40]


def submit_some(sleigh: Sleigh) -> None:
    futures = [sleigh.submit(times_ten, number) for number in range(3)]
    assert [future.result(SOON) for future in futures] == [0, 10, 20]


def submit_closures(sleigh: Sleigh) -> None:
    futures = [sleigh.submit(lambda factor=number: 10 * factor) for number in range(3)]
    assert [future.result(SOON) for future in futures] == [0, 10, 20]


def iterate(sleigh: Sleigh) -> None:
    assert list(sleigh.imap(times_ten, range(5))) == [0, 10, 20, 30, 40]


def look_at_pending(sleigh: Sleigh) -> None:
    pending = sleigh.eachElem(times_ten, range(5), blocking=False)
    pending.check()
    assert pending.wait() == [0, 10, 20, 30, 40]


def ask_everyone(sleigh: Sleigh) -> None:
    assert sleigh.eachWorker(times_ten, 1) == [10, 10]


@pytest.mark.nightly(but_each=6)
@pytest.mark.parametrize(
    "act",
    [
        map_some,
        submit_some,
        submit_closures,
        iterate,
        look_at_pending,
        ask_everyone,
    ],
    ids=lambda act: act.__name__,
)
def test_ctrl_c_at_each_moment(sleigh: Sleigh, act: Callable[[Sleigh], None]) -> None:
    act(sleigh)
    moment, was_struck = 0, True
    while was_struck:
        others = [sleigh.submit(times_ten, number) for number in range(3)]
        _, was_struck = struck(moment, act, sleigh)
        assert [other.result(SOON) for other in others] == [0, 10, 20], moment
        moment += STRIDE
    map_some(sleigh)
    assert moment > 50, "it strikes inside the calls"
    until(lambda: not sleigh._engine._calls, "the end of all calls")

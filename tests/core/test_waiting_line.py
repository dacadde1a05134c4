"""The line that clients wait in."""

from __future__ import annotations

import pytest

from nws_server.core.records import Session, Variable, Waiter, Workspace
from nws_server.core.waiting_line import WaitingLine
from tests.support.answers import Answer


def waiters(count: int, *, removes: bool = True) -> list[Waiter]:
    """Make waiters for one variable."""
    session = Session(1, b"host:1", acknowledges=False)
    variable = Variable(1, b"x", Workspace(1, b"w"))
    return [Waiter(session, Answer([]), variable, removes=removes) for _ in range(count)]


def lined_up(people: list[Waiter]) -> WaitingLine[Waiter]:
    """Let them stand in line."""
    line: WaitingLine[Waiter] = WaitingLine()
    for waiter in people:
        line.join(waiter)
    return line


def test_nobody_stands_in_a_new_line() -> None:
    line: WaitingLine[Waiter] = WaitingLine()
    assert not line
    assert len(line) == 0


def test_first_come_first() -> None:
    people = waiters(5)
    line = lined_up(people)
    served = []
    while line:
        served.append(line.first())
        line.leave(line.first())
    assert served == people


@pytest.mark.parametrize("leaver", range(5))
def test_leaving_from_anywhere(leaver: int) -> None:
    people = waiters(5)
    line = lined_up(people)
    line.leave(people.pop(leaver))
    assert list(line) == people
    assert len(line) == 4
    assert line.first() is people[0]


def test_who_joins_again_stands_at_the_end() -> None:
    people = waiters(3)
    line = lined_up(people)
    line.leave(people[0])
    line.join(people[0])
    assert list(line) == [people[1], people[2], people[0]]


def test_who_is_not_there_cannot_leave() -> None:
    one, other = waiters(2)
    line = lined_up([one])
    with pytest.raises(KeyError):
        line.leave(other)
    assert list(line) == [one]


def test_variables_do_not_share_their_lines() -> None:
    workspace = Workspace(1, b"w")
    one, other = Variable(1, b"x", workspace), Variable(2, b"y", workspace)
    for removes in (True, False):
        (waiter,) = waiters(1, removes=removes)
        one.line_for(waiter).join(waiter)
    assert (len(one.fetchers), len(one.finders)) == (1, 1)
    assert (len(other.fetchers), len(other.finders)) == (0, 0)
    assert one.fetchers is not one.finders

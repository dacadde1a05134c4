"""Which nodes are there, and when it is hopeless to wait for any: without a network."""

from __future__ import annotations

import logging

import pytest

from nws.sleigh.node import roster
from nws.sleigh.node.roster import Roster


@pytest.fixture
def two() -> Roster:
    """Two nodes are awaited."""
    return Roster(["a", "b"], logging.getLogger("nws"))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for nodes to come, or to come back."""
    monkeypatch.setattr(roster, "_COME_SECONDS", -1.0)
    monkeypatch.setattr(roster, "_RETURN_SECONDS", -1.0)


def test_nodes_that_are_there(two: Roster) -> None:
    assert not two.wait(1, 0)
    two.note_active("a", 3)
    assert two.wait(1, 0)
    assert two.active() == {"a": 3}
    two.note_problem("a", "it has gone")
    assert two.active() == {}
    assert two.problems() == "a: it has gone"
    two.note_active("a", 2)
    assert two.problems() == ""


def test_a_problem_is_logged_once(two: Roster, caplog: pytest.LogCaptureFixture) -> None:
    for problem in ("no", "no", "never", "no"):
        two.note_problem("a", problem)
    assert [record.message for record in caplog.records] == [
        f"the node a is not there: {problem}" for problem in ("no", "never", "no")
    ]


def test_it_is_hopeless_at_once_when_all_refuse(two: Roster) -> None:
    two.note_problem("a", "wrong secret", is_refusal=True)
    assert two.hopeless() == ""
    two.note_problem("b", "nobody listens")
    assert two.hopeless() == ""
    two.note_problem("b", "no node", is_refusal=True)
    assert two.hopeless() == "a: wrong secret; b: no node"


@pytest.mark.usefixtures("impatient")
def test_it_is_hopeless_when_none_comes_in_time() -> None:
    two = Roster(["a", "b"], logging.getLogger("nws"))
    two.note_problem("a", "nobody listens")
    assert two.hopeless() == ""  # nobody has tried b yet
    two.note_problem("b", "nobody listens")
    assert two.hopeless()
    two.note_active("b", 1)
    assert two.hopeless() == ""
    two.note_problem("b", "it has gone")
    assert two.hopeless() == "a: nobody listens; b: it has gone"


def test_one_that_was_there_may_take_longer_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(roster, "_COME_SECONDS", -1.0)
    one = Roster(["a"], logging.getLogger("nws"))
    one.note_active("a", 1)
    one.note_problem("a", "it has gone")
    assert one.hopeless() == ""

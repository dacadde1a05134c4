"""Watches, inboxes and outboxes, and the ends of their sessions. Sessions of several programs."""

from __future__ import annotations

import itertools
import math
import select
from collections.abc import Callable
from threading import Thread
from typing import Any, Final

import pytest

from nws.client import (
    NetWorkSpace,
    NwsConnectionDroppedException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsServer,
    NwsUnsupportedOperationException,
)
from tests.support.processes import until
from tests.support.server import PATIENCE
from tests.support.spaces import Opener, until_waiting, variable
from tests.support.strikes import struck


def test_a_watch_can_be_selected(opened: Opener) -> None:
    ws, watch = opened(), opened().watch("x")
    assert select.select([watch], [], [], 0)[0] == []
    ws.store("x", 1)
    assert select.select([watch], [], [], PATIENCE)[0] == [watch]
    assert watch.next() == 1
    assert ws.find("x") == 1, "it is still there"


def test_a_watch_sees_each_value_once(opened: Opener) -> None:
    ws = opened()
    ws.store_many("x", ["early", {"a": "dict"}])
    watch = ws.watch("x")
    ws.store("x", "late")
    assert [watch.next() for _ in range(3)] == ["early", {"a": "dict"}, "late"]
    watch.close()


def test_a_watch_sees_what_replaces_a_single_value(opened: Opener) -> None:
    ws = opened()
    ws.declare("x", "single")
    watch = ws.watch("x")
    for number in range(3):
        ws.store("x", number)
        assert watch.next() == number


def test_a_watch_ends_with_its_variable(opened: Opener) -> None:
    ws = opened()
    watch = ws.watch("x")
    ws.deleteVar("x")
    with pytest.raises(NwsOperationException, match="deleted"):
        watch.next()


def test_a_watch_ends_with_its_workspace(opened: Opener) -> None:
    ws = opened()
    watch = opened().watch("x")
    ws.server.deleteWs(ws.currentWs())
    with pytest.raises(NwsOperationException, match="deleted"):
        watch.next()


def test_an_inbox_takes_values_as_they_come(opened: Opener) -> None:
    ws = opened()
    inbox = ws.inbox("x", 2)
    assert inbox.take(0) == []
    ws.store_many("x", [1, 2, 3])
    assert inbox.take(PATIENCE) == [1, 2]
    assert inbox.take(PATIENCE) == [3]
    assert inbox.take(0.01) == []
    assert variable(ws, "x").values == 0


def test_an_inbox_is_not_eager_where_others_compute(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _Clock()
    monkeypatch.setattr("nws.eager_poll.perf_counter", clock.perf_counter)
    monkeypatch.setattr("nws.eager_poll._yield_core", clock.lose_slice)
    ws = opened()
    inbox = ws.inbox("x")
    for _ in range(2):  # the second time it sleeps at once
        assert inbox.take(0, eager=True) == []
        assert clock.lost_slices == 1
    ws.store("x", "late")
    assert inbox.take(PATIENCE, eager=True) == ["late"]
    clock.now += 0.1
    assert inbox.take(0, eager=True) == []
    assert clock.lost_slices == 2


class _Clock:
    """Stands for time on a core on which others compute."""

    now = 1000.0
    lost_slices = 0

    def perf_counter(self) -> float:
        return self.now

    def lose_slice(self) -> None:
        self.now += 0.003
        self.lost_slices += 1


def test_an_inbox_with_a_limit_that_is_none(opened: Opener) -> None:
    ws = opened()
    for limit in (0, -1, 1.5, math.inf, "2", None):
        with pytest.raises(ValueError, match="is not a whole number from 1 on"):
            ws.inbox("x", limit)  # type: ignore[arg-type]


def test_values_in_an_inbox_that_were_not_read_go_back(opened: Opener) -> None:
    ws = opened()
    inbox = ws.inbox("x")
    ws.store("x", "unread")
    assert select.select([inbox], [], [], PATIENCE)[0]
    inbox.close()
    assert ws.fetch("x", timeout=PATIENCE) == "unread"


def test_an_inbox_that_was_read_keeps_its_values(opened: Opener) -> None:
    ws = opened()
    inbox = ws.inbox("x")
    ws.store("x", "read")
    assert inbox.take(PATIENCE) == ["read"]
    until_waiting(ws, "x", fetchers=1)  # it has asked again
    inbox.close()
    until(lambda: variable(ws, "x").fetchers == 0, "the end of its connection")
    assert variable(ws, "x").values == 0


def test_an_inbox_goes_on_after_a_strike_at_any_moment(opened: Opener) -> None:
    """What it had taken then may be lost, but not what comes afterwards."""
    ws = opened()
    inbox = ws.inbox("x")
    for moment in itertools.count():
        ws.store_many("x", [1, 2, 3])
        _, hit = struck(moment, lambda inbox: inbox.take(PATIENCE), inbox)
        ws.store("x", moment)
        while moment not in inbox.take(PATIENCE):
            pass
        if not hit:
            break
    assert moment > 20


@pytest.mark.parametrize("value", ["small", b"l" * 300_000, ["large"] * 100_000])
def test_a_watch_goes_on_after_a_strike_at_any_moment(opened: Opener, value: object) -> None:
    ws = opened()
    ws.declare("x", "single")
    watch = ws.watch("x")
    for moment in itertools.count():
        ws.store("x", value)
        _, hit = struck(moment, lambda watch: watch.next(), watch)
        ws.store("x", moment)
        while (seen := watch.next()) != moment:
            assert seen == value
        if not hit:
            break
    assert moment > 20


def test_an_original_server_has_neither(opened_original: Opener) -> None:
    ws = opened_original()
    with pytest.raises(NwsUnsupportedOperationException, match="watches"):
        ws.watch("x")
    with pytest.raises(NwsUnsupportedOperationException, match="inboxes"):
        ws.inbox("x")
    with pytest.raises(NwsUnsupportedOperationException, match="outboxes"):
        ws.outbox()
    assert ws.server.session == ""


# Outboxes


def test_an_outbox_stores_in_one_step(opened: Opener) -> None:
    ws = opened()
    outbox = ws.outbox()
    outbox.store([("x", 1), ("y", "text"), ("x", 2)])
    outbox.store([("x", 3)])
    outbox.confirm()
    assert ws.fetch_many("x", 9) == [1, 2, 3]
    assert ws.fetch("y") == "text"


def test_an_outbox_tells_where_its_values_are(opened_by_any: Any) -> None:
    ws = opened_by_any()
    ws.store("x", 0)
    outbox = ws.outbox()
    outbox.store([("x", 1), ("y", 1), ("x", 2)], numbered=True)
    outbox.confirm()
    assert outbox.indexes() == [1, 0, 2]
    outbox.store([("z", 1)])
    outbox.confirm()
    assert outbox.indexes() == []
    assert ws.fetch("x") == 0
    assert ws.withdraw("x", [0, 1, 2], keep=True) == [1, 2]
    assert ws.withdraw("x", [2, 0]) == [2]
    assert ws.fetch_many("x", 9) == [1]


def test_an_outbox_says_later_what_was_refused(opened: Opener) -> None:
    ws = opened()
    outbox = ws.outbox()
    outbox.store([("fine", 1), ("bad\tname", 1)])
    with pytest.raises(NwsOperationException, match="control characters"):
        outbox.confirm()
    outbox.confirm()  # said once
    assert variable(ws, "fine").values == 0, "nothing of it was stored"
    outbox.store([("bad\tname", 1)])
    with pytest.raises(NwsOperationException):
        outbox.store([("fine", 1)])
    outbox.store([("fine", 1)])
    assert ws.fetch("fine", timeout=PATIENCE) == 1


def test_what_is_no_name_is_refused_from_the_first_store_on(opened: Opener) -> None:
    ws = opened()
    outbox = ws.outbox()
    with pytest.raises(TypeError, match="must be a string"):
        outbox.store([(None, 1)])  # type: ignore[list-item]
    outbox.confirm()
    assert ws.listVars(format="dict") == {}


def test_an_outbox_goes_on_after_a_strike_at_any_moment(opened: Opener) -> None:
    """What it was about to store then is stored, or is not, but nothing else is mixed up."""
    ws = opened()
    outbox = ws.outbox()
    for moment in itertools.count():
        _, hit = struck(moment, lambda outbox: outbox.store([("x", "any")]), outbox)
        outbox.store([("y", moment)])
        outbox.confirm()
        assert ws.fetchTry("y") == moment
        if not hit:
            break
    assert moment > 20


def test_an_outbox_does_not_wait_unless_asked(opened: Opener) -> None:
    outbox = opened().outbox()
    outbox.confirm(0.0)  # whatever has come by now
    outbox.store([("x", 1)])
    outbox.confirm(PATIENCE)
    outbox.close()
    with pytest.raises(NwsConnectionDroppedException):
        outbox.store([("x", 2)])


# Their ends

STREAMS: Final[dict[str, Callable[[NetWorkSpace], Any]]] = {
    "watch": lambda ws: ws.watch("x"),
    "inbox": lambda ws: ws.inbox("x"),
    "outbox": lambda ws: ws.outbox(),
}
USES: Final[dict[str, Callable[[Any], Any]]] = {
    "watch": lambda watch: watch.next(),
    "inbox": lambda inbox: inbox.take(PATIENCE),
    "outbox": lambda outbox: outbox.store([("y", 1)]),
}


def counts(server: NwsServer) -> tuple[int, int]:
    """Return how many sessions and connections the server has."""
    status = server.status()
    return status["sessions"], status["connections"]


@pytest.mark.parametrize("name", STREAMS)
def test_closing_one_closes_its_connection(opened: Opener, name: str) -> None:
    ws, observer = opened(), opened.server()
    sessions, connections = counts(observer)
    stream = STREAMS[name](ws)
    assert counts(observer) == (sessions, connections + 1)
    stream.close()
    stream.close()
    assert stream.fileno() == -1
    until(lambda: counts(observer) == (sessions, connections), "the end of the connection")
    with pytest.raises(NwsConnectionDroppedException, match="it was closed"):
        USES[name](stream)
    ws.store("x", "the session goes on")


@pytest.mark.parametrize("name", STREAMS)
def test_closing_the_server_ends_the_session_although_it_is_open(opened: Opener, name: str) -> None:
    observer = opened.server()
    before = counts(observer)
    ws = opened()
    stream = STREAMS[name](ws)
    assert counts(observer) != before
    ws.server.close()
    until(lambda: counts(observer) == before, "the end of the session")
    assert opened.name not in observer.listWss()
    with pytest.raises(NwsConnectionDroppedException):
        USES[name](stream)
    assert stream.fileno() == -1


@pytest.mark.parametrize("name", ["watch", "inbox"])
def test_closing_the_server_while_a_thread_waits(opened: Opener, name: str) -> None:
    ws, observer = opened(), opened(useUse=True)
    stream = STREAMS[name](ws)
    errors: list[Exception] = []

    def use() -> None:
        try:
            USES[name](stream)
        except NwsConnectionDroppedException as error:
            errors.append(error)

    thread = Thread(target=use)
    thread.start()
    until_waiting(observer, "x", **{"finders" if name == "watch" else "fetchers": 1})
    ws.server.close()
    thread.join()
    assert len(errors) == 1


@pytest.mark.parametrize("name", STREAMS)
def test_a_closed_session_opens_none(opened: Opener, name: str) -> None:
    ws = opened()
    ws.server.close()
    with pytest.raises(NwsConnectionDroppedException, match="has ended"):
        STREAMS[name](ws)


# Sessions


def test_two_programs_share_a_session(opened: Opener) -> None:
    one = opened()
    other = opened.server(session=one.server.session)
    assert other.session == one.server.session
    shared = other.useWs(one.currentWs())
    one.store("x", 1)
    lease = shared.lease("x")
    one.settle([lease])
    listing = other.listWss(format="dict")
    assert isinstance(listing, dict)
    assert listing[one.currentWs()].mine


def test_a_session_lasts_as_long_as_one_is_in_it(opened: Opener) -> None:
    one = opened()
    one.store("x", 1)
    other = opened.server(session=one.server.session)
    lease = one.lease("x")
    one.server.close()
    ws = other.useWs(one.currentWs())
    assert variable(ws, "x").leased == 1
    ws.release([lease])
    assert ws.fetch("x") == 1
    other.close()
    assert one.currentWs() not in opened.server().listWss(format="dict")


def test_there_is_no_such_session(opened: Opener) -> None:
    with pytest.raises(NwsOperationException, match="no such session"):
        opened.server(session="0123456789abcdef")


def test_a_closed_session_stays_closed(opened: Opener) -> None:
    ws = opened()
    ws.server.close()
    with pytest.raises(NwsConnectionDroppedException):
        ws.store("x", 1)


# All leases of a session


def test_all_leases_of_a_session_are_renewed(opened: Opener) -> None:
    ws = opened()
    ws.store_many("x", [1, 2])
    leases = [ws.lease("x", duration=0.2), ws.lease("x", duration=0.2)]
    ws.renew(None, 1000.0)
    ws.store("y", 0)
    with pytest.raises(TimeoutError):
        ws.fetch("x", timeout=0.3)
    ws.settle(leases)


def test_all_leases_of_a_session_are_released_or_settled(opened: Opener) -> None:
    ws, other = opened(), opened()
    ws.store_many("x", [1, 2, 3])
    theirs = other.lease("x")
    ours = [ws.lease("x"), ws.lease("x")]
    ws.release(None, blame=False)
    assert [ws.lease("x").attempt for _ in ours] == [1, 1]
    ws.settle(None, [("done", "all")])
    assert (variable(ws, "x").values, variable(ws, "x").leased) == (0, 1)
    assert ws.fetch("done") == "all"
    ws.renew(None, 1.0)  # there is none: nothing to do
    with pytest.raises(NwsLeaseLostException):
        ws.settle(ours)
    theirs.settle()


def test_a_workspace_that_is_gone(opened: Opener) -> None:
    ws = opened()
    ws.server.deleteWs(ws.currentWs())
    with pytest.raises(NwsOperationException) as caught:
        ws.watch("x").next()
    assert isinstance(caught.value, NwsNoWorkSpaceException)


def test_a_watch_tells_whether_something_has_come(opened: Opener) -> None:
    ws = opened()
    watch = ws.watch("x")
    assert not watch.has_come()
    ws.store("x", 1)
    until(watch.has_come, "the value is on its way")
    assert watch.next() == 1
    assert not watch.has_come()
    ws.deleteVar("x")
    until(watch.has_come, "so is the end")
    with pytest.raises(NwsOperationException):
        watch.next()

"""An exception that strikes at any moment of an operation leaves the session in step and no value
lost or doubled.

The moments are those at which CPython runs the handlers of signals, one after the other. Strikes
inside a call that waits for the socket are in ``test_storm.py`` and ``test_interrupts.py``.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from threading import Thread
from typing import Any, Final

import pytest

from nws.client import NetWorkSpace, NwsConnectionDroppedException, NwsLeaseLostException
from nws.session import exchange
from tests.support.secured import Secured, secured
from tests.support.server import PATIENCE
from tests.support.spaces import Opener, opening, variable
from tests.support.strikes import struck

LARGE: Final = b"large" * 30_000
"""Longer than what is received in one piece; by TLS it comes in ten."""


_SAMPLED = pytest.mark.nightly(but_each=3)


@pytest.fixture(
    params=["unix", pytest.param("TCP", marks=_SAMPLED), pytest.param("TLS", marks=_SAMPLED)]
)
def opened(request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens workspaces by each; TLS has steps of its own between the socket and the request."""
    if request.param == "TCP":
        request.getfixturevalue("only_tcp")
    server = request.getfixturevalue("by_tls" if request.param == "TLS" else "server")
    with opening(server.port, request.node.name) as opener:
        yield opener


@pytest.fixture(scope="module")
def by_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server with which this process speaks TLS from now on."""
    with secured(tmp_path_factory.mktemp("tls")) as found:
        found.connect().close()
        yield found


def fetch_file(ws: NetWorkSpace) -> list[Any]:
    file = io.BytesIO()
    ws.fetchFile("x", file)
    return [file.getvalue()]


TAKES: Final[dict[str, Callable[[NetWorkSpace], list[Any]]]] = {
    "fetch": lambda ws: [ws.fetch("x")],
    "fetch with a timeout": lambda ws: [ws.fetch("x", timeout=20)],
    "fetchTry": lambda ws: [ws.fetchTry("x")],
    "fetchFile": fetch_file,
    "ifetch": lambda ws: [next(ws.ifetch("x"))],
    "fetch_many": lambda ws: ws.fetch_many("x", 5),
    "fetchAny": lambda ws: [ws.fetchAny(["none", "x"])[1]],
}


def everything(ws: NetWorkSpace, name: str = "x") -> list[Any]:
    """Fetch all that is there."""
    nothing = object()
    return list(iter(lambda: ws.fetchTry(name, nothing), nothing))


LIKE_FETCH = ("fetch with a timeout", "fetchTry", "ifetch")
"""How a large value arrives is the same for them."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(pytest.param(name, b"small", id=f"small-{name}") for name in TAKES),
        *(
            pytest.param(
                name,
                LARGE,
                marks=[pytest.mark.nightly] * (name in LIKE_FETCH),
                id=f"large-{name}",
            )
            for name in TAKES
        ),
    ],
)
def test_a_value_is_taken_or_still_there(opened: Opener, name: str, value: bytes) -> None:
    ws = opened()
    for moment in count():
        ws.store("before", "this is fetched for good")
        ws.fetch("before")
        ws.store("x", value)
        taken, goes_on = struck(moment, TAKES[name], ws)
        assert sum(taken, everything(ws)) == [value], moment
        assert variable(ws, "before").values == 0, moment
        if not goes_on:
            break
    assert moment > 50
    assert ws.server.status()["leases"] == 0


def test_several_values_are_taken_or_still_there(opened: Opener) -> None:
    """Large ones are received elsewhere than those before and behind them. Each moment of one
    value is struck above, so a third of those of several will do."""
    ws = opened()
    values = ["first", LARGE, ["a pickle", LARGE], "small", LARGE, "last"]
    for moment in count(step=3):
        ws.store_many("x", values)
        taken, goes_on = struck(moment, partial(ws.fetch_many, "x"), 10)
        assert [*itertools.chain(*taken), *everything(ws)] == values, moment
        if not goes_on:
            break
    assert moment > 100


def test_what_is_left_of_a_long_value_is_not_read(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another connection takes the place of this one instead."""
    long = 4 * LARGE
    monkeypatch.setattr(exchange, "_MAX_DISCARDED_BYTES", len(long) // 10)
    ws = opened()
    replaced = 0
    for moment in count():
        ws.store("x", long)
        before = ws.server.nwsSocket
        taken, goes_on = struck(moment, ws.fetch, "x")
        # The server may not have noticed yet that the old connection is gone.
        assert taken or ws.fetch("x", timeout=PATIENCE) == long, moment
        assert variable(ws, "x").values == 0, moment
        replaced += ws.server.nwsSocket is not before
        if not goes_on:
            break
    assert 0 < replaced < moment
    assert f">{ws.currentWs()}\t" in ws.server.listWss(), "it is the same session still"


def test_what_the_handler_raises_may_be_an_oserror(opened: Opener) -> None:
    """As the handlers of alarms do, with TimeoutError."""
    ws = opened()
    for moment in count():
        ws.store("x", b"value")
        taken, goes_on = struck(moment, ws.fetch, "x", TimeoutError("alarm"))
        assert taken + everything(ws) == [b"value"], moment
        if not goes_on:
            break


def test_an_iterator_that_finds_stays_at_its_place(opened: Opener) -> None:
    ws = opened()
    ws.store_many("x", range(300))
    found: list[int] = []
    values = ws.ifindTry("x")
    for moment in count():
        more, goes_on = struck(moment, next, values)
        found += more
        if not goes_on:
            break
    assert moment > 50
    found += values
    assert found == list(range(300))


@pytest.mark.parametrize("limit", [1, 5])
def test_a_lease_is_held_or_given_back(opened: Opener, limit: int) -> None:
    ws = opened()
    ws.store("x", "value")
    for moment in count():
        held, goes_on = struck(moment, partial(ws.lease_many, "x"), limit)
        for leases in held:
            assert leases[0].attempt == 1, "an interruption is not the value's fault"
            ws.release(leases, blame=False)
        assert variable(ws, "x") == ("x", 1, 0, 0, "fifo"), moment
        assert variable(ws, "x").leased == 0, moment
        if not goes_on:
            break


def test_a_step_is_done_whole_or_not_at_all(opened: Opener) -> None:
    ws = opened()
    outcomes = set()
    for moment in count():
        ws.store("x", "task")
        lease = ws.lease("x")
        _, goes_on = struck(moment, lease.settle, [("y", "result"), ("z", "more")])
        done = not variable(ws, "x").leased
        if not done:
            lease.release()
        assert everything(ws, "x") == ([] if done else ["task"]), moment
        assert everything(ws, "y") == (["result"] if done else []), moment
        assert everything(ws, "z") == (["more"] if done else []), moment
        outcomes.add(done)
        if not goes_on:
            break
    assert outcomes == {True, False}


def test_an_end_with_what_follows_is_done_once(opened: Opener) -> None:
    """Who is interrupted settles again, as a worker does."""
    ws = opened()
    outcomes = set()
    for moment in count():
        ws.store_many("x", ["task", "next"])
        lease = ws.lease("x")
        both = partial(ws.settle_and_lease, [lease], [("y", "result")], "x")
        following, goes_on = struck(moment, both, 1)
        outcomes.add(bool(following))
        if not following:
            with suppress(NwsLeaseLostException):
                lease.settle([("y", "result")])
            assert variable(ws, "x").leased == 0, moment
            following = [ws.lease_many("x", 1)]
        ((following_lease,),) = following
        assert (following_lease.value, following_lease.attempt) == ("next", 1), moment
        following_lease.settle()
        assert everything(ws, "y") == ["result"], moment
        if not goes_on:
            break
    assert outcomes == {True, False}


# By TLS a large one is encrypted in two pieces.
@pytest.mark.parametrize("value", [b"small", 2 * LARGE], ids=["small", "large"])
def test_a_store_happens_once_or_not_at_all(opened: Opener, value: object) -> None:
    ws = opened()
    outcomes = set()
    for moment in count():
        _, goes_on = struck(moment, partial(ws.store, "x"), value)
        outcomes.add(len(everything(ws)))
        if not goes_on:
            break
    assert outcomes == {0, 1}
    assert f">{ws.currentWs()}\t" in ws.server.listWss(), "it is still the owner's session"


def test_other_operations_stay_in_step(opened: Opener) -> None:
    ws = opened()
    acts: list[tuple[Callable[[Any], Any], Any]] = [
        (ws.listVars, None),
        (ws.server.listWss, "dict"),
        (partial(ws.declare, "s"), "single"),
        (ws.server.useWs, "another"),
        (ws.find, "kept"),
        (lambda data: ws.storeFile("file", io.BytesIO(data)), b"content"),
    ]
    ws.store("kept", 1)
    for act, argument in acts:
        for moment in count():
            _, goes_on = struck(moment, act, argument)
            assert ws.find("kept") == 1
            if not goes_on:
                break


def test_an_original_server_costs_the_connection_at_worst(opened_original: Opener) -> None:
    ws, observer = opened_original(useUse=True), opened_original(useUse=True)
    lost = 0
    for moment in count():
        observer.store("x", moment)
        taken, goes_on = struck(moment, ws.fetch, "x")
        try:
            assert ws.findTry("nothing") is None
        except NwsConnectionDroppedException:
            ws = opened_original(useUse=True)
        taken += everything(observer)
        assert taken in ([moment], [])
        lost += not taken
        if not goes_on:
            break
    assert lost < moment, "only what the server had sent already may be lost"


def test_nobody_is_locked_out_of_an_original_server(opened_original: Opener) -> None:
    for moment in count():
        ws = opened_original(useUse=True)
        ws.store("x", 0)
        _, goes_on = struck(moment, ws.find, "x")
        outcomes: list[str] = []
        thread = Thread(target=try_to_find, args=(ws, outcomes), daemon=True)
        thread.start()
        thread.join(20)
        assert outcomes in (["found"], ["dropped"]), moment
        if not goes_on:
            break


def try_to_find(ws: NetWorkSpace, outcomes: list[str]) -> None:
    """Use the session from another thread."""
    try:
        ws.find("x")
    except NwsConnectionDroppedException:
        outcomes.append("dropped")
    else:
        outcomes.append("found")

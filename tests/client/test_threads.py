"""One session, many threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any

import pytest

from nws.client import NwsConnectionDroppedException
from nws.session.transport import Transport
from tests.support.processes import Aside, until
from tests.support.spaces import Opener, until_waiting, variable

THREADS = 20


def test_who_waits_holds_up_nobody(opened: Opener) -> None:
    ws = opened()
    got: list[Any] = []
    thread = Thread(target=lambda: got.append(ws.fetch("x")))
    thread.start()
    until_waiting(ws, "x", fetchers=1)
    ws.store("y", 1)
    assert ws.fetch("y") == 1
    ws.store("x", 2)
    thread.join()
    assert got == [2]


def test_all_threads_wait_at_once(opened: Opener) -> None:
    ws = opened()
    got: list[int] = []
    threads = [Thread(target=lambda: got.append(ws.fetch("x"))) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    until_waiting(ws, "x", fetchers=THREADS)
    ws.store_many("x", range(THREADS))
    for thread in threads:
        thread.join()
    assert sorted(got) == list(range(THREADS))


def test_threads_that_come_one_after_the_other_share_a_connection(opened: Opener) -> None:
    ws = opened()
    before = ws.server.status()["connections"]
    for number in range(THREADS):
        thread = Thread(target=ws.store, args=("x", number))
        thread.start()
        thread.join()
    assert ws.server.status()["connections"] == before
    assert variable(ws, "x").values == THREADS


def test_each_gets_its_own(opened_either: Opener) -> None:
    """On an original server they take turns."""
    ws = opened_either()
    together = Barrier(THREADS)

    def talk(number: int) -> bool:
        together.wait()
        for turn in range(30):
            ws.store(f"own {number}", (number, turn))
            ws.store("common", number)
            if ws.fetch(f"own {number}") != (number, turn):
                return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(talk, range(THREADS)))
    got = Counter(ws.ifetchTry("common"))
    assert got == dict.fromkeys(range(THREADS), 30)


def test_producers_and_consumers(opened: Opener) -> None:
    ws = opened()
    each = 100

    def produce(number: int) -> None:
        for turn in range(each):
            ws.store("x", number * each + turn)

    with ThreadPoolExecutor(THREADS) as pool:
        futures = [
            pool.submit(lambda: [ws.fetch("x") for _ in range(each)]) for _ in range(THREADS // 2)
        ]
        list(pool.map(produce, range(THREADS // 2)))
        got = [value for future in futures for value in future.result()]
    assert sorted(got) == list(range(each * THREADS // 2))


def test_what_one_thread_owns_they_all_own(opened: Opener) -> None:
    ws, observer = opened(), opened.server()
    name = opened.name + " of a thread"
    with ThreadPoolExecutor(2) as pool:
        # Both are at it at the same time, so there are two connections.
        waiting = pool.submit(ws.fetch, "x")
        until_waiting(ws, "x", fetchers=1)
        pool.submit(ws.server.openWs, name).result()
        ws.store("x", 1)
        waiting.result()
        assert f">{name}\t" in pool.submit(ws.server.listWss).result()
    assert f">{name}\t" in ws.server.listWss()
    assert f" {name}\t" in observer.listWss(), "the thread's end changed nothing"
    ws.server.close()
    until(lambda: name not in observer.listWss(), "the purge")


def test_a_lease_belongs_to_all_threads(opened: Opener) -> None:
    ws = opened()
    ws.store("x", 1)
    with ThreadPoolExecutor(1) as pool:
        lease = pool.submit(ws.lease, "x").result()
    lease.settle()
    assert variable(ws, "x").leased == 0


@pytest.mark.parametrize("call", ["fetch", "find", "lease"])
def test_closing_wakes_who_waits(opened: Opener, call: str) -> None:
    ws, observer = opened(useUse=True), opened()
    errors: list[Exception] = []
    threads = [Thread(target=expect_drop, args=(getattr(ws, call), errors)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until_waiting(observer, "x", **{"finders" if call == "find" else "fetchers": 3})
    ws.server.close()
    for thread in threads:
        thread.join()
    assert len(errors) == 3
    assert all(f"at 127.0.0.1:{opened.port}: it was closed" in str(error) for error in errors)
    until_waiting(observer, "x")
    observer.store("x", "not lost")
    assert observer.fetch("x") == "not lost"


def test_closing_wakes_who_waits_for_an_original_server(opened_original: Opener) -> None:
    ws, observer = opened_original(useUse=True), opened_original()
    errors: list[Exception] = []
    thread = Thread(target=expect_drop, args=(ws.fetch, errors))
    thread.start()
    until_waiting(observer, "x", fetchers=1)
    ws.server.close()
    thread.join()
    assert len(errors) == 1


def expect_drop(call: Callable[[str], Any], errors: list[Exception]) -> None:
    """Wait for a value, and note why none comes."""
    try:
        call("x")
    except NwsConnectionDroppedException as error:
        errors.append(error)


def test_a_connection_that_is_just_being_made_is_closed_too(
    opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws, observer = opened(), opened.server()

    def close_meanwhile(*arguments: Any) -> Transport:
        transport = Transport(*arguments)
        ws.server.close()
        return transport

    waiting = Aside(lambda: ws.fetch("x"))
    until_waiting(observer.useWs(opened.name), "x", fetchers=1)
    monkeypatch.setattr(ws._session.pool, "_make_transport", close_meanwhile)
    with pytest.raises(NwsConnectionDroppedException, match="closed"):
        ws.find("x")
    with pytest.raises(NwsConnectionDroppedException, match="closed"):
        waiting.result()
    until(lambda: opened.name not in observer.listWss(), "the purge")


def test_no_thread_begins_anything_on_a_closed_session(opened: Opener) -> None:
    ws = opened()
    ws.server.close()
    with (
        ThreadPoolExecutor(3) as pool,
        pytest.raises(NwsConnectionDroppedException, match="closed"),
    ):
        list(pool.map(ws.store, ["x"] * 3, range(3)))

"""A sleigh of the original, in R or Python, as the inspector shows it."""

from __future__ import annotations

import pytest

from tests.support.server import Client
from tests.support.web import Browser, Inspected

TEXT = b"%020d" % (1 << 24 | 1)


@pytest.fixture
def ride(client: Client) -> Client:
    """A workspace with what an original sleigh puts there."""
    for name in ("nodeList", "totalTasks", "rankCount", "workerCount", "one@0", "two@1"):
        assert client.ask("declare var", "ws", name, "single").status == 0
    for name in ("task", "result", "logError"):
        assert client.ask("declare var", "ws", name, "fifo").status == 0
    put(client, "nodeList", "one@0 two@1")
    put(client, "totalTasks", "10")
    put(client, "one@0", "4")
    return client


def put(client: Client, variable: str, text: str) -> None:
    assert client.ask("store", "ws", variable, TEXT.decode(), text).status == 0


def test_nodes_and_their_tasks(ride: Client, browser: Browser) -> None:
    shown = browser.data("sleigh", name="ws")
    workers = [
        {"rank": 0, "host": "one@0", "tasks": 4},
        {"rank": 1, "host": "two@1", "tasks": 0},
    ]
    assert shown == {
        "workspace": "ws",
        "name": "",
        "original": {
            "workers": workers,
            "done": 4,
            "tasks": 10,
            "queued": 0,
            "taken": 6,
            "idle": 0,
            "results": 0,
            "errors": [],
            "closed": False,
        },
        "ended": None,
        "workers": workers,
        "launch": None,
    }
    put(ride, "workerCount", "2")
    put(ride, "two@1", "6")
    original = browser.data("sleigh", name="ws")["original"]
    assert (original["done"], original["closed"]) == (10, True)


def test_its_page_and_the_way_there(ride: Client, browser: Browser) -> None:
    assert "4 of 10 tasks are done" in browser.see("sleigh", name="ws").text
    assert "/sleigh?name=ws" in browser.see("sleighs").links
    assert "/sleigh?name=ws" in browser.see("workspaces", sleighs="yes").links
    for op in ("listMonitors", "showMonitor"):
        assert browser.get("doit", op=op, wsName="ws").location == "/sleigh?name=ws"


def test_a_task_that_a_killed_worker_took_with_it(
    ride: Client, browser: Browser, site: Inspected
) -> None:
    """The number of tasks that are done never reaches that of all then."""
    put(ride, "one@0", "8")
    put(ride, "task", "the last but one")
    for _ in range(2):
        put(ride, "result", "a result")
    original = browser.data("sleigh", name="ws")["original"]
    assert [original[key] for key in ("queued", "taken", "idle", "results")] == [1, 1, 0, 2]
    assert "takes its task with it" not in browser.see("sleigh", name="ws").text
    with site.server.client("cookie", ws="ws") as worker:
        worker.get("fetch", "ws", "task")
        put(ride, "one@0", "9")
        worker.send("fetch", "ws", "task")
        ride.until_waiting("ws", 1)
        text = browser.see("sleigh", name="ws").text
    assert "0 queued, 1 taken by workers; 2 messages not yet read by the master." in text
    assert "1 worker waits for a task." in text
    assert "A worker that ends takes its task with it" in text


def test_what_workers_logged_as_errors(ride: Client, browser: Browser) -> None:
    for number in range(25):
        put(ride, "logError", f"[time] one@0 worker -- <error {number}>" + "\n" * (number == 24))
    assert ride.ask("store", "ws", "logError", "0", "a pickle").status == 0
    errors = browser.data("sleigh", name="ws")["original"]["errors"]
    assert errors[0] == "[time] one@0 worker -- <error 6>"
    assert len(errors) == 19
    assert "worker -- <error 24>" in browser.see("sleigh", name="ws").text


def test_the_line_for_a_worker_that_joins_by_hand(ride: Client, browser: Browser) -> None:
    put(ride, "runMe", "library(nws); launch('ws')")
    ride.ask("declare var", "ws", "deleteMeWhenAllWorkersStarted", "fifo")
    seen = browser.see("sleigh", name="ws")
    assert "library(nws); launch('ws')" in seen.text
    assert "2 workers have joined" in " ".join(seen.text.split())
    assert any("action=close-group" in link for link in seen.links)


@pytest.mark.parametrize("number", ["", "many", "-1", "1" * 100, "4.5", "\u0664"])
def test_what_is_no_number_counts_as_none(ride: Client, browser: Browser, number: str) -> None:
    put(ride, "totalTasks", number)
    put(ride, "one@0", number)
    original = browser.data("sleigh", name="ws")["original"]
    assert original["tasks"] in (0, 4)
    assert browser.get("sleigh", name="ws").status == 200

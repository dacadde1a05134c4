"""A sleigh of the original, in R or Python, as the inspector shows it."""

from __future__ import annotations

import pytest

from tests.support.server import Client
from tests.support.web import Browser

TEXT = b"%020d" % (1 << 24 | 1)


@pytest.fixture
def ride(client: Client) -> Client:
    """A workspace with what an original sleigh puts there."""
    for name in ("nodeList", "totalTasks", "rankCount", "workerCount", "one@0", "two@1"):
        assert client.ask("declare var", "ws", name, "single").status == 0
    put(client, "nodeList", "one@0 two@1")
    put(client, "totalTasks", "10")
    put(client, "one@0", "4")
    return client


def put(client: Client, variable: str, text: str) -> None:
    assert client.ask("store", "ws", variable, TEXT.decode(), text).status == 0


def test_nodes_and_their_tasks(ride: Client, browser: Browser) -> None:
    shown = browser.data("sleigh", name="ws")
    assert shown == {
        "workspace": "ws",
        "original": {
            "workers": [
                {"rank": 0, "host": "one@0", "tasks": 4},
                {"rank": 1, "host": "two@1", "tasks": 0},
            ],
            "done": 4,
            "tasks": 10,
            "closed": False,
        },
    }
    put(ride, "workerCount", "2")
    put(ride, "two@1", "6")
    original = browser.data("sleigh", name="ws")["original"]
    assert (original["done"], original["closed"]) == (10, True)


def test_its_page_and_the_way_there(ride: Client, browser: Browser) -> None:
    assert "4 of 10 tasks are done" in browser.see("sleigh", name="ws").text
    assert "/sleigh?name=ws" in browser.see("workspaces").links
    for op in ("listMonitors", "showMonitor"):
        assert browser.get("doit", op=op, wsName="ws").location == "/sleigh?name=ws"


@pytest.mark.parametrize("number", ["", "many", "-1", "1" * 100, "4.5", "\u0664"])
def test_what_is_no_number_counts_as_none(ride: Client, browser: Browser, number: str) -> None:
    put(ride, "totalTasks", number)
    put(ride, "one@0", number)
    original = browser.data("sleigh", name="ws")["original"]
    assert original["tasks"] in (0, 4)
    assert browser.get("sleigh", name="ws").status == 200

"""A call is cancelled, and a worker is killed, from the page of their sleigh."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.server import Client
from tests.support.web import Browser

CALLS = [
    {"number": 1, "kind": "eachElem", "over": True},
    {"number": 2, "kind": "eachElem"},
    {"number": 3, "kind": "submit"},
]
WORKERS = [
    {"id": "a", "pid": 70, "state": "running"},
    {"id": "b", "pid": 71, "state": "idle"},
    {"id": "a", "pid": 0, "state": "starting"},
    {"id": "c", "pid": 72, "state": "idle"},
]


@pytest.fixture
def sleigh(client: Client) -> Client:
    """The workspace of a sleigh. The supervisor "b" is gone, and "c" takes no requests."""
    for name in ("task", "result", "rankCount", "workerCount", "cancel", "kill a", "kill b"):
        assert client.ask("declare var", "ws", name, "fifo").status == 0
    client.store("calls", json.dumps({"calls": CALLS}))
    for rank, worker in enumerate(WORKERS):
        client.store(f"worker {rank}", json.dumps(worker))
    client.store("gone b", "1")
    return client


def confirm(browser: Browser, action: str, **fields: Any) -> str:
    """Go from the page of the sleigh to that for confirmation, press its button, and return where
    that leads."""
    link = f"/confirm?action={action}&ws=ws&" + "&".join(f"{k}={v}" for k, v in fields.items())
    assert link in browser.see("sleigh", name="ws").links
    asking = browser.ask("GET", link).page()
    assert "/sleigh?name=ws" in asking.links
    return browser.post(asking.forms[0], {"token": asking.token}).location


def test_a_call_is_cancelled(sleigh: Client, browser: Browser) -> None:
    location = confirm(browser, "cancel-call", name=2)
    assert "The call is cancelled as soon as" in browser.ask("GET", location).text
    assert sleigh.get("fetch", "ws", "cancel").payload == b"2"


def test_a_worker_is_killed(sleigh: Client, browser: Browser) -> None:
    location = confirm(browser, "kill-worker", name=0, pid=70)
    assert "The worker is being killed" in browser.ask("GET", location).text
    assert sleigh.get("fetch", "ws", "kill a").payload == b"70"


def test_only_what_can_be_done_is_offered(sleigh: Client, browser: Browser) -> None:
    links = browser.see("sleigh", name="ws").links
    offered = [link for link in links if "cancel-call" in link or "kill-worker" in link]
    assert len(offered) == 3, "call 2, and workers 0 and 3"
    del sleigh


@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("cancel-call", {"name": 1}, 404),
        ("cancel-call", {"name": 3}, 404),
        ("cancel-call", {"name": 4}, 404),
        ("cancel-call", {"name": 0}, 400),
        ("cancel-call", {"name": "x"}, 400),
        ("cancel-call", {}, 400),
        ("kill-worker", {"name": 0, "pid": 69}, 404),
        ("kill-worker", {"name": 1, "pid": 71}, 404),
        ("kill-worker", {"name": 2, "pid": 0}, 400),
        ("kill-worker", {"name": 3, "pid": 72}, 404),
        ("kill-worker", {"name": 4, "pid": 70}, 404),
        ("kill-worker", {"name": 0}, 400),
        ("kill-worker", {"pid": 70}, 400),
    ],
)
def test_what_cannot_be_done_is_refused(
    sleigh: Client, browser: Browser, action: str, fields: dict[str, Any], status: int
) -> None:
    reply = browser.do(action, ws="ws", **fields)
    assert reply.status == status, reply.text
    for variable in ("cancel", "kill a", "kill b"):
        assert sleigh.get("findTry", "ws", variable).status == sleigh.no_value


@pytest.mark.parametrize("action", ["cancel-call", "kill-worker"])
def test_a_workspace_that_is_not_that_of_a_sleigh(
    client: Client, browser: Browser, action: str
) -> None:
    for ws in ("ws", "none"):
        reply = browser.do(action, ws=ws, name=1, pid=1)
        assert reply.status == 404
        assert "there is no sleigh" in reply.page().text
    assert client.get("list vars", "ws").payload == b""

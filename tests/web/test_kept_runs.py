"""Sleighs that have ended: they stay to be seen, as they were at their end, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws_server.web.kept_runs import KeptRun, KeptRuns
from tests.support.clients import WS
from tests.support.memory_site import MemorySite, make_sleigh
from tests.support.web import form

KEPT_SECONDS = 100


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path, keep_runs=KEPT_SECONDS) as memory:
        yield memory


def data(memory: MemorySite, page: str, **fields: str) -> Any:
    query = "&".join(f"{key}={value}" for key, value in fields.items())
    reply = memory.ask(form("GET", f"/api/{page}?{query}"))
    return reply.json()


def rows(memory: MemorySite, **fields: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = data(memory, "sleighs", **fields)["table"]["rows"]
    return found


CALL = {"number": 1, "kind": "eachElem", "function": "f", "submitted": 9, "arrived": 4, "failed": 2}
REPORTS: dict[str, Any] = {
    "calls": {"calls": [{**CALL, "elements": 20}]},
    "worker_0": {"state": "running", "elements": 7, "lines": [[1, 1, 3, "stdout", "hello"]]},
    "worker_1": {"state": "idle", "elements": 5},
    "failures_0": [
        {"time": 3, "call": 1, "element": 5, "summary": "ValueError: no", "text": "T5"},
        {"time": 2, "call": 1, "element": 4, "summary": "KeyError: 17", "text": "T4"},
        {"time": 1, "call": 2, "element": 4, "summary": "KeyError: 8", "text": "T2", "attempt": 1},
    ],
    "failures_1": [
        {"time": 4, "call": 1, "element": 6, "summary": "ValueError: no", "text": "T6"},
        None,
    ],
}


def test_it_stays_as_it_was(memory: MemorySite) -> None:
    make_sleigh(memory, **REPORTS)
    before = data(memory, "sleigh", name=WS.decode())
    assert before["ended"] is None
    memory.clock.advance(10)
    memory.client.delete_ws()
    after = data(memory, "sleigh", name=WS.decode())
    assert after["ended"] == 1e9 + 10
    assert [each["state"] for each in after["workers"]["rows"]] == ["ended", "ended"]
    (call,) = after["calls"]
    assert (call["over"], call["cancelled"], call["arrived"]) == (True, True, 4)
    for same in ("failures", "lines", "failed", "tasks"):
        assert after[same] == before[same]
    seen = memory.ask(form("GET", f"/sleigh?name={WS.decode()}")).page()
    assert "The sleigh has ended" in seen.text
    assert f"/workspace?name={WS.decode()}" not in seen.links


def test_failures_that_are_alike_stand_together(memory: MemorySite) -> None:
    make_sleigh(memory, **REPORTS)
    shown = data(memory, "sleigh", name=WS.decode())
    assert shown["failed"] == 2
    assert [(kind["summary"], kind["count"]) for kind in shown["failures"]] == [
        ("ValueError: no", 2),
        ("KeyError: 17", 2),
    ]
    assert shown["failures"][0]["text"] == "T6"
    assert shown["failures"][0]["elements"] == [
        {"call": 1, "element": 6, "rank": 1},
        {"call": 1, "element": 5, "rank": 0},
    ]


def test_it_goes_with_time(memory: MemorySite) -> None:
    make_sleigh(memory)
    memory.client.delete_ws()
    memory.clock.advance(KEPT_SECONDS - 1)
    assert data(memory, "sleigh", name=WS.decode())["ended"]
    memory.clock.advance(1)
    assert "error" in data(memory, "sleigh", name=WS.decode())
    assert not rows(memory)


def test_none_is_kept_if_that_is_wanted(tmp_path: Path) -> None:
    with MemorySite(tmp_path, keep_runs=0) as memory:
        make_sleigh(memory)
        memory.client.delete_ws()
        assert not rows(memory)


def test_other_workspaces_are_not_kept(memory: MemorySite) -> None:
    memory.client.store(b"x", b"1")
    memory.client.delete_ws()
    assert "error" in data(memory, "sleigh", name=WS.decode())


def test_a_new_sleigh_takes_the_place_of_an_ended_one(memory: MemorySite) -> None:
    make_sleigh(memory, worker_0={"state": "idle"})
    memory.client.delete_ws()
    make_sleigh(memory)
    memory.clock.advance(1)
    assert data(memory, "sleigh", name=WS.decode())["ended"] is None
    (row,) = rows(memory)
    assert row["state"] == "idle"
    memory.client.delete_ws()
    assert data(memory, "sleigh", name=WS.decode())["workers"]["rows"] == []


def test_a_name_is_shown_and_found(memory: MemorySite) -> None:
    make_sleigh(memory)
    memory.client.declare_var(b"name", b"single")
    memory.client.store(b"name", "<b>fünf".encode())
    (row,) = rows(memory, search="F%C3%BCNF")
    assert (row["name"], row["ws"]) == ("<b>fünf", WS.decode())
    assert rows(memory, search=WS.decode()[1:])
    memory.client.delete_ws()
    (row,) = rows(memory)
    assert (row["name"], row["state"]) == ("<b>fünf", "ended")
    assert data(memory, "sleigh", name=WS.decode())["name"] == "<b>fünf"
    for page in ("sleighs", f"sleigh?name={WS.decode()}"):
        assert "<b>fünf" in memory.ask(form("GET", f"/{page}")).page().text


def test_all_of_them_are_listed(memory: MemorySite) -> None:
    make_sleigh(memory, **REPORTS)
    (row,) = rows(memory)
    assert (row["ws"], row["state"], row["ended"]) == (WS.decode(), "running", None)
    assert (row["workers"], row["elements"], row["failed"]) == (2, 12, 2)
    assert (row["call"]["arrived"], row["call"]["elements"]) == (4, 20)
    memory.clock.advance(10)
    memory.client.delete_ws()
    make_sleigh(memory, b"another")
    memory.clock.advance(10)
    assert [each["state"] for each in rows(memory)] == ["idle", "ended"]
    assert [each["state"] for each in rows(memory, sort="name")] == ["idle", "ended"]
    assert [each["state"] for each in rows(memory, search=WS.decode())] == ["ended"]


def test_their_workspaces_are_listed_only_when_asked_for(memory: MemorySite) -> None:
    make_sleigh(memory)
    shown = data(memory, "workspaces")
    assert [each["name"] for each in shown["table"]["rows"]] == ["__default"]
    assert shown["hidden"] == 1
    shown = data(memory, "workspaces", sleighs="yes")
    assert [each["name"] for each in shown["table"]["rows"]] == ["__default", WS.decode()]
    seen = memory.ask(form("GET", "/workspaces?sleighs=yes")).page()
    assert all("sleighs=yes" in link for link in seen.links if "sort=" in link)


def test_what_cannot_be_kept_stops_no_deletion(
    memory: MemorySite, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_sleigh(memory)
    monkeypatch.setattr(memory.inspector, "epoch", None)
    assert memory.client.delete_ws().succeeded


def test_the_last_hundred_stay() -> None:
    kept = KeptRuns(1.0, lambda: 0.0)
    for number in range(103):
        kept.add(KeptRun(b"%d" % number, 0.0, 0.0, b""))
    names = [run.ws for run in kept]
    assert names == [b"%d" % number for number in range(102, 2, -1)]

"""The page of a sleigh, from reports that the test writes itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nws_server.web.sleigh_reports import Report
from nws_server.web.timeline import read_spans, recent_rate
from tests.support.server import Client
from tests.support.web import Browser

TEXT = 1 << 24 | 1


@pytest.fixture
def sleigh(client: Client) -> Client:
    """A workspace that looks like that of a sleigh without any report."""
    for name in ("task", "result", "rankCount", "workerCount"):
        assert client.ask("declare var", "ws", name, "fifo").status == 0
    assert client.ask("declare var", "ws", "calls", "single").status == 0
    return client


def call(number: int, kind: str = "eachElem", **fields: Any) -> dict[str, Any]:
    """Return the report of a call under way."""
    return {
        "number": number,
        "kind": kind,
        "function": f"function_{number}",
        "elements": 100,
        "submitted": 50,
        "arrived": 25,
        "failed": 3,
        "began": 1e9,
        "over": False,
        "cancelled": False,
        **fields,
    }


def publish(client: Client, *calls: dict[str, Any]) -> None:
    text = json.dumps({"calls": calls})
    assert client.ask("store", "ws", "calls", TEXT, text).status == 0


def test_a_sleigh_without_calls(sleigh: Client, browser: Browser) -> None:
    assert browser.data("sleigh", name="ws")["calls"] == []
    assert "No call has lasted long enough" in browser.see("sleigh", name="ws").text
    del sleigh


def test_several_calls_under_way_each_with_its_progress(sleigh: Client, browser: Browser) -> None:
    publish(
        sleigh,
        call(3),
        call(4, "imap", elements=None, arrived=7),
        call(5, "submit", arrived=90, elements=100),
    )
    calls = browser.data("sleigh", name="ws")["calls"]
    assert [(each["number"], each["kind"], each["arrived"]) for each in calls] == [
        (3, "eachElem", 25),
        (4, "imap", 7),
        (5, "submit", 90),
    ]
    seen = browser.see("sleigh", name="ws")
    bars = [each.attributes for each in seen.elements if each.tag == "progress"]
    assert [(bar["aria-label"], bar["value"], bar["max"]) for bar in bars] == [
        ("elements done of call 3", "25", "100"),
        ("elements done of call 5", "90", "100"),
    ]
    for text in ("eachElem(function_3)", "imap(function_4)", "submit(function_5)", "of 50 or more"):
        assert text in seen.text


def test_calls_that_have_ended_stand_in_a_table_newest_first(
    sleigh: Client, browser: Browser
) -> None:
    publish(
        sleigh,
        call(1, arrived=100, over=True),
        call(2, "starmap", elements=None, over=True, cancelled=True),
        call(3),
    )
    seen = browser.see("sleigh", name="ws")
    assert [each.tag for each in seen.elements].count("progress") == 1
    text = " ".join(seen.text.split())
    assert text.index("starmap(function_2) cancelled 25 3") < text.index(
        "eachElem(function_1) finished 100 of 100 3"
    )
    publish(sleigh, call(3, over=True))
    assert "No call is under way." in browser.see("sleigh", name="ws").text


def test_each_number_stands_once_and_the_list_is_bounded(sleigh: Client, browser: Browser) -> None:
    publish(sleigh, *(call(number) for number in range(200)), call(199, arrived=26))
    calls = browser.data("sleigh", name="ws")["calls"]
    assert [each["number"] for each in calls] == list(range(150, 200))
    assert calls[-1]["arrived"] == 26


def spans(*rows: list[float]) -> Report:
    return Report({"recent": list(rows)})


def test_the_rate_of_a_call_counts_its_own_elements_of_the_last_ten_seconds() -> None:
    report = spans([1, 0, 50, 80, 89], [1, 50, 30, 90, 95], [2, 0, 999, 90, 95], [1, 80, 20, 1, 99])
    assert recent_rate(list(read_spans(report)), 1, 0.0, 100.0) == 5.0


def test_the_rate_of_a_young_call_is_that_since_it_began() -> None:
    report = spans([1, 0, 8, 96, 97])
    assert recent_rate(list(read_spans(report)), 1, 96.0, 100.0) == 2.0
    assert recent_rate(list(read_spans(report)), 1, 99.9, 100.0) == 8.0


def test_spans_that_end_before_they_begin_are_skipped() -> None:
    assert list(read_spans(spans([1, 0, 1, 5, 4], [1, 0, 1, 0, 4], [1, 0, 1]))) == []

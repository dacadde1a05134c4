"""The failures of a sleigh, one by one: all that workers have reported, searched and paged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import WS
from tests.support.memory_site import MemorySite, make_sleigh
from tests.support.web import Reply, form, target

NAME = WS.decode()


def failure(number: int, call: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "time": 1e9 + number,
        "call": call,
        "element": number,
        "summary": f"ValueError: {number} is negative",
        "text": f"Traceback of {number}",
        **fields,
    }


REPORTS: dict[str, Any] = {
    "calls": {"calls": [{"number": 1, "failed": 90}, {"number": 2, "failed": 1}]},
    "worker_0": {},
    "worker_1": {},
    "failures_0": [failure(number) for number in range(60)],
    "failures_1": [failure(60, 2, attempt=1, summary="KeyError: 5"), None, {"time": "x"}],
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as memory:
        make_sleigh(memory, **REPORTS)
        yield memory


def ask(memory: MemorySite, page: str, **fields: str | int) -> Reply:
    return memory.ask(form("GET", target(page, name=NAME, **fields)))


def elements(memory: MemorySite, **fields: str | int) -> list[int]:
    rows = ask(memory, "api/failures", **fields).json()["table"]["rows"]
    return [row["element"] for row in rows]


def test_all_of_them_are_there_page_by_page(memory: MemorySite) -> None:
    first = elements(memory)
    assert first == list(range(60, 10, -1))
    seen = ask(memory, "failures").page()
    assert "62 failures" in seen.text
    assert "91 elements have failed" in seen.text
    (link,) = {each for each in seen.links if "page=2" in each}
    assert len(memory.ask(form("GET", f"/api{link}")).json()["table"]["rows"]) == 12


def test_those_of_one_call(memory: MemorySite) -> None:
    assert elements(memory, call=2) == [60]
    seen = ask(memory, "failures", call=2).page()
    assert "KeyError: 5" in seen.text
    assert "try 1" in seen.text
    chosen = [each.attributes for each in seen.elements if "selected" in each.attributes]
    assert [each["value"] for each in chosen] == ["2"]
    assert all("call=2" in link for link in seen.links if "sort=" in link and "failures?" in link)
    assert elements(memory, call=7) == []


def test_those_with_a_text(memory: MemorySite) -> None:
    assert elements(memory, search="keyerror") == [60]
    assert elements(memory, search="traceback of 7") == [7]
    assert elements(memory, search="traceback of 7", call=2) == []


def test_they_stay_when_the_sleigh_has_ended(memory: MemorySite) -> None:
    before = elements(memory, sort="element")
    memory.client.delete_ws()
    assert elements(memory, sort="element") == before
    assert "62 failures" in ask(memory, "failures").page().text


def test_a_call_that_is_no_number(memory: MemorySite) -> None:
    assert ask(memory, "failures", call="x").status == 400
    assert memory.ask(form("GET", target("failures", name="__default"))).status == 404

"""What the workers of a sleigh wrote is searched, and downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import WS
from tests.support.memory_site import MemorySite, make_sleigh
from tests.support.web import Reply, form, target

NAME = WS.decode()
WORKERS: dict[str, Any] = {
    "worker_0": {
        "host": "north",
        "logfile": "/tmp/a.txt",
        "lines": [[1e9, 1, 7, "stdout", "Hello from 7"], [1e9 + 3, 1, -1, "log", "ERROR: <b>"]],
    },
    "worker_1": {
        "host": "north",
        "logfile": "/tmp/a.txt",
        "lines": [[1e9 + 2, 1, 8, "stderr", "hello from 8"], ["x", None, [], "odd", 5], [1, 2]],
    },
}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as memory:
        make_sleigh(memory, **WORKERS)
        yield memory


def ask(memory: MemorySite, page: str, **fields: str) -> Reply:
    return memory.ask(form("GET", target(page, name=NAME, **fields)))


def test_the_newest_lines_come_first(memory: MemorySite) -> None:
    data = ask(memory, "api/output").json()
    lines = [(row["rank"], row["element"], row["text"]) for row in data["table"]["rows"]]
    assert lines == [
        (0, -1, "ERROR: <b>"),
        (1, 8, "hello from 8"),
        (0, 7, "Hello from 7"),
        (1, -1, ""),
    ]
    assert data["logs"] == ["north:/tmp/a.txt"]
    seen = ask(memory, "output").page()
    assert "4 lines" in seen.text
    assert "All lines are in north:/tmp/a.txt." in seen.text


def test_they_are_searched_regardless_of_case(memory: MemorySite) -> None:
    data = ask(memory, "api/output", search="HELLO", sort="worker").json()
    assert [row["rank"] for row in data["table"]["rows"]] == [0, 1]
    assert "2 of 4 lines with “HELLO”" in ask(memory, "output", search="HELLO").page().text


def test_what_was_found_is_downloaded_as_text(memory: MemorySite) -> None:
    (link,) = (each for each in ask(memory, "output", search="HELLO").page().links if "txt" in each)
    reply = memory.ask(form("GET", link))
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="output.txt"'
    assert re.fullmatch(
        r"2001-09-\d\d .{14} \[0:7\] Hello from 7\n2001-09-\d\d .{14} \[1:8\] hello from 8\n",
        reply.text,
    ), reply.text
    assert "[0] ERROR: <b>\n" in ask(memory, "output.txt").text


def test_more_lines_than_in_the_reports(memory: MemorySite) -> None:
    blocks = [
        json.dumps([[1e9 + 10 + n, 1, n, "stdout", f"line {n}"] for n in range(first, first + 50)])
        for first in (0, 50)
    ]
    memory.client.declare_var(b"output 0", b"fifo", ws=WS)
    for block in (*blocks, "no JSON", "[5]"):
        memory.client.store(b"output 0", block.encode(), ws=WS)
    text = ask(memory, "output.txt").text
    assert [line.partition("] ")[2] for line in text.splitlines()] == [
        "",  # of worker 1, as its report has it
        "hello from 8",
        *(f"line {n}" for n in range(100)),
    ]
    assert "1 of 102 lines with “line 99”" in ask(memory, "output", search="line 99").page().text
    memory.client.delete_ws()
    assert ask(memory, "output.txt").text == text


def test_it_stays_when_the_sleigh_has_ended(memory: MemorySite) -> None:
    before = ask(memory, "output.txt").text
    memory.client.delete_ws()
    assert ask(memory, "output.txt").text == before
    assert "4 lines" in ask(memory, "output").page().text


@pytest.mark.parametrize("page", ["output", "output.txt", "api/output"])
def test_a_workspace_that_is_not_that_of_a_sleigh(memory: MemorySite, page: str) -> None:
    reply = memory.ask(form("GET", target(page, name="__default")))
    assert reply.status == 404
    assert "there is no sleigh" in reply.text
    assert memory.ask(form("GET", target(page))).status == 400

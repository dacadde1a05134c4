"""Texts from the babelfishes of other languages, with a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nws_server.core.values import Value
from tests.support.clients import WS
from tests.support.memory_site import Link, MemorySite
from tests.support.web import form

R_WORKSPACE = b"R babelfish"
R_VALUE = b"%020d" % (3 << 24)


class Reader:
    """A babelfish for R, played by the test."""

    def __init__(self, memory: MemorySite) -> None:
        self._memory = memory
        self._client = memory.company.stranger()
        memory.space.now = memory.clock.seconds()
        assert self._client.open_ws(R_WORKSPACE).succeeded

    def fetch(self) -> Value:
        """Fetch the value that it is asked for."""
        (value,) = self._client.fetch(b"food", ws=R_WORKSPACE).values_got
        self._memory.hub.run_queue.drain()
        return value

    def answer(self, text: bytes) -> None:
        """Store a text."""
        assert self._client.store(b"doof", text, ws=R_WORKSPACE).succeeded
        self._memory.hub.run_queue.drain()

    def tabulate(self, table: bytes) -> None:
        """Store a table."""
        assert self._client.store(b"table", table, ws=R_WORKSPACE).succeeded

    def end(self) -> None:
        """Disconnect."""
        self._client.leave()
        self._memory.hub.run_queue.drain()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as memory:
        yield memory


def store(memory: MemorySite, *payloads: bytes) -> None:
    values = [Value(R_VALUE, payload) for payload in payloads]
    assert memory.client.store_values(b"x", values).succeeded


def ask(memory: MemorySite) -> Link:
    """Ask for the page of the values."""
    link = memory.connect()
    link.send(form("GET", f"/api/variable?ws={WS.decode()}&name=x"))
    return link


def texts(link: Link) -> list[str]:
    """Return the texts of a page that has been answered."""
    return [value["text"] for value in link.reply().json()["values"]]


def test_without_a_babelfish_the_page_answers_at_once(memory: MemorySite) -> None:
    store(memory, b"1", b"2")
    assert texts(ask(memory)) == 2 * ["no R babelfish is running"]


def test_a_babelfish_gets_the_values_as_they_are_one_after_the_other(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"X\n\x00\x00\xff\r\n", b"second")
    link = ask(memory)
    first = reader.fetch()
    assert (first.descriptor, first.payload) == (R_VALUE, b"X\n\x00\x00\xff\r\n")
    reader.answer(b"<b>c(1, 2)</b>")
    assert link.unread == b""
    assert reader.fetch().payload == b"second"
    reader.answer(b"text")
    assert texts(link) == ["<b>c(1, 2)</b>", "text"]
    html = memory.ask(form("GET", f"/variable?ws={WS.decode()}&name=x")).page()
    assert "<b>c(1, 2)</b>" in html.text


def test_a_text_that_is_cached_is_not_asked_for_again(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    reader.fetch()
    reader.answer(b"one")
    assert texts(link) == ["one"]
    memory.clock.advance(1000)
    assert texts(ask(memory)) == ["one"]


def test_a_value_that_takes_too_long_is_withdrawn_and_asked_for_again_later(
    memory: MemorySite,
) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    memory.clock.advance(0.49)
    assert link.unread == b""
    memory.clock.advance(0.01)
    assert texts(link) == ["the babelfish does not answer"]
    assert texts(ask(memory)) == ["the babelfish does not answer"]
    memory.clock.advance(2.0)
    link = ask(memory)
    assert reader.fetch().payload == b"1"
    reader.answer(b"one")
    assert texts(link) == ["one"]


def test_a_page_waits_for_its_timeout_and_shows_what_there_is(memory: MemorySite) -> None:
    Reader(memory)
    store(memory, b"1", b"2", b"3")
    link = ask(memory)
    memory.clock.advance(0.5)
    memory.clock.advance(0.39)
    assert link.unread == b""
    memory.clock.advance(0.01)
    assert texts(link) == [
        "the babelfish does not answer",
        "not translated yet",
        "not translated yet",
    ]


def test_a_late_text_belongs_to_its_question(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    reader.fetch()
    memory.clock.advance(0.5)
    assert texts(link) == ["the babelfish does not answer"]
    store(memory, b"2")
    assert texts(ask(memory))[1] == "the babelfish is busy with another value"
    reader.answer(b"first")
    memory.clock.advance(2.0)
    link = ask(memory)
    assert reader.fetch().payload == b"2"
    reader.answer(b"second")
    assert texts(link) == ["first", "second"]


TABLE = (
    b'{"kind": "list", "record": false, "columns": ["a"], "labels": null, "rows": [["1"]], '
    b'"height": 1, "width": 1}'
)


def tables(link: Link) -> list[bool]:
    """Return which values of a page that has been answered have a table."""
    return [value["table"] is not None for value in link.reply().json()["values"]]


def test_a_table_belongs_to_the_text_behind_it(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1", b"2", b"3")
    link = ask(memory)
    reader.fetch()
    reader.tabulate(TABLE)
    reader.answer(b"first")
    reader.fetch()
    reader.answer(b"second")
    reader.fetch()
    reader.tabulate(b"no table")
    reader.answer(b"third")
    assert tables(link) == [True, False, False]


def test_a_table_is_only_shown(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    reader.fetch()
    reader.tabulate(TABLE.replace(b'"a"', b'"<b>a"').replace(b'"1"', b'"<img>\\u202e\\ud800"'))
    reader.answer(b"text")
    assert tables(link) == [True]
    page = memory.ask(form("GET", f"/variable?ws={WS.decode()}&name=x")).page()
    assert "<b>a" in page.text
    assert "<img>\\u202e?" in page.text


def test_the_table_of_a_late_text_is_not_that_of_the_next_one(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    reader.fetch()
    memory.clock.advance(0.5)
    assert tables(link) == [False]
    reader.tabulate(TABLE)
    reader.answer(b"first")
    store(memory, b"2")
    memory.clock.advance(2.0)
    link = ask(memory)
    reader.fetch()
    reader.answer(b"second")
    assert tables(link) == [True, False]


def test_when_a_babelfish_ends_the_next_one_is_asked(memory: MemorySite) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    reader.fetch()
    reader.end()
    assert texts(link) == ["no R babelfish is running"]
    memory.clock.advance(1.0)
    reader = Reader(memory)
    link = ask(memory)
    reader.fetch()
    reader.answer(b"at last")
    assert texts(link) == ["at last"]


@pytest.mark.parametrize("text", [b"", b"x" * 3_000_000, b"\x00\r\n\r\ndata: x", b"<script>"])
def test_any_text_is_shown_and_nothing_else(memory: MemorySite, text: bytes) -> None:
    reader = Reader(memory)
    store(memory, b"1")
    link = memory.connect()
    link.send(form("GET", f"/value?ws={WS.decode()}&name=x&index=0"))
    reader.fetch()
    reader.answer(text)
    page = link.reply().page()
    assert len([each for each in page.elements if each.tag == "script"]) == 1
    shown = text[:1000].decode().strip("\x00\r\n")
    assert shown in page.text.replace("\x00", "") or b"\r" in text


def test_the_end_of_the_inspector_ends_the_waiting(memory: MemorySite) -> None:
    Reader(memory)
    store(memory, b"1")
    link = ask(memory)
    memory.inspector.stop()
    assert texts(link) == ["not translated yet"]
    memory.inspector.start()

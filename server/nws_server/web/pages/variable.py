"""The page of one variable: its values page by page, who waits for them, and who holds some."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nws_server.core.values import Value
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import Kind, beginning, hexdump, kind_of, language_of
from nws_server.web.names import Name, printable, shorten
from nws_server.web.pages.workspace import depth_chart, variable_row
from nws_server.web.query import Query
from nws_server.web.text_cache import Question, Text
from nws_server.web.unknown import Unknown

__all__ = ["VALUES", "describe_values", "show_variable"]

VALUES: Final = 20
"""Values of a page."""

_PEOPLE: Final = 50
"""Of those who wait, and of leases, so many are shown."""

_TEXT: Final = 1000
"""Characters of a value in the list."""

_HEX: Final = 64
"""Bytes of a value in the list."""


async def show_variable(inspector: Inspector, query: Query) -> dict[str, Any]:
    """Show a variable. Fields: ``ws``, ``name``, ``page``.

    Raises:
        Unknown: there is no such variable.
    """
    ws, var = query.need("ws"), query.need("name")
    look = inspector.look
    view = look.variable(ws, var)
    if view is None:
        raise Unknown(f"there is no variable {Name(var).short!r} in {Name(ws).short!r}")
    pages = max(1, -(-view.values // VALUES))
    page = min(query.number("page", 1, least=1), pages)
    values = look.values(ws, var, VALUES * (page - 1), VALUES)
    return {
        "variable": variable_row(inspector, ws, view),
        "depth": depth_chart(inspector, view.id, 480, 80),
        "page_of_values": page,
        "pages": pages,
        "values": await describe_values(inspector, view.id, values, _TEXT, _HEX),
        "waiters": [
            {
                "peer": printable(waiter.peer),
                "session": waiter.session,
                "operation": "fetch" if waiter.removes else "find",
                "since": inspector.epoch(waiter.since),
                "until": None if waiter.deadline is None else inspector.epoch(waiter.deadline),
            }
            for waiter in look.waiters(ws, var, _PEOPLE)
        ],
        "leases": [
            {
                "id": lease.id,
                "peer": printable(lease.peer),
                "session": lease.session,
                "attempt": lease.attempt,
                "bytes": lease.size,
                "since": inspector.epoch(lease.since),
                "until": None if lease.deadline is None else inspector.epoch(lease.deadline),
            }
            for lease in look.leases(ws, var, _PEOPLE)
        ],
    }


async def describe_values(
    inspector: Inspector,
    variable_id: bytes,
    values: Sequence[Value],
    characters: int,
    bytes_of_hex: int,
) -> list[dict[str, Any]]:
    """Describe values of a variable, each with a text of so many characters at most."""
    kinds = [kind_of(value) for value in values]
    questions = [
        Question(variable_id, value, kind.language)
        for value, kind in zip(values, kinds, strict=True)
        if kind.form == "object"
    ]
    texts = iter(await inspector.translator.texts(questions))
    return [
        _describe(
            value, kind, next(texts) if kind.form == "object" else None, characters, bytes_of_hex
        )
        for value, kind in zip(values, kinds, strict=True)
    ]


def _describe(
    value: Value, kind: Kind, text: Text | None, characters: int, bytes_of_hex: int
) -> dict[str, Any]:
    if text is None:
        text = _own_text(value, kind, characters, bytes_of_hex)
    return {
        "index": value.index,
        "kind": kind.form,
        "language": language_of(value),
        "media_type": kind.media_type,
        "bytes": value.size,
        "attempts": value.attempt,
        "text": shorten(text.text, characters) if kind.form != "bytes" else text.text,
        "cut": len(text.text) > characters,
        "readable": text.translated,
    }


def _own_text(value: Value, kind: Kind, characters: int, bytes_of_hex: int) -> Text:
    try:
        if kind.form == "text":
            # A character has four bytes at most; one more tells whether there are more.
            data = beginning(value, 4 * characters + 4)
            return Text(data.decode("utf-8", "replace"), True)
        return Text(hexdump(beginning(value, bytes_of_hex)), True)
    except OSError as error:
        return Text(f"its file cannot be read: {error}", False)

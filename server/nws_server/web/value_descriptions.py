"""Stored values as plain data: what each is, and a text for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nws_server.core.values import Value
from nws_server.web.babelfishes import Question, Text
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import Kind, beginning, hexdump, kind_of, language_of
from nws_server.web.names import DisplayName, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.query import Query

__all__ = ["describe_values", "find_value"]


def find_value(inspector: Inspector, query: Query) -> tuple[Value, bytes]:
    """Return the value that a query names, and the id of its variable.

    Raises:
        NotFound: it does not exist.
    """
    ws, var, index = query.need("ws"), query.need("name"), query.number("index", 0)
    view = inspector.look.variable(ws, var)
    value = inspector.look.value(ws, var, index)
    if view is None or value is None:
        raise NotFound(f"value {index} is no longer in the variable {DisplayName(var).short!r}")
    return value, view.id


async def describe_values(
    inspector: Inspector,
    variable_id: bytes,
    values: Sequence[Value],
    characters: int,
    bytes_of_hex: int,
) -> list[dict[str, Any]]:
    """Describe values of a variable.

    Args:
        inspector: of the server.
        variable_id: of the variable.
        values: the values.
        characters: longest text of a value.
        bytes_of_hex: how many bytes of a value are shown as a hexdump.
    """
    kinds = [kind_of(value) for value in values]
    questions = [
        Question(variable_id, value, kind.language)
        for value, kind in zip(values, kinds, strict=True)
        if kind.form == "object"
    ]
    texts = iter(await inspector.text_cache.texts(questions))
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
        "table": None if text.table is None else text.table.described(),
    }


def _own_text(value: Value, kind: Kind, characters: int, bytes_of_hex: int) -> Text:
    try:
        if kind.form == "text":
            # A character has at most four bytes; one more shows whether the text goes on.
            data = beginning(value, 4 * characters + 4)
            return Text(data.decode("utf-8", "replace"), True)
        return Text(hexdump(beginning(value, bytes_of_hex)), True)
    except OSError as error:
        return Text(f"its file cannot be read: {error}", False)

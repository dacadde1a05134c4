"""The first values of many variables, each as a short text on one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import humanize

from nws_server.core.values import Value
from nws_server.web.babelfishes import Question, Text
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import Kind, beginning, kind_of
from nws_server.web.names import printable, shorten

__all__ = ["preview_values"]

_PREVIEW_CHARS: Final = 60
_PREVIEW_BYTES: Final = 8

_MAX_QUESTIONS: Final = 20
"""How many values babelfishes are asked for, for one list."""

_MAX_QUESTION_BYTES: Final = 10_000
"""Longer values are not worth the time only for the beginning of their text."""


async def preview_values(
    inspector: Inspector, values: Sequence[tuple[bytes, Value | None]]
) -> list[str]:
    """Return a text for each value; empty where there is none.

    Babelfishes are asked for the first few objects only. Of the others the text says what they are.

    Args:
        inspector: of the server.
        values: the id of a variable, and a value in it.
    """
    kinds = [None if value is None else kind_of(value) for _, value in values]
    questions = [
        Question(variable_id, value, kind.language)
        for (variable_id, value), kind in zip(values, kinds, strict=True)
        if value is not None and kind is not None and _is_asked_for(value, kind)
    ][:_MAX_QUESTIONS]
    texts = await inspector.text_cache.texts(questions)
    known = {question.key: text for question, text in zip(questions, texts, strict=True)}
    return [
        "" if value is None or kind is None else _preview(value, kind, known.get((id, value.index)))
        for (id, value), kind in zip(values, kinds, strict=True)
    ]


def _is_asked_for(value: Value, kind: Kind) -> bool:
    return kind.form == "object" and value.size <= _MAX_QUESTION_BYTES


def _preview(value: Value, kind: Kind, text: Text | None) -> str:
    if kind.form == "picture":
        return f"a picture, {humanize.naturalsize(value.size)}"
    if kind.form == "object":
        if text is None or not text.translated:
            return f"a value of {kind.language or '?'}, {humanize.naturalsize(value.size)}"
        if text.table is not None and not text.table.record:
            return f"{text.table.kind}, {text.table.height:,} by {text.table.width:,}"
        return _on_one_line(text.text)
    try:
        data = beginning(value, 4 * _PREVIEW_CHARS)
    except OSError:
        return "its file cannot be read"
    if kind.form == "text":
        return _on_one_line(data.decode("utf-8", "replace"))
    dots = " …" if value.size > _PREVIEW_BYTES else ""
    return f"{data[:_PREVIEW_BYTES].hex(' ')}{dots}"


def _on_one_line(text: str) -> str:
    """Return the beginning of a text, with a space for each run of white space."""
    words = " ".join(text[: 4 * _PREVIEW_CHARS].split())
    return shorten(printable(words.encode("utf-8", "replace")), _PREVIEW_CHARS)

"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from nws.cli.exit_status import CommandFailure

__all__ = ["check_open", "json_option", "print_json", "print_rows", "printable"]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def check_open(stream: str) -> None:
    """End the command if it was started without ``stdin`` or ``stdout``, whichever is named: Python
    reads nothing then, and drops what is printed."""
    if getattr(sys, stream) is None:
        raise CommandFailure(f"{stream} is closed")


def print_json(content: object) -> None:
    """Print one line of JSON."""
    click.echo(json.dumps(content))


def print_rows(rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print records that have the same keys: as a JSON list, or as a table with the keys as its
    head. Of no records the table is empty."""
    if as_json:
        print_json(rows)
        return
    if not rows:
        return
    lines = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value is None else printable(str(value))


def printable(text: str, kept: str = "") -> str:
    """Return a text that moves no cursor and sets no color: control characters but for those that
    are ``kept`` become escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode()
        for char in text
    )

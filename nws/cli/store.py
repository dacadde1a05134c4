"""`nws store`."""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

import click

from nws.cli.completion import variable_argument, workspace_argument
from nws.cli.exit_status import CommandFailure
from nws.cli.given_values import KINDS, lines_of, value_of, whole_of
from nws.cli.output import check_open
from nws.cli.which_server import open_workspace, server_options

__all__ = ["store"]


@click.command()
@server_options
@click.option(
    "--as",
    "kind",
    type=click.Choice(KINDS),
    default="text",
    show_default=True,
    help="What VALUE is: a text, bytes, a literal of Python, or JSON.",
)
@click.option("--lines", is_flag=True, help="Each line of stdin is a value; VALUE has to be -.")
@workspace_argument
@variable_argument
@click.argument("value")
def store(
    host: str | None,
    port: int | None,
    kind: str,
    lines: bool,
    workspace: str,
    variable: str,
    value: str,
) -> None:
    """Add VALUE to VARIABLE of WORKSPACE, or all that comes from stdin if VALUE is -.

    The newline at the end of stdin is not part of the value, but for --as bytes. The workspace is
    made if there is none; it stays until somebody deletes it.

    \b
    nws store shop orders tea
    echo 5 | nws store shop numbers --as python -
    seq 1000 | nws store shop numbers --lines -
    """
    if lines and value != "-":
        raise click.UsageError("--lines reads stdin: VALUE has to be -")
    if value == "-":
        check_open("stdin")
    with open_workspace(host, port, workspace, create=True) as ws:
        if lines:
            _store_lines(ws, variable, sys.stdin.buffer, kind)
            return
        try:
            if value == "-":
                given = whole_of(sys.stdin.buffer, kind)
            else:
                given = value_of(os.fsencode(value), kind)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        ws.store(variable, given)


def _store_lines(ws: Any, variable: str, stdin: BinaryIO, kind: str) -> None:
    done = 0
    for lines in lines_of(stdin):
        values = []
        problem: ValueError | None = None
        for line in lines:
            try:
                values.append(value_of(line, kind))
            except ValueError as error:
                problem = error
                break
        ws.store_many(variable, values)
        done += len(values)
        if problem is not None:
            said = f"line {done + 1} of stdin: {problem}; those before it were stored"
            raise CommandFailure(said) from problem

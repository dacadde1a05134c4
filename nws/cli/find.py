"""`nws find`, `nws fetch` and `nws watch`: values out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click

from nws.cli.completion import variable_argument, workspace_argument
from nws.cli.duration import duration
from nws.cli.exit_status import CommandFailure
from nws.cli.output import check_open, json_option
from nws.cli.raw_values import RawValue, each_value, fetch_value, find_value
from nws.cli.shown_values import as_bytes, as_json
from nws.cli.which_server import open_workspace, server_options
from nws.errors import NwsUnpicklingException

__all__ = ["fetch", "find", "watch"]


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    decorators: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        variable_argument,
        workspace_argument,
        click.option("--raw", is_flag=True, help="Print the bytes as they are stored."),
        json_option,
        click.option(
            "--timeout",
            type=duration,
            show_default="any time",
            help="Wait for a value so long at most; 0 for what is there.",
        ),
        server_options,
    ]
    for add in decorators:
        command = add(command)
    return command


@click.command()
@_options
def find(
    host: str | None,
    port: int | None,
    timeout: float | None,
    as_json: bool,
    raw: bool,
    workspace: str,
    variable: str,
) -> None:
    """Print a value of VARIABLE of WORKSPACE, and leave it there. Wait until there is one.

    A text is printed as it is, with a newline behind it. Bytes are printed as they are, but for a
    terminal. All else is printed in Python's spelling; nothing is unpickled. The exit status is 4
    if no value came in time, or there is no such workspace.
    """
    write = _Writer(as_json=as_json, raw=raw)
    with open_workspace(host, port, workspace, create=False) as ws:
        write(find_value(ws, variable, timeout))


@click.command()
@_options
def fetch(
    host: str | None,
    port: int | None,
    timeout: float | None,
    as_json: bool,
    raw: bool,
    workspace: str,
    variable: str,
) -> None:
    """Print a value of VARIABLE of WORKSPACE, and take it out. Wait until there is one.

    It is taken out when it has been written: if that is not possible, it stays in its place. What
    is printed is said under `nws find`.
    """
    write = _Writer(as_json=as_json, raw=raw)
    with open_workspace(host, port, workspace, create=False) as ws:
        fetch_value(ws, variable, timeout, write)


@click.command()
@_options
def watch(
    host: str | None,
    port: int | None,
    timeout: float | None,
    as_json: bool,
    raw: bool,
    workspace: str,
    variable: str,
) -> None:
    """Print each value of VARIABLE of WORKSPACE as it comes, and leave it there.

    The variable is fifo or single. It goes on until Ctrl-C, or until no value has come for as long
    as --timeout says. What is printed is said under `nws find`.
    """
    write = _Writer(as_json=as_json, raw=raw)
    with open_workspace(host, port, workspace, create=False) as ws:
        for value in each_value(ws, variable, wait=True, timeout=timeout):
            write(value)


class _Writer:
    """Writes values to stdout, each at once."""

    def __init__(self, *, as_json: bool, raw: bool) -> None:
        if as_json and raw:
            raise click.UsageError("give either --json or --raw")
        check_open("stdout")
        self._json, self._raw = as_json, raw
        self._terminal = sys.stdout.isatty()

    def __call__(self, value: RawValue) -> None:
        sys.stdout.buffer.write(self._bytes_of(value))
        sys.stdout.buffer.flush()

    def _bytes_of(self, value: RawValue) -> bytes:
        if self._raw:
            return bytes(value.payload)
        if self._json:
            return f"{json.dumps(as_json(value))}\n".encode()
        try:
            return as_bytes(value, terminal=self._terminal)
        except NwsUnpicklingException as error:
            raise CommandFailure(f"{error}; --raw prints its bytes") from error

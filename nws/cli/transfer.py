"""`nws export` and `nws import`: a workspace as lines of JSON, and back.

The first line says what follows; then there is a line for each variable, and behind it one for each
of its values, in the order in which they were stored. The last line counts the values. Values are
copied as bytes: nothing is unpickled.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import click

from nws.cli.completion import workspace_argument
from nws.cli.exit_status import CommandFailure
from nws.cli.output import check_open
from nws.cli.raw_values import RawValue, each_value, lease_values, store_value
from nws.cli.which_server import open_workspace, server_options
from nws.client import LIFO, MULTI, NetWorkSpace
from nws.counted import counted
from nws.errors import NwsOperationException, NwsTimeoutException
from nws.wire.dialect import MAX_DESCRIPTOR

__all__ = ["export", "import_"]

_FORMAT: Final = "nws workspace 1"
_FIRST_LINE: Final = f'{{"format": "{_FORMAT}", ...}}'
_MODES: Final = ("fifo", "lifo", "multi", "single")


class _NewFile(click.File):
    """The name of a file, or ``-`` for stdout."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-":
            check_open("stdout")
        return super().convert(value, param, ctx)


@click.command()
@server_options
@workspace_argument
@click.argument("file", type=_NewFile("w", encoding="ascii", atomic=True), default="-")
def export(host: str | None, port: int | None, workspace: str, file: IO[str]) -> None:
    """Write the variables of WORKSPACE and their values to FILE, or to stdout.

    The values stay. Those of lifo and multi variables are leased while they are read, and nobody
    else sees them in that time. Values that others have leased are left out.
    """
    with open_workspace(host, port, workspace, create=False) as ws:
        for line in _exported(ws):
            file.write(f"{json.dumps(line)}\n")


def _exported(ws: NetWorkSpace) -> Iterator[dict[str, Any]]:
    count = 0
    yield {"format": _FORMAT, "workspace": ws.currentWs()}
    listing = ws.listVars(format="dict")
    assert isinstance(listing, dict)
    for name, variable in listing.items():
        if variable.mode not in _MODES:
            continue  # somebody waits for it, that is all
        yield {"variable": name, "mode": variable.mode}
        leased = variable.mode in (LIFO, MULTI)
        for value in _leased(ws, name) if leased else each_value(ws, name, wait=False):
            text = base64.b64encode(value.payload).decode()
            yield {"descriptor": value.descriptor, "base64": text}
            count += 1
    yield {"values": count}


def _leased(ws: NetWorkSpace, variable: str) -> list[RawValue]:
    """Return the values of a variable that cannot be walked, in the order of storing."""
    values: list[RawValue] = []
    try:
        while True:
            values += lease_values(ws, variable)
    except NwsTimeoutException:
        pass  # that was all
    finally:
        ws.release(None, blame=False)
    return values[::-1]


@click.command("import")
@server_options
@workspace_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True), default="-")
def import_(host: str | None, port: int | None, workspace: str, file: str) -> None:
    """Store in WORKSPACE what FILE, or stdin, has from `nws export`.

    It is added to what is there. The workspace is made if there is none; it stays until somebody
    deletes it.
    """
    if file == "-":
        check_open("stdin")
    with (
        open_workspace(host, port, workspace, create=True) as ws,
        click.open_file(file, encoding="utf-8", errors="replace") as lines,
    ):
        try:
            _import(ws, lines)
        except _BadLineError as error:
            where = "stdin" if file == "-" else file
            said = f"{where}, {error}; what stands before it was stored"
            raise CommandFailure(said) from error


class _BadLineError(Exception):
    """A line that `export` does not write, or whose content the server refuses."""


def _import(ws: NetWorkSpace, lines: Iterable[str]) -> None:
    copy = _Import(ws)
    number = 0
    for number, text in enumerate(lines, 1):
        try:
            copy.take(json.loads(text))
        except json.JSONDecodeError as error:
            said = f"line {number}: this is not JSON, as `nws export` writes it ({error.msg})"
            raise _BadLineError(said) from error
        except KeyError as error:
            raise _BadLineError(f"line {number}: there is no {error}") from error
        except (ValueError, TypeError, NwsOperationException) as error:
            raise _BadLineError(f"line {number}: {error}") from error
    if not copy.ended:
        raise _BadLineError(f"line {number + 1}: the file has no end; it was cut")


class _Import:
    """Stores line after line.

    Attributes:
        ended: the last line was there.
    """

    def __init__(self, ws: NetWorkSpace) -> None:
        self.ended = False
        self._workspace = ws
        self._begun = False
        self._variable: str | None = None
        self._values = 0

    def take(self, line: Any) -> None:
        """Do what a line says.

        Raises:
            KeyError, TypeError, ValueError: `export` writes no such line.
            NwsOperationException: the server refuses it.
        """
        if not isinstance(line, dict):
            raise TypeError("this is not an object, as `nws export` writes it")
        if self.ended:
            raise ValueError("this stands behind the end")
        if not self._begun:
            _check_format(line)
            self._begun = True
        elif "variable" in line:
            self._variable = line["variable"]
            self._workspace.declare(self._variable, line["mode"])
        elif "values" in line:
            if line["values"] != self._values:
                raise ValueError(f"{counted(self._values, 'value')} came, not {line['values']}")
            self.ended = True
        elif self._variable is None:
            raise ValueError("a value without a variable")
        else:
            store_value(self._workspace, self._variable, _value_of(line))
            self._values += 1


def _check_format(line: dict[str, Any]) -> None:
    found = line.get("format")
    if found != _FORMAT:
        said = f"the format is {found!r}" if "format" in line else "there is no 'format'"
        raise ValueError(f"{said}; a file of `nws export` begins with {_FIRST_LINE}")


def _value_of(line: Any) -> RawValue:
    descriptor = line["descriptor"]
    if type(descriptor) is not int or not 0 <= descriptor <= MAX_DESCRIPTOR:
        raise ValueError(f"the descriptor {descriptor!r} is no number from 0 to {MAX_DESCRIPTOR}")
    return RawValue(descriptor, base64.b64decode(line["base64"], validate=True))

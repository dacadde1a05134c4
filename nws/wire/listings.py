"""What listings say, as tuples."""

from __future__ import annotations

from typing import Any, NamedTuple

from nws.errors import NwsProtocolException

__all__ = [
    "VariableInfo",
    "WorkspaceInfo",
    "columns_of_the_guide",
    "parse_variables",
    "parse_workspaces",
]


class WorkspaceInfo(NamedTuple):
    """One line of `NwsServer.listWss`; the ``WS_*`` constants are the places."""

    name: str
    mine: bool
    """Whether this client owns it."""
    owner: str
    persistent: bool
    numvars: int
    varlist: list[str]


class _Five(NamedTuple):
    variable: str
    values: int
    fetchers: int
    finders: int
    mode: str


class VariableInfo(_Five):
    """One line of `NetWorkSpace.listVars`; the ``V_*`` constants are the places.

    The guide says that it has five fields. ``leased``, how many values are out under lease, has a
    name only, as the newer fields of `os.stat_result` do.
    """

    leased: int

    def __new__(cls, *fields: Any, leased: int = 0) -> VariableInfo:
        info = super().__new__(cls, *fields)
        info.leased = leased
        return info


def parse_workspaces(text: str) -> dict[str, WorkspaceInfo]:
    """Read a listing of workspaces."""
    listing = {}
    for line in text.split("\n"):
        if line:
            name, owner, persistent, numvars, names = _fields(line[1:])[:5]
            listing[name] = WorkspaceInfo(
                name,
                line.startswith(">"),
                owner,
                persistent == "True",
                _count(numvars),
                names.split(",") if names else [],
            )
    return listing


def parse_variables(text: str) -> dict[str, VariableInfo]:
    """Read a listing of variables; an original server does not say what is leased."""
    listing = {}
    for line in text.split("\n"):
        if line:
            name, values, fetchers, finders, mode, *leased = _fields(line)
            listing[name] = VariableInfo(
                name,
                _count(values),
                _count(fetchers),
                _count(finders),
                mode,
                leased=_count(leased[0]) if leased else 0,
            )
    return listing


def columns_of_the_guide(text: str) -> str:
    """Return a listing of variables without the columns that only our servers add."""
    width = len(_Five._fields)
    return "\n".join("\t".join(line.split("\t")[:width]) for line in text.split("\n"))


def _fields(line: str) -> list[str]:
    fields = line.split("\t")
    if len(fields) < 5:
        raise NwsProtocolException(f"the listing cannot be read: {line[:100]!r}")
    return fields


def _count(field: str) -> int:
    if not field.isdecimal():
        raise NwsProtocolException(f"the listing cannot be read: {field[:20]!r} is no number")
    return int(field)

"""What listings say, as tuples."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["VariableInfo", "WorkspaceInfo", "parse_variables", "parse_workspaces"]


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
            name, owner, persistent, numvars, names = line[1:].split("\t")
            listing[name] = WorkspaceInfo(
                name,
                line.startswith(">"),
                owner,
                persistent == "True",
                int(numvars),
                names.split(",") if names else [],
            )
    return listing


def parse_variables(text: str) -> dict[str, VariableInfo]:
    """Read a listing of variables; an original server does not say what is leased."""
    listing = {}
    for line in text.split("\n"):
        if line:
            name, values, fetchers, finders, mode, *leased = line.split("\t")
            listing[name] = VariableInfo(
                name,
                int(values),
                int(fetchers),
                int(finders),
                mode,
                leased=int(leased[0]) if leased else 0,
            )
    return listing

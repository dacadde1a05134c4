"""Listings in the form that the wire has always had: lines of fields between tabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nws_server.core.records import Lease, Session, Variable, Workspace


def list_workspaces(chosen: Sequence[Workspace], session: Session) -> bytes:
    """List workspaces; each line ends with a newline, and nothing is a lone newline."""
    lines = []
    for workspace in chosen:
        names = sorted(workspace.variables)
        fields = (
            b">" if workspace.owner is session else b" ",
            workspace.name,
            workspace.owner_text,
            b"True" if workspace.persistent else b"False",
            len(names),
            b",".join(names),
        )
        lines.append(b"%b%b\t%b\t%b\t%d\t%b\n" % fields)
    return b"".join(lines) or b"\n"


def list_variables(workspace: Workspace, *, leased: bool) -> bytes:
    """List variables with newlines between them; ``leased`` adds a sixth field."""
    lines = []
    for name in sorted(workspace.variables):
        variable = workspace.variables[name]
        line = _variable_line(variable)
        lines.append(b"%b\t%d" % (line, len(variable.leases)) if leased else line)
    return b"\n".join(lines)


def _variable_line(variable: Variable) -> bytes:
    return b"%b\t%d\t%d\t%d\t%b" % (
        variable.name,
        len(variable.queue or ()),
        len(variable.fetchers),
        len(variable.finders),
        variable.mode,
    )


def list_leases(leases: Iterable[Lease], now: float) -> bytes:
    """List leases with newlines between them; times are in milliseconds from now."""
    lines = []
    for lease in leases:
        left = max(0, round(1000 * ((lease.deadline or now) - now)))
        fields = (lease.variable.name, lease.id, lease.attempt, lease.session.peer, left)
        lines.append(b"%b\t%d\t%d\t%b\t%d" % fields)
    return b"\n".join(lines)

"""What a Depalma cluster keeps in its workspace; docs/depalma.md has the variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nws_server.web.inspector import Inspector
from nws_server.web.kinds import beginning
from nws_server.web.reports import Report, parse, read_report, reports_in

__all__ = [
    "REQUESTS",
    "absent_hosts",
    "ended_jobs",
    "groups_of",
    "hosts",
    "is_depalma",
    "master_is_gone",
    "output",
    "queues",
]

CLUSTER: Final = b"cluster"
ENDED: Final = b"ended"
REQUESTS: Final = b"requests"

_ABSENT: Final = b"absent"
_MASTER_GONE: Final = b"master gone"
_MARKS: Final = (CLUSTER, b"last pid", _MASTER_GONE)
_QUEUE: Final = b"jobs "
_GONE: Final = b"gone "
_HOST: Final = b"host "


def is_depalma(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether a workspace looks like that of a cluster."""
    return all(inspector.look.variable(ws, mark) is not None for mark in _MARKS)


def master_is_gone(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether nobody holds the will of the master."""
    view = inspector.look.variable(ws, _MASTER_GONE)
    return view is None or not view.leased


def hosts(inspector: Inspector, ws: bytes, most: int) -> Iterator[tuple[bool, Report]]:
    """Walk what hosts say of themselves; each with whether it is there."""
    names = [each.name for each in inspector.look.variables(ws) if each.name.startswith(_HOST)]
    for name in names[:most]:
        report = read_report(inspector, ws, name)
        gone = inspector.look.variable(ws, _GONE + name.removeprefix(_HOST))
        if report is not None and gone is not None:
            yield bool(gone.leased), report


def absent_hosts(inspector: Inspector, ws: bytes, most: int) -> list[Report]:
    """Return what the master says of hosts that should be there."""
    report = read_report(inspector, ws, _ABSENT)
    return [] if report is None else list(report.parts("hosts"))[:most]


def queues(inspector: Inspector, ws: bytes) -> list[bytes]:
    """Return the variables in which jobs wait, those of the highest priority first."""
    names = [each.name for each in inspector.look.variables(ws) if each.name.startswith(_QUEUE)]
    return sorted(names, key=_priority_of, reverse=True)


def groups_of(queue: bytes) -> list[str]:
    """Return the groups whose hosts take jobs from a queue; none if all hosts do."""
    groups = parse(queue.decode("utf-8", "replace").partition(" ")[2].partition(" ")[2])
    return [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []


def _priority_of(queue: bytes) -> int:
    text = queue.split(b" ")[1]
    return int(text) if text.lstrip(b"-").isdigit() and len(text) < 20 else 0


def ended_jobs(inspector: Inspector, ws: bytes, most: int) -> list[Report]:
    """Return the last outcomes, newest first. The master leases them until they are picked up."""
    return list(reports_in(inspector.look.leased_values(ws, ENDED, most)))


def output(inspector: Inspector, ws: bytes, var: bytes, most: int) -> bytes:
    """Return the first bytes of a stream of a job. What the master has read it leases."""
    found = b""
    leased = inspector.look.leased_values(ws, var, most)
    for value in (*reversed(leased), *inspector.look.values(ws, var, 0, most)):
        try:
            found += beginning(value, most - len(found))
        except OSError:
            break  # it was picked up just now
        if len(found) >= most:
            break
    return found

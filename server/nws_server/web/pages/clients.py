"""The page of the clients: the connections of the server."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from nws_server.core.space import Session
from nws_server.session_registry import Member
from nws_server.web.history import Rates
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName, printable
from nws_server.web.query import Query
from nws_server.web.tables import Column, make_table

__all__ = ["show_clients"]


class _Client(NamedTuple):
    session: Session
    member: Member
    rates: Rates


_COLUMNS: Final[dict[str, Column[_Client]]] = {
    "identity": Column(lambda client: client.member.identity),
    "session": Column(lambda client: (client.session.number, client.member.since)),
    "peer": Column(lambda client: client.member.peer),
    "operations": Column(lambda client: client.rates.operations, largest_first=True),
    "bytes": Column(lambda client: client.rates.received + client.rates.sent, largest_first=True),
    "total": Column(lambda client: client.member.performed, largest_first=True),
    "since": Column(lambda client: client.member.since, largest_first=True),
    "waiting": Column(lambda client: client.member.waiter is not None, largest_first=True),
    "leases": Column(lambda client: len(client.session.leases), largest_first=True),
}


def show_clients(inspector: Inspector, query: Query) -> dict[str, Any]:
    """List the connections. Fields: those of a table; ``search`` is for the peer."""
    clients = inspector.cost_cache.get("clients", lambda: _clients(inspector))
    table = make_table(clients, query, _COLUMNS, lambda client: client.member.peer)
    return {"table": table.described(lambda client: _row(inspector, client))}


def _clients(inspector: Inspector) -> list[_Client]:
    rates = inspector.history.rates
    return [
        _Client(session, member, rates(member))
        for session, member in inspector.hub.sessions.members()
    ]


def _row(inspector: Inspector, client: _Client) -> dict[str, Any]:
    session, member, rates = client
    return {
        "peer": printable(member.peer),
        "identity": member.identity,
        "session": session.number,
        "since": inspector.epoch(member.since),
        "operations": round(rates.operations, 1),
        "received": round(rates.received),
        "sent": round(rates.sent),
        "total": {
            "operations": member.performed,
            "received": member.received,
            "sent": member.sent,
        },
        "leases": len(session.leases),
        "owns": [DisplayName(workspace.name) for workspace in session.owned],
        "waits": _wait(inspector, member),
    }


def _wait(inspector: Inspector, member: Member) -> dict[str, Any] | None:
    waiter = member.waiter
    if waiter is None or waiter.variable.workspace is None:
        return None
    return {
        "operation": "fetch" if waiter.removes else "find",
        "workspace": DisplayName(waiter.variable.workspace.name),
        "variable": DisplayName(waiter.variable.name),
        "since": inspector.epoch(waiter.since),
    }

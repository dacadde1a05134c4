"""Whether the server is well, for those who start and watch servers, such as Kubernetes.

Probes need no key: who may connect to the inspector sees from them no more than from a refusal.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nws_server.hub import Hub
from nws_server.web.responses import JSON, Response
from nws_server.web.to_json import to_json

__all__ = ["PROBES"]


def _health(hub: Hub) -> Response:
    """Say that the server answers. One that does not within seconds is to be started again."""
    return Response(to_json({"status": "ok"}), JSON)


def _ready(hub: Hub) -> Response:
    """Say whether there is a place for another client; if not, with the status 503."""
    if hub.sessions.connection_count() < hub.max_connections:
        return Response(to_json({"status": "ready"}), JSON)
    reason = f"{hub.max_connections} clients are connected, and the server takes no more"
    return Response(to_json({"status": "full", "reason": reason}), JSON, 503)


PROBES: Final[dict[str, Callable[[Hub], Response]]] = {"health": _health, "ready": _ready}
"""By address."""

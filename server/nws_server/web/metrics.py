"""What the server does, in numbers, for Prometheus and other monitoring systems.

Names and units follow https://prometheus.io/docs/practices/naming/. There is no label with a name
that users choose, such as that of a workspace: each one would be a time series for ever.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from nws.version import __version__
from nws_server.incidents import INCIDENTS
from nws_server.web import sleigh_reports
from nws_server.web.inspector import Inspector

__all__ = ["Metrics"]

_WORKER_STATES: Final = (
    "starting",
    "initializing",
    "idle",
    "loading",
    "running",
    "waiting",
    "stopped",
    "failed",
    "gone",
)
"""What workers report; anything else, which any client can store there, counts as ``other``."""
_OTHER: Final = "other"


class Metrics:
    """The metrics of one server."""

    def __init__(self, inspector: Inspector) -> None:
        """Prepare for what an inspector sees."""
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_ServerCollector(inspector))
        ProcessCollector(registry=self._registry)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as a text, and its media type.

        Args:
            accept: the Accept header of the request, which chooses between the formats.
        """
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type


class _ServerCollector(Collector):
    def __init__(self, inspector: Inspector) -> None:
        self._inspector = inspector

    def collect(self) -> Iterator[Metric]:
        build = GaugeMetricFamily(
            "nws_build_info", "1, with the versions as labels", labels=["version", "python"]
        )
        build.add_metric([__version__, platform.python_version()], 1)
        yield build
        yield from self._clients()
        yield from self._space()
        yield from self._sleighs()

    def _clients(self) -> Iterator[Metric]:
        hub = self._inspector.hub
        sessions, traffic = hub.sessions, hub.sessions.traffic()
        yield _gauge("connections", "Connections of clients", sessions.connection_count())
        yield _gauge(
            "max_connections", "Connections of clients that there can be", hub.max_connections
        )
        yield _gauge("sessions", "Sessions of clients", sessions.session_count())
        yield _counter("operations", "Operations that clients have asked for", traffic.operations)
        yield _counter("received_bytes", "Bytes from clients", traffic.received)
        yield _counter("sent_bytes", "Bytes to clients", traffic.sent)
        for kind, about in INCIDENTS.items():
            yield _counter(kind, about, hub.incidents.counts[kind])

    def _space(self) -> Iterator[Metric]:
        inspector = self._inspector
        totals = inspector.cost_cache.get("totals", inspector.look.totals)
        yield _gauge("workspaces", "Workspaces", totals["workspaces"])
        yield _gauge("variables", "Variables", totals["variables"])
        yield _gauge("values", "Values that can be taken", totals["values"])
        yield _gauge("leases", "Values under lease", totals["leases"])
        yield _gauge("waiting_operations", "Operations that wait for a value", totals["waiting"])
        yield _gauge("value_bytes", "Size of all values", totals["bytes"])
        yield _gauge("memory_bytes", "Memory for values, roughly", totals["memory"])
        yield _gauge("spooled_bytes", "Size of the values in files", inspector.hub.spooled())

    def _sleighs(self) -> Iterator[Metric]:
        inspector = self._inspector
        seen = inspector.cost_cache.get("sleighs", lambda: _look_at_sleighs(inspector))
        yield _gauge("sleighs", "Sleighs whose workspace is there", seen.sleighs)
        workers = GaugeMetricFamily(
            "nws_sleigh_workers", "Workers of sleighs, by their state", labels=["state"]
        )
        for state in (*_WORKER_STATES, _OTHER):
            workers.add_metric([state], seen.workers[state])
        yield workers
        yield _gauge("sleigh_calls", "Calls under way", seen.calls)
        yield _gauge(
            "sleigh_unfinished_elements",
            "Elements of these calls that were submitted and have no result",
            seen.unfinished,
        )
        yield _gauge(
            "sleigh_failed_elements", "Elements of these calls that have failed", seen.failed
        )


def _gauge(name: str, about: str, number: float) -> Metric:
    return GaugeMetricFamily(f"nws_{name}", about, value=number)


def _counter(name: str, about: str, number: float) -> Metric:
    return CounterMetricFamily(f"nws_{name}", about, value=number)


class _Sleighs(NamedTuple):
    """What all sleighs say together."""

    sleighs: int
    workers: Counter[str]
    """By state."""
    calls: int
    unfinished: int
    failed: int


def _look_at_sleighs(inspector: Inspector) -> _Sleighs:
    workers: Counter[str] = Counter()
    sleighs = calls = unfinished = failed = 0
    for workspace in inspector.look.workspaces():
        ws = workspace.name
        if not sleigh_reports.is_sleigh(inspector, ws):
            continue
        sleighs += 1
        reports = sleigh_reports.read_sleigh(inspector, ws)
        for report in reports.workers().values():
            state = report.text("state")
            workers[state if state in _WORKER_STATES else _OTHER] += 1
        for call in reports.calls():
            if not call.flag("over"):
                calls += 1
                unfinished += max(0, call.whole("submitted") - call.whole("arrived"))
                failed += max(0, call.whole("failed"))
    return _Sleighs(sleighs, workers, calls, unfinished, failed)

"""The master's thread that hears of jobs that ended, of hosts that come, and of those that go."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from nws.client import Lease, NetWorkSpace
from nws.depalma.job_queues import drop_unreadable
from nws.depalma.messages import ENDED, JOINED, REQUESTS
from nws.errors import (
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsTimeoutException,
    NwsUnpicklingException,
)
from nws.workspace.presence import FOREVER_SECONDS, gone_of

__all__ = ["MAX_HOSTS", "Listener", "Monitor"]

MAX_HOSTS: Final = 900
"""One wait can be for a thousand variables."""

_LOOK_SECONDS: Final = 0.5
"""Between looks at what goes by time."""

_BURST_SECONDS: Final = 0.01
"""Between outcomes that come in a burst."""

_GATHER_SECONDS: Final = 0.002
"""In which further outcomes of a burst are gathered."""

_MAX_OUTCOMES: Final = 1000


class Listener(Protocol):
    """Who is told. All calls come from the monitor's thread."""

    def joined_hosts(self) -> list[str]:
        """Return the ids of the hosts whose end matters."""

    def on_outcomes(self, leases: Sequence[Lease]) -> None:
        """Jobs have ended."""

    def on_joined(self, host: object) -> None:
        """A host has come: this is its id, if it is one."""

    def on_request(self, text: object) -> None:
        """Somebody has asked for something."""

    def on_gone(self, host: str) -> None:
        """The host with this id is gone, or was silent for too long."""

    def on_time(self) -> None:
        """Some time has passed."""

    def on_failure(self, error: Exception) -> None:
        """The monitor has ended, because its server is gone."""


class Monitor(threading.Thread):
    """Waits for whatever happens, with one request for all of it."""

    def __init__(self, workspace: NetWorkSpace, listener: Listener) -> None:
        """Make one; call ``start``. It ends when the workspace is deleted."""
        super().__init__(name="depalma monitor", daemon=True)
        self._ws = workspace
        self._listener = listener
        self._last_outcome = 0.0
        self._look_at = 0.0

    def run(self) -> None:
        try:
            while True:
                self._hear()
        except Exception as error:
            self._listener.on_failure(error)

    def _hear(self) -> None:
        # What a host has reported comes before its end.
        names = [ENDED, JOINED, REQUESTS, *map(gone_of, self._listener.joined_hosts())]
        try:
            self._tell(self._ws.leaseAny(names, timeout=_LOOK_SECONDS, duration=FOREVER_SECONDS))
        except NwsTimeoutException:
            pass
        except NwsNoWorkSpaceException:
            raise
        except NwsUnpicklingException:
            drop_unreadable(self._ws, names)
        except NwsOperationException:
            pass  # a host was put out, and its variable is deleted
        if time.monotonic() >= self._look_at:
            self._listener.on_time()
            self._look_at = time.monotonic() + _LOOK_SECONDS

    def _tell(self, lease: Lease) -> None:
        if lease.variable == ENDED:
            self._listener.on_outcomes([lease])
            self._gather_outcomes()
        elif lease.variable == JOINED:
            lease.settle()
            self._listener.on_joined(lease.value)
        elif lease.variable == REQUESTS:
            lease.settle()
            self._listener.on_request(lease.value)
        else:
            self._listener.on_gone(lease.variable.removeprefix(gone_of("")))

    def _gather_outcomes(self) -> None:
        """Where many short jobs end, take in one message what comes in a moment."""
        since, self._last_outcome = self._last_outcome, time.monotonic()
        if self._last_outcome - since > _BURST_SECONDS:
            return
        time.sleep(_GATHER_SECONDS)
        with suppress(NwsTimeoutException, NwsUnpicklingException):
            leases = self._ws.lease_many(ENDED, _MAX_OUTCOMES, timeout=0, duration=FOREVER_SECONDS)
            self._listener.on_outcomes(leases)

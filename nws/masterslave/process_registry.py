"""The processes of a label: who is there, and who does not answer any more."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from numbers import Real
from typing import Final, NamedTuple

from nws.client import DICT, Lease, NetWorkSpace
from nws.errors import NwsLeaseLostException, NwsTimeoutException
from nws.workspace.presence import FOREVER_SECONDS, Presence, gone_of, ids_of_present

__all__ = ["ProcessInfo", "ProcessRegistry", "check_period"]

_SILENT_PERIODS: Final = 2
"""Watchdog periods after which a silent process counts as gone."""

_NEXT_ID: Final = "next process"
_PROCESS: Final = "process "


class ProcessInfo(NamedTuple):
    """What is known of a process."""

    id: int
    text: str
    """A line for people."""
    tags: list[str]
    """Of the tasks that it handles."""


class ProcessRegistry:
    """The processes of a label, and those of them that are registered here. Several threads may
    use it."""

    def __init__(self, workspace: NetWorkSpace, *, create: bool) -> None:
        """Look at a workspace.

        Args:
            workspace: of the label.
            create: it is new; prepare it.
        """
        self._workspace = workspace
        self._here: dict[int, Presence] = {}
        if create:
            workspace.store(_NEXT_ID, 0)

    def register(self, watchdog_period: float | None, text: str, tags: Iterable[str]) -> int:
        """Add a process; see `TaskManager.registerProcess`."""
        check_period(watchdog_period)
        duration = _SILENT_PERIODS * watchdog_period if watchdog_period else FOREVER_SECONDS
        lease = self._workspace.lease(_NEXT_ID)
        number: int = lease.value
        described = json.dumps([text, list(tags)])
        lease.settle([(_NEXT_ID, number + 1), (f"{_PROCESS}{number}", described)])
        self._here[number] = Presence(self._workspace, str(number), text, duration)
        return number

    def unregister(self, number: int) -> None:
        """Remove a process that is registered here; see `TaskManager.unregisterProcess`."""
        presence = self._present(number)
        del self._here[number]
        self._workspace.deleteVar(f"{_PROCESS}{number}")
        # Last, for a master that waits for it deletes the workspace then.
        presence.leave()

    def duration_of(self, number: int | None) -> float:
        """Return how many seconds the leases of a process last that is registered here.

        Raises:
            KeyError: it is not.
        """
        return FOREVER_SECONDS if number is None else self._present(number).duration

    def ping(self, number: int, tasks: Iterable[Lease]) -> None:
        """Let the leases of a process and of its tasks begin again; see `TaskManager.ping`."""
        presence = self._present(number)
        presence.renew()
        for lease in tasks:
            with suppress(NwsLeaseLostException):  # it has just ended, or was given to another one
                lease.renew(presence.duration)

    def _present(self, number: int) -> Presence:
        try:
            return self._here[number]
        except KeyError:
            raise KeyError(f"no process {number!r} is registered here") from None

    def active(self) -> list[int]:
        """Return the ids of the processes that are there, in their order."""
        listing = self._workspace.listVars(format=DICT)
        assert isinstance(listing, dict)
        return sorted(map(int, ids_of_present(listing)))

    def infos(self) -> Iterator[ProcessInfo]:
        """Return what is known of the processes that are there."""
        for number in self.active():
            described = self._workspace.findTry(f"{_PROCESS}{number}")
            if described is not None:  # it has not left just now
                yield ProcessInfo(number, *json.loads(described))

    def wait_until_alone(self, number: int, timeout: float) -> list[ProcessInfo]:
        """Wait until a process is the only one.

        Args:
            number: its id.
            timeout: seconds.

        Returns:
            The others that are still there when the time is over.
        """
        deadline = time.monotonic() + timeout
        while others := [other for other in self.active() if other != number]:
            left = deadline - time.monotonic()
            if left <= 0:
                return [info for info in self.infos() if info.id != number]
            with suppress(NwsTimeoutException):
                self._workspace.find(gone_of(str(others[0])), timeout=left)
        return []


def check_period(watchdog_period: float | None) -> None:
    """Check a watchdog period.

    Raises:
        ValueError: it is neither a number of seconds above 0 nor None.
    """
    is_number = isinstance(watchdog_period, Real)
    if watchdog_period is not None and not (
        is_number and 0 < watchdog_period <= FOREVER_SECONDS / _SILENT_PERIODS
    ):
        raise ValueError(
            f"watchdog_period={watchdog_period!r} is neither a number of seconds above 0 nor None"
        )

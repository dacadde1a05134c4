"""Things that go wrong many times: each is counted, few are logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LOG_PAUSE_SECONDS: Final = 60.0
"""Between two lines about incidents of one kind."""


class KindsOfIncidents:
    """Incidents of several kinds: the first of each kind is logged at once."""

    def __init__(self, clock: Callable[[], float], log: Callable[[str], None]) -> None:
        """Begin with none; see `Incidents`."""
        self._clock = clock
        self._log = log
        self._kinds: dict[str, Incidents] = {}

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(kind.count for kind in self._kinds.values())

    def add(self, kind: str, text: str) -> None:
        """Count an incident of a kind; there may be only few kinds."""
        if kind not in self._kinds:
            self._kinds[kind] = Incidents(self._clock, self._log)
        self._kinds[kind].add(text)


class Incidents:
    """Incidents of one kind.

    Attributes:
        count: how many there were.
    """

    def __init__(self, clock: Callable[[], float], log: Callable[[str], None]) -> None:
        """Begin with none.

        Args:
            clock: seconds, monotonic.
            log: writes a line to the log.
        """
        self.count = 0
        self._clock = clock
        self._log = log
        self._logged = 0  # how many had happened when the last line was written
        self._silent_until: float | None = None

    def add(self, text: str) -> None:
        """Count an incident. The first is logged at once, later ones at most once a minute, with
        the number of those since."""
        self.count += 1
        now = self._clock()
        if self._silent_until is not None and now < self._silent_until:
            return
        unlogged = self.count - self._logged - 1
        self._logged = self.count
        self._silent_until = now + LOG_PAUSE_SECONDS
        self._log(f"{text} (and {unlogged} more since the last such line)" if unlogged else text)

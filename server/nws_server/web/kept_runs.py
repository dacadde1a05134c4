"""Sleighs that have ended: what they said of themselves stays for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

__all__ = ["KeptRun", "KeptRuns"]

_MAX_RUNS: Final = 100


class KeptRun(NamedTuple):
    """A sleigh that has ended. Times are of the epoch."""

    ws: bytes
    """The name of its workspace."""
    began: float
    ended: float
    packed: bytes
    """See `nws_server.web.sleigh_reports`."""


class KeptRuns:
    """The last sleighs of a server that have ended, up to a hundred of them."""

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        """Keep each for ``seconds`` after its end; ``now`` returns the time of the epoch."""
        self._seconds = seconds
        self._now = now
        self._runs: OrderedDict[bytes, KeptRun] = OrderedDict()  # the oldest first

    def add(self, run: KeptRun) -> None:
        """Keep a run; one before it with the same name of the workspace goes."""
        self._runs.pop(run.ws, None)
        self._runs[run.ws] = run
        self._forget_old()

    def get(self, ws: bytes) -> KeptRun | None:
        """Return the run whose workspace had this name."""
        self._forget_old()
        return self._runs.get(ws)

    def __iter__(self) -> Iterator[KeptRun]:
        """Walk the runs, the one that ended last first."""
        self._forget_old()
        return reversed(list(self._runs.values()))

    def _forget_old(self) -> None:
        oldest = self._now() - self._seconds
        while self._runs:
            run = next(iter(self._runs.values()))
            if run.ended > oldest and len(self._runs) <= _MAX_RUNS:
                break
            del self._runs[run.ws]

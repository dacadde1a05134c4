"""A sleigh whose number of workers follows the work: `Sleigh(workerCount=(2, 40))`.

It grows within seconds and shrinks slowly: to start workers too late costs everybody's time, to
keep some too long costs little. A thread looks once a second, also when nobody makes a call.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from nws.counted import counted
from nws.errors import NwsException, SleighException, SleighOccupiedException

__all__ = ["Elastic", "Load", "Policy"]

_LOOK_SECONDS: Final = 1.0
"""Between looks."""

_IDLE_SECONDS: Final = 30.0
"""In which some workers were idle all the time; after that they leave."""


class Load(NamedTuple):
    """What there is to do."""

    waiting: int
    """Tasks that no worker has."""
    running: int
    """Tasks that workers have."""


class Policy:
    """How many workers there are to be: a pure rule, which is given the time."""

    def __init__(self, low: int, high: int, now: float) -> None:
        """Prepare for at least ``low`` and at most ``high`` workers."""
        self._low = low
        self._high = high
        self._since = now
        self._most_busy = 0

    def wanted(self, load: Load, count: int, now: float) -> int:
        """Return how many workers there are to be.

        While tasks wait, there is one more for each of them, but at most twice as many as before.
        When some were idle for half a minute, these leave.

        Args:
            load: as it is now.
            count: of workers.
            now: a reading of time.monotonic().
        """
        self._most_busy = max(self._most_busy, min(count, load.running + load.waiting))
        if load.waiting:
            self._begin_again(now)
            return max(count, min(self._high, 2 * count, count + load.waiting))
        if now - self._since < _IDLE_SECONDS:
            return count
        busy = self._most_busy
        self._begin_again(now)
        return max(self._low, min(count, busy))

    def _begin_again(self, now: float) -> None:
        self._since, self._most_busy = now, 0


class Scalable(Protocol):
    """What has workers; see `nws.sleigh.Sleigh`."""

    @property
    def size(self) -> int: ...
    def scale(self, workerCount: int) -> None: ...


class Elastic(threading.Thread):
    """Scales a sleigh until that is stopped, or nobody has it any more."""

    def __init__(
        self,
        sleigh: Scalable,
        policy: Policy,
        load: Callable[[], Load],
        stopped: threading.Event,
        warn: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            sleigh: is scaled; it is not kept.
            policy: says how many workers there are to be.
            load: returns what there is to do.
            stopped: is set when the sleigh is.
            warn: logs a text.
        """
        super().__init__(name="nws-elastic", daemon=True)
        self._sleigh = weakref.ref(sleigh)
        self._policy = policy
        self._load = load
        self._stopped = stopped
        self._warn = warn

    def run(self) -> None:
        try:
            while not self._stopped.wait(_LOOK_SECONDS):
                sleigh = self._sleigh()
                if sleigh is None:
                    return
                self._look(sleigh)
                del sleigh
        except NwsException:
            pass  # the server is gone, as calls will see

    def _look(self, sleigh: Scalable) -> None:
        count = sleigh.size
        wanted = self._policy.wanted(self._load(), count, time.monotonic())
        if wanted == count:
            return
        try:
            sleigh.scale(wanted)
        except SleighOccupiedException:
            pass  # they leave when they were idle for another while
        except SleighException as error:
            if not self._stopped.is_set():
                self._warn(
                    f"there cannot be {counted(wanted, 'worker')} instead of {count}: {error}"
                )

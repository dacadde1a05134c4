"""The activity of the server in the last minutes: samples at regular times, in bounded memory.

The history keeps the operations and bytes per second of the whole server, the rates of each
connection since the last sample, and the number of values in each variable whenever it changed.
Sampling takes at most a fiftieth of the time: with very many variables samples are less frequent.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from nws_server.hub import Hub
from nws_server.session_registry import Member
from nws_server.web.duty_cycle import DutyCycle

__all__ = ["HISTORY_MINUTES", "History", "Point", "Rates"]

HISTORY_MINUTES: Final = 5
"""How far back the history goes."""

SAMPLE_SECONDS: Final = 2.0
"""Shortest time between two samples."""

_DUTY_CYCLE: Final = DutyCycle(1 / 50)
_MAX_SAMPLES: Final = int(60 * HISTORY_MINUTES / SAMPLE_SECONDS)
_MAX_VARIABLES: Final = 1000
"""Variables whose depth is kept: those that changed last."""

Point = tuple[float, float]
"""A time in seconds of the hub's clock, and a number."""


class Rates(NamedTuple):
    """What a connection does per second."""

    operations: float
    received: float
    """Bytes."""
    sent: float
    """Bytes."""


_NOTHING: Final = Rates(0.0, 0.0, 0.0)


class History:
    """Samples of one server. `sample` returns when it wants to be called again.

    Attributes:
        sampled: when the last sample was taken, in seconds of the hub's clock.
    """

    def __init__(self, hub: Hub) -> None:
        """Begin without samples."""
        self._hub = hub
        self._depths: OrderedDict[bytes, deque[Point]] = OrderedDict()  # by variable id
        self._before: dict[bytes, int] = {}
        self._counts: dict[Member, tuple[int, int, int]] = {}
        self._rates: dict[Member, Rates] = {}
        self._operations: deque[Point] = deque(maxlen=_MAX_SAMPLES)
        self._bytes: deque[Point] = deque(maxlen=_MAX_SAMPLES)
        self._begun = self.sampled = hub.clock()

    def sample(self) -> float:
        """Take a sample; return the seconds until the next one."""
        clock = self._hub.clock
        now = clock()
        self._sample_connections(now)
        depths = dict(self._hub.space.views.depths())
        for variable_id, depth in depths.items():
            if depth != self._before.get(variable_id, 0):
                self._note(variable_id, now, depth)
        self._before = depths
        return max(SAMPLE_SECONDS, _DUTY_CYCLE.pause_after(clock() - now))

    def _sample_connections(self, now: float) -> None:
        seconds = max(now - self.sampled, 0.001)
        self.sampled = now
        counts, rates = {}, {}
        for _, member in self._hub.sessions.members():
            counts[member] = count = (member.performed, member.received, member.sent)
            before = self._counts.get(member, (0, 0, 0))
            rates[member] = Rates(
                *((new - old) / seconds for new, old in zip(count, before, strict=True))
            )
        self._counts, self._rates = counts, rates
        self._operations.append((now, sum(rate.operations for rate in rates.values())))
        self._bytes.append((now, sum(rate.received + rate.sent for rate in rates.values())))

    def _note(self, variable_id: bytes, now: float, depth: int) -> None:
        points = self._depths.get(variable_id)
        if points is None:
            points = self._depths[variable_id] = deque(maxlen=_MAX_SAMPLES)
            if len(self._depths) > _MAX_VARIABLES:
                self._depths.popitem(last=False)
        points.append((now, depth))
        self._depths.move_to_end(variable_id)

    @property
    def begin(self) -> float:
        """Left edge of charts: at least a minute and at most `HISTORY_MINUTES` ago."""
        return max(self.sampled - 60 * HISTORY_MINUTES, min(self._begun, self.sampled - 60))

    def rates(self, member: Member) -> Rates:
        """Return the rates of a connection at the last sample; zeros if there is none."""
        return self._rates.get(member, _NOTHING)

    def depth(self, variable_id: bytes) -> Sequence[Point]:
        """Return the changes of a variable's depth, oldest first; the last number still holds."""
        oldest = self.sampled - 60 * HISTORY_MINUTES
        points = list(self._depths.get(variable_id, ()))
        while len(points) > 1 and points[1][0] <= oldest:
            del points[0]
        return points

    @property
    def operations(self) -> list[Point]:
        """Operations per second of all connections, oldest first."""
        return list(self._operations)

    @property
    def bytes(self) -> list[Point]:
        """Bytes per second of all connections in both directions, oldest first."""
        return list(self._bytes)

"""What the server was like in the last minutes: samples at regular times, in bounded memory.

Kept are the operations and bytes of the whole server, the rates of each connection since the last
sample, and how many values the variables held that changed. Sampling takes one part in fifty of the
time at most: with very many variables it is done less often.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from nws_server.hub import Hub, Member

__all__ = ["HISTORY_MINUTES", "History", "Point", "Rates"]

HISTORY_MINUTES: Final = 5
"""How far back it goes."""

SAMPLE_SECONDS: Final = 2.0
"""Seconds between samples, at least."""

_REST: Final = 50.0
_MAX_SAMPLES: Final = int(60 * HISTORY_MINUTES / SAMPLE_SECONDS)
_MAX_VARIABLES: Final = 1000
"""Variables of which the depth is kept: those that changed last."""

Point = tuple[float, float]
"""A time in seconds of the hub's clock, and a number."""


class Rates(NamedTuple):
    """What a connection does in a second."""

    operations: float
    received: float
    """Bytes."""
    sent: float
    """Bytes."""


_NOTHING: Final = Rates(0.0, 0.0, 0.0)


class History:
    """Samples of one server. Call `sample` after so many seconds as it says.

    Attributes:
        sampled: when the last sample was taken, in seconds of the hub's clock.
    """

    def __init__(self, hub: Hub) -> None:
        """Begin with nothing."""
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
        depths = dict(self._hub.space.look.depths())
        for variable_id, depth in depths.items():
            if depth != self._before.get(variable_id, 0):
                self._note(variable_id, now, depth)
        self._before = depths
        return max(SAMPLE_SECONDS, _REST * (clock() - now))

    def _sample_connections(self, now: float) -> None:
        seconds = max(now - self.sampled, 0.001)
        self.sampled = now
        counts, rates = {}, {}
        for _, member in self._hub.members():
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
        """When the pictures of it begin: not before the first sample, nor too long ago."""
        return max(self.sampled - 60 * HISTORY_MINUTES, min(self._begun, self.sampled - 60))

    def rates(self, member: Member) -> Rates:
        """Return what a connection did in a second, of late."""
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
        """Operations a second, of all connections."""
        return list(self._operations)

    @property
    def bytes(self) -> list[Point]:
        """Bytes a second, of all connections, in both directions."""
        return list(self._bytes)

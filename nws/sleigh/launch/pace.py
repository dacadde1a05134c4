"""Not too much in a time: batch systems suffer from programs that submit again and again."""

from __future__ import annotations

from collections import deque

__all__ = ["Pace"]


class Pace:
    """Lets something happen a number of times in any span of some seconds."""

    def __init__(self, most: int, seconds: float) -> None:
        """Begin.

        Args:
            most: times.
            seconds: the span.
        """
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=most)

    def wait(self, now: float) -> float:
        """Return in how many seconds it may happen next; 0.0 for now.

        Args:
            now: seconds of a monotonic clock.
        """
        if len(self._times) < (self._times.maxlen or 0):
            return 0.0
        return max(0.0, self._times[0] + self._seconds - now)

    def note(self, now: float) -> None:
        """Take note that it happens."""
        self._times.append(now)

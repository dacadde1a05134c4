"""What a worker's process uses: memory and processor time, where the system tells."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

__all__ = ["ProcessUsage", "UsageMeter", "is_similar"]

_MIN_SECONDS: Final = 0.5
"""Between looks whose difference says how busy a process was: systems count time in ticks."""

_MEMORY_CHANGE: Final = 0.1
"""A smaller change of memory, as a part of itself, is not worth a report."""

_CPU_CHANGE: Final = 0.1
"""In cores, likewise; but a process that has come to rest is."""


class ProcessUsage(NamedTuple):
    """What a process uses; None for what is not known."""

    memory: int | None = None
    """Bytes in memory."""
    cpu: float | None = None
    """How many cores it has kept busy since the look before this one."""
    cpu_seconds: float | None = None
    """Processor time since it was started."""


class UsageMeter:
    """Looks at one process after the other."""

    def __init__(self) -> None:
        self._process: Any = None
        self._measured = ProcessUsage()
        self._when = 0.0

    def look(self, pid: int, now: float) -> ProcessUsage:
        """Return what a process uses.

        Args:
            pid: of the process; 0 if there is none.
            now: a reading of time.monotonic().
        """
        if not pid:
            return ProcessUsage()
        import psutil  # takes 10 ms, which a program that imports nws.sleigh should not wait for

        try:
            if self._process is None or self._process.pid != pid:
                self._process = psutil.Process(pid)
                self._measured = ProcessUsage()
            with self._process.oneshot():
                memory, times = self._process.memory_info(), self._process.cpu_times()
        except psutil.Error:
            return ProcessUsage()
        return self._measure(memory.rss, times.user + times.system, now)

    def _measure(self, memory: int, seconds: float, now: float) -> ProcessUsage:
        before, took = self._measured, now - self._when
        if before.cpu_seconds is not None and took < _MIN_SECONDS:
            return before._replace(memory=memory)
        cpu = None
        if before.cpu_seconds is not None:
            cpu = round(max(0.0, seconds - before.cpu_seconds) / took, 2)
        self._measured, self._when = ProcessUsage(memory, cpu, round(seconds, 2)), now
        return self._measured


def is_similar(one: ProcessUsage, other: ProcessUsage) -> bool:
    """Tell whether the second of two looks is not worth a report."""
    return _is_close(one.memory, other.memory, _MEMORY_CHANGE * (other.memory or 0)) and (
        _is_close(one.cpu, other.cpu, _CPU_CHANGE) and bool(one.cpu) == bool(other.cpu)
    )


def _is_close(one: float | None, other: float | None, change: float) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= change

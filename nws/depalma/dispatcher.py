"""Which waiting job runs next, and where: by priority, group and load. It does no I/O."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from nws.depalma.jobs import JobRecord, JobState
from nws.depalma.messages import HostReport, JobOutcome

__all__ = ["ClusterHost", "Dispatcher"]

_AHEAD_SECONDS: Final = 0.05
"""Of work that a host is given beside what it runs, so that short jobs need not wait for us."""

_SLOW_SECONDS: Final = 0.5
"""Without the end of a job, after which a host has to give back what it has not begun."""

_MAX_AHEAD: Final = 64
"""Jobs for each slot, at most."""

_WEIGHT_OF_NEWEST: Final = 0.2
"""Of the last job, in the mean duration."""


class ClusterHost:
    """A host, as the dispatcher sees it.

    Attributes:
        report: its last one.
        jobs: that were given to it and have not ended, by pid.
    """

    def __init__(self, report: HostReport, now: float) -> None:
        self.report = report
        self.jobs: dict[int, JobRecord] = {}
        self._mean_seconds: float | None = None
        self._is_filled = False
        self._last_outcome = now  # by the clock of the caller, as all times here
        self._behind_since: float | None = None

    @property
    def id(self) -> str:
        return self.report.id

    @property
    def name(self) -> str:
        return self.report.name

    def note_report(self, report: HostReport, step: int, now: float) -> None:
        """Take note of a report; ``step`` is that of the cluster's codes."""
        self.report = report
        if report.step >= step:
            self._behind_since = None
        elif self._behind_since is None:
            self._behind_since = now

    def is_behind(self, since: float) -> bool:
        """Tell whether it has had older codes than the cluster all the time since then."""
        return self._behind_since is not None and self._behind_since < since

    def note_outcome(self, outcome: JobOutcome, now: float) -> None:
        """Take note of how long a job took."""
        self._last_outcome = now
        seconds = max(1e-4, outcome.ended - outcome.started)
        mean = seconds if self._mean_seconds is None else self._mean_seconds
        self._mean_seconds = mean + _WEIGHT_OF_NEWEST * (seconds - mean)

    def is_slow(self, now: float) -> bool:
        """Tell whether it has more jobs than it can run, and they take longer than expected."""
        return len(self.jobs) > self.report.slots and now - self._last_outcome > _SLOW_SECONDS

    def forget_durations(self) -> None:
        """Give it no more jobs than it can run, until one has ended."""
        self._mean_seconds = None

    def wants_job(self) -> bool:
        """Tell whether it is to be given another job.

        With short jobs it is filled when half of them are done: so many travel together.
        """
        slots, ahead = self.report.slots, 0
        if self._mean_seconds is not None:
            ahead = min(_MAX_AHEAD, int(_AHEAD_SECONDS / self._mean_seconds))
        most = slots * (1 + ahead)
        if len(self.jobs) < max(slots, most // 2):
            self._is_filled = False
        elif len(self.jobs) >= most:
            self._is_filled = True
        return not self._is_filled

    @property
    def load(self) -> float:
        """How busy it is: 1.0 when all its slots, or all its cores, are.

        The system's load has our own jobs in it, which are counted already.
        """
        others = max(0.0, self.report.load - len(self.report.jobs))
        return len(self.jobs) / self.report.slots + others / self.report.cores

    def is_called(self, name: str) -> bool:
        """Tell whether it, or one of its groups, has this name."""
        return name == self.report.name or name in self.report.groups

    def accepts(self, groups: Collection[str]) -> bool:
        """Tell whether jobs for these groups may run here."""
        return not groups or not set(groups).isdisjoint(self.report.groups)


class Dispatcher:
    """The waiting jobs, one line for each set of groups that they name."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, ...], list[tuple[int, int, JobRecord]]] = {}

    def add(self, job: JobRecord) -> None:
        """Let a job wait: behind those of its priority that were submitted before."""
        line = self._lines.setdefault(tuple(job.spec.groups), [])
        heapq.heappush(line, (-job.spec.priority, job.pid, job))

    def waiting(self) -> Iterator[JobRecord]:
        """Go through the jobs that wait, in no order."""
        for line in self._lines.values():
            yield from (job for _, _, job in line if job.state is JobState.WAITING)

    def next(self, hosts: Iterable[ClusterHost]) -> tuple[JobRecord, ClusterHost] | None:
        """Choose a job and a host for it; the job does not wait any more.

        Of all jobs that can run now it is the first of the highest priority. Of the hosts with room
        it is the one with the highest priority, then that with the least load.

        Returns:
            None if no job can run now.
        """
        free = [host for host in hosts if host.wants_job()]
        best: tuple[tuple[int, int], tuple[str, ...], ClusterHost] | None = None
        for groups, line in list(self._lines.items()) if free else ():
            if not self._drop_ended(groups, line):
                continue
            able = [host for host in free if host.accepts(groups)]
            place = line[0][:2]
            if able and (best is None or place < best[0]):
                best = place, groups, min(able, key=_order_of)
        if best is None:
            return None
        _, groups, host = best
        return heapq.heappop(self._lines[groups])[2], host

    def _drop_ended(self, groups: tuple[str, ...], line: list[tuple[int, int, JobRecord]]) -> bool:
        """Drop jobs that were killed, or whose outcome came late; tell whether any is left."""
        while line and line[0][2].state is not JobState.WAITING:
            heapq.heappop(line)
        if not line:
            del self._lines[groups]
        return bool(line)


def _order_of(host: ClusterHost) -> tuple[int, float, str]:
    return -host.report.priority, host.load, host.id

"""Whether there is anybody left to do the work."""

from __future__ import annotations

import time
from typing import Final

from nws.errors import SleighJoinException
from nws.sleigh.launch.processes import Processes
from nws.sleigh.master.run import AnyTeam, Run, Values

__all__ = ["Liveness"]

_MISSED_BY_HAND: Final = 5.0
_MISSED: Final = 30.0
"""Seconds after which a worker that is gone is not waited for: one that was started by hand, or one
whose supervisor is started again."""

_PAUSE: Final = 1.0
"""Seconds between looks at which supervisors are gone."""


class Liveness:
    """Looks after the processes of a sleigh, and for workers that are gone for good."""

    def __init__(self, team: AnyTeam, processes: Processes, *, by_hand: bool) -> None:
        """Look after a team, whose workers a person has started or these processes."""
        self._team = team
        self._processes = processes
        self._missed_after = _MISSED_BY_HAND if by_hand else _MISSED
        self._gone: dict[int, float] = {}  # since when
        self._next = 0.0

    def hold(self, run: Run | None = None) -> Values | None:
        """Start processes again that have ended, and look who is gone.

        Args:
            run: the call under way.

        Returns:
            Failures in place of what those would have done who are gone, or None.

        Raises:
            SleighJoinException: nobody is left.
            SleighScriptException: a process cannot be started.
        """
        problem = self._processes.look_after(self._team.is_there)
        if problem and (run is None or len(self._team.gone()) >= self._team.group().size):
            self._processes.reset_backoff()
            raise SleighJoinException(problem)
        now = time.monotonic()
        if run is None or now < self._next:
            return None
        self._next = now + _PAUSE
        self._gone = {rank: self._gone.get(rank, now) for rank in self._team.gone()}
        missed = {rank for rank, since in self._gone.items() if now - since > self._missed_after}
        group = self._team.group()
        if group.closed and not group.size:
            raise SleighJoinException("the group was closed before any worker had joined")
        if missed and len(missed) >= group.size > 0:
            raise SleighJoinException("all workers are gone")
        return run.give_up_ranks(missed, "its worker is gone") if missed else None

"""Restarts supervisors that have ended, and detects lost workers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from nws.errors import SleighJoinException
from nws.sleigh.launch.processes import Processes
from nws.sleigh.master.engine import LOOK_SECONDS, AnyTeam
from nws.sleigh.master.groups import Groups
from nws.sleigh.master.members import Absent, Group, Members

__all__ = ["Liveness"]

_log = logging.getLogger("nws")

_LOST_BY_HAND_SECONDS: Final = 5.0
_LOST_SECONDS: Final = 30.0
"""After which a worker whose supervisor is gone counts as lost: one that a person has started, or
one whose supervisor is restarted."""

_TOLD_SECONDS: Final = 2.0
"""After which it is logged that a supervisor elsewhere is gone. If only its process has ended, the
command that leads there ends sooner, and says more."""

_CHECK_SECONDS: Final = 1.0
"""Between checks of which supervisors are gone."""


class Liveness:
    """Looks after the processes of a sleigh, and for workers that are gone for good.

    Attributes:
        turn: for who changes which processes there are.
    """

    def __init__(
        self,
        team: AnyTeam,
        processes: Processes,
        check_server: Callable[[], None],
        *,
        by_hand: bool,
        may_grow: bool = False,
    ) -> None:
        """Look after a team.

        Args:
            team: the workers.
            processes: that were started for them.
            check_server: raises SleighNwsException if the private server has ended.
            by_hand: a person has started the workers.
            may_grow: workers may come at any time, so calls wait for them when all are lost.
        """
        self._team = team
        self._members = team.members
        self._processes = processes
        self._check_server = check_server
        self._lost_after = _LOST_BY_HAND_SECONDS if by_hand else _LOST_SECONDS
        self._may_grow = may_grow
        self._gone: dict[int, float] = {}  # since when
        self._lost: dict[int, str] = {}
        self._told: set[str] = set()  # ids of supervisors that are gone
        self._groups = Groups(team.members) if isinstance(team.members, Members) else None
        self._next_check = 0.0
        self._next_restart = 0.0
        self.turn = threading.RLock()

    def restart(self) -> str:
        """Restart supervisors that have ended. Return the problem if one ends again and again.

        Raises:
            SleighScriptException: a process cannot be started.
        """
        with self.turn:
            self._next_restart = time.monotonic() + LOOK_SECONDS
            return self._processes.restart_ended(self._members)

    def restart_if_due(self) -> None:
        """Do so, unless it was done a moment ago: short calls follow each other quickly."""
        if time.monotonic() >= self._next_restart:
            self.restart()

    def wait_for_group(self, timeout: float) -> Group:
        """Wait up to ``timeout`` seconds until the group is closed, and return it. Supervisors that
        end meanwhile are restarted.

        Raises:
            SleighScriptException: a process cannot be started.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._look_who_is_absent()
            left = max(0.0, deadline - time.monotonic())
            group = self._members.group(min(left, LOOK_SECONDS))
            if group.closed or not left:
                return group
            self.restart()

    def note_progress(self) -> None:
        """Note that results have come, so supervisors work."""
        self._processes.note_progress()

    def reset_backoff(self) -> None:
        """Restart at once what ends again and again, and count its ends from zero."""
        with self.turn:
            self._processes.reset_backoff()

    def check(self, *, busy: bool) -> dict[int, str]:
        """Restart supervisors that have ended, and return the ranks of workers that are lost, each
        with the reason.

        Args:
            busy: calls are under way. Otherwise only processes are looked at.

        Raises:
            SleighJoinException: no worker is left, or none can be started.
            SleighNwsException: the private server has ended.
            SleighScriptException: a process cannot be started.
        """
        self._check_server()
        problem = self.restart()
        if problem and (not busy or self._nobody_is_left()):
            self.reset_backoff()
            raise SleighJoinException(problem)
        now = time.monotonic()
        if not busy or now < self._next_check:
            return {}
        self._next_check = now + _CHECK_SECONDS
        self._team.restore_own()
        absent = self._look_who_is_absent()
        lost = self._lost_ranks(absent.gone, now)
        left, group = self._members.left, self._members.group()
        if group.closed and not group.size:
            how = "all workers have left" if left else "it was closed before any worker had joined"
            raise SleighJoinException(f"there are no workers in the group: {how}")
        if lost and len(lost) >= group.size > 0 and not self._may_grow:
            reason = self._processes.last_end() or "their machines cannot be reached"
            raise SleighJoinException(f"all workers are gone: {reason}")
        self._lost = self._reasons(lost, absent.left)
        return self._lost

    def lacking(self, calls: Mapping[int, str]) -> Mapping[int, Exception]:
        """Return which of these calls have no worker of their group; see `Groups.lacking`."""
        if not calls or self._groups is None:
            return {}
        return self._groups.lacking(calls, self._lost, self._processes.last_end())

    def _reasons(self, lost: Iterable[int], left: Iterable[int]) -> dict[int, str]:
        """Return why each of these workers is not there."""
        reasons = {rank: f"worker {rank} is gone" for rank in lost}
        for rank in left:
            why = ", as the sleigh wants fewer" if rank in self._members.dismissed else ""
            reasons[rank] = f"worker {rank} has left{why}"
        return reasons

    def look_who_has_left(self) -> None:
        """Note which workers have left for good since the last look."""
        if self._members.have_left():
            self._look_who_is_absent()

    def _look_who_is_absent(self) -> Absent:
        """Return who is not there, and note who has left for good. The others that have left are
        replaced, and so count as gone until then."""
        gone, left = self._members.absent()
        dismissed = self._members.dismissed
        back = {
            rank: id
            for rank, id in left.items()
            if rank not in dismissed and self._processes.restarts(id)
        }
        left = {rank: id for rank, id in left.items() if rank not in back}
        self._members.note_left(left)
        return Absent({**gone, **back}, left)

    def _lost_ranks(self, gone: dict[int, str], now: float) -> set[int]:
        """Return the ranks that are lost. If their supervisor is a process of ours that does not
        answer, it is killed, and then they have time again to come back. So they have from the
        moment on when a job begins that waited in a queue."""
        self._gone = {rank: self._gone.get(rank, now) for rank in gone}
        self._tell_of({gone[rank] for rank, at in self._gone.items() if now - at > _TOLD_SECONDS})
        lost = {rank for rank, since in self._gone.items() if now - since > self._lost_after}
        killed = self._processes.kill_silent({gone[rank]: self._gone[rank] for rank in lost})
        back = {rank for rank in lost if gone[rank] in killed | self._processes.waiting()}
        self._gone.update(dict.fromkeys(back, now))
        return lost - back

    def _tell_of(self, silent: set[str]) -> None:
        """Log which supervisors elsewhere are gone although what leads to them runs: nobody else
        would say so before that notices."""
        for place in self._processes.leading_to(silent - self._told):
            _log.warning(
                "%s still runs, but nothing is heard of its workers; others do what they had", place
            )
        self._told = silent

    def _nobody_is_left(self) -> bool:
        missing = len(self._members.absent().gone) >= self._members.group().size
        return missing and not self._processes.are_coming

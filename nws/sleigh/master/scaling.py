"""Changes how many workers a sleigh has.

Each supervisor has some room for workers. The first ones are filled first, so that whole machines
are free when few workers are wanted. The master gives the ranks, and tells supervisors which they
are to have; a supervisor that is to have none leaves, and is started when it is to have some.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from nws.client import NetWorkSpace
from nws.errors import SleighStoppedException
from nws.sleigh.launch.launcher import Launch
from nws.sleigh.launch.processes import Processes
from nws.sleigh.master.engine import LOOK_SECONDS
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.team import Team
from nws.sleigh.supervisor.worker_report import worker_reports

__all__ = ["Scaling"]


class Scaling:
    """The number of a sleigh's workers.

    Attributes:
        count: how many there are, or are to come.
    """

    def __init__(
        self,
        team: Team,
        launch: Launch,
        liveness: Liveness,
        processes: Processes,
        check_may_dismiss: Callable[[], None],
    ) -> None:
        """Prepare: there are as many as the launch starts.

        Args:
            team: whose number of workers is changed.
            launch: has room for them.
            liveness: whose turn it takes.
            processes: that start workers.
            check_may_dismiss: raises SleighOccupiedException while no worker may be dismissed.
        """
        self.count = launch.expected
        self._team = team
        self._launch = launch
        self._liveness = liveness
        self._processes = processes
        self._check_may_dismiss = check_may_dismiss
        self._stopped = False
        self._ranks: dict[str, list[int]] = {}  # that each supervisor has ever had, by its id

    def stop(self) -> None:
        """Let nothing be changed any more."""
        self._stopped = True

    def scale(self, count: int, workspace: NetWorkSpace, look_after: Callable[[], object]) -> None:
        """Change the number of workers.

        Args:
            count: how many.
            workspace: of the sleigh.
            look_after: called again and again while workers still have to join.

        Raises:
            SleighIllegalValueException: there is no room for them.
            SleighJoinException: not all have joined, and it takes too long.
            SleighOccupiedException: these are fewer than before, and an `eachWorker` is under way.
            SleighScriptException: a process cannot be started.
            SleighStoppedException: the sleigh was stopped.
            NwsException: the server is gone.
        """
        self._launch.check_room(count)
        self._team.members.wait_for_all(look_after, LOOK_SECONDS)
        with self._liveness.turn:
            if self._stopped:
                raise SleighStoppedException("this sleigh was stopped")
            if count < self.count:
                self._check_may_dismiss()
            if not self._ranks:
                self._ranks = _ranks_by_supervisor(workspace)
            self._change(dict(self._launch.split(count)))
            self.count = count

    def _change(self, numbers: dict[str, int]) -> None:
        """Have these numbers of workers, by the ids of their supervisors."""
        for id, number in numbers.items():
            ranks = self._ranks.setdefault(id, [])
            if missing := max(0, number - len(ranks)):
                ranks.extend(self._team.members.add_ranks(missing))
        wanted = {id: ranks[: numbers.get(id, 0)] for id, ranks in self._ranks.items()}
        surplus = {id: ranks[numbers.get(id, 0) :] for id, ranks in self._ranks.items()}
        for id, ranks in wanted.items():
            if not ranks:
                self._processes.let_end(id)
        self._team.want(wanted, frozenset(rank for each in surplus.values() for rank in each))
        for id, ranks in wanted.items():
            if ranks and not self._processes.keep(id):
                self._launch.start(id)


def _ranks_by_supervisor(workspace: NetWorkSpace) -> dict[str, list[int]]:
    ranks: defaultdict[str, list[int]] = defaultdict(list)
    for report in worker_reports(workspace):
        ranks[report["id"]].append(report["rank"])
    return dict(ranks)

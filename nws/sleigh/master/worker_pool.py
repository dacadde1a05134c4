"""Workers in any number that do submitted calls: a sleigh without its rule of one call at a time,
and whose group is never closed."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nws.errors import NwsException, SleighJoinException, SleighStoppedException
from nws.session.address import Address
from nws.sleigh.launch.local_workers import LocalWorkers
from nws.sleigh.master.engine import Engine
from nws.sleigh.master.error_scope import undone_on_failure
from nws.sleigh.master.home import Home
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.members import Members
from nws.sleigh.master.occupancy import Occupancy
from nws.sleigh.master.submission import SleighFuture, Submission
from nws.sleigh.master.submissions import Submissions
from nws.sleigh.master.team import Team
from nws.sleigh.shared.messages import MAX_RANKS
from nws.sleigh.shared.output import Line
from nws.sleigh.shared.settings import Where
from nws.sleigh.supervisor.worker_report import worker_reports

if TYPE_CHECKING:
    from nws.sleigh.node.connections import NodeConnections
    from nws.sleigh.node.roster import Roster

__all__ = ["LOCAL", "WorkerPool"]

LOCAL: Final = "local"
"""Name of this machine among nodes."""

_SERVER_NAME: Final = "the NetWorkSpaces server of the workers"
"""In messages, whose readers need not know of a sleigh."""

_LEASE_SECONDS: Final = 30.0
"""See `nws.sleigh.Sleigh.lease_time`."""

_ALONE_SECONDS: Final = 5.0
"""For workers to be started here, where there are none and no nodes are named."""


class WorkerPool:
    """Workers here and elsewhere.

    Attributes:
        local: those here.
        nodes: which are there; None if there are to be none.
    """

    def __init__(
        self,
        name: str,
        workers: int,
        nodes: Sequence[Address],
        secret: str,
        output: Callable[[Sequence[Line]], None],
        *,
        fresh: bool,
    ) -> None:
        """Start workers here, with a private server, and begin to connect to nodes.

        Args:
            name: begins those of its workspaces, and is that of its logger.
            workers: how many here.
            nodes: where others are; see `nws.sleigh.node.connections.NodeConnections`.
            secret: that they know.
            output: is given the lines that workers write.
            fresh: each task gets a worker in which none has run before.

        Raises:
            SleighNwsException: the server cannot be started or used.
            SleighScriptException: a worker cannot be started.
        """
        self.nodes: Roster | None = None
        self._connections: NodeConnections | None = None
        self._home = Home(None, None, may_be_private=True, server_name=_SERVER_NAME)
        self._calls = Occupancy(self._home)
        self._scope = self._calls.scope()
        with undone_on_failure(self.close):
            self.local = LocalWorkers(self._home.processes, workers, LOCAL, fresh=fresh)
            self._home.open(f"{name}_%04d", f"{name}_user_%04d", _LEASE_SECONDS)
            # The group is never closed: any number of workers may join.
            members = Members(self._home.workspace, self._home.warn, MAX_RANKS)
            self._team = Team(self._home.workspace, members, output, None)
            liveness = Liveness(
                *(self._team, self._home.processes, self._home.check_server),
                by_hand=False,
                may_grow=True,
            )
            self._engine = Engine(self._team, _Health(liveness, self))
            self._calls.open(self._engine, liveness)
            self._submissions = Submissions(self._engine, self._calls.explained)
            where = self._home.where(_LEASE_SECONDS)
            self.local.join(where)
            if nodes:
                self._connections = connections = _connected(nodes, secret, where, name)
                self.nodes = connections.roster
                weakref.finalize(self, connections.close)  # before the server ends, also at exit

    def submit(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        make_future: Callable[[Submission], SleighFuture],
    ) -> SleighFuture:
        """Submit a call, and return what `make_future` makes for it.

        Raises:
            SleighStoppedException: the pool was closed.
            SleighIllegalValueException: the function or an argument cannot be pickled.
            SleighNwsException: the server is gone.
        """
        self._calls.check()  # this and the rest as in `ErrorScope`, which takes a microsecond
        try:
            return self._submissions.submit(function, args, {}, make_future)
        except NwsException as error:
            self._calls.explain(error)

    def is_under_way(self, call: int) -> bool:
        """Tell whether a call has begun and is not over."""
        return self._engine.is_under_way(call)

    def nodes_by_rank(self) -> dict[int, str]:
        """Return the names of the workers' nodes."""
        with self._scope:
            return {
                report["rank"]: report["name"] for report in worker_reports(self._home.workspace)
            }

    def view(self) -> str:
        """Open the inspector's page about the pool; see `nws.sleigh.Sleigh.view`."""
        with self._scope:
            return self._home.view()

    def check(self) -> None:
        """Raise SleighStoppedException if the pool was closed or belongs to another process."""
        self._calls.check()

    def close(self) -> None:
        """End the workers and the private server. Calls under way fail."""
        self._calls.stopped = True
        engine: Engine | None = getattr(self, "_engine", None)  # None if it could not be made
        if engine is not None:
            engine.fail(SleighStoppedException("the pool was closed"))
        if self._connections is not None:
            self._connections.close()
        self._home.close()


def _connected(nodes: Sequence[Address], secret: str, where: Where, log: str) -> NodeConnections:
    # With asyncio, which takes 50 ms, and which few need.
    from nws.sleigh.node.connections import NodeConnections

    return NodeConnections(nodes, secret, where, logging.getLogger(log))


class _Health:
    """Looks also whether there is anybody at all; a `nws.sleigh.master.engine.Health`."""

    def __init__(self, liveness: Liveness, pool: WorkerPool) -> None:
        self._liveness = liveness
        self._pool = pool
        self._alone_since: float | None = None  # when nobody was there for calls that wait
        self.lacking, self.note_progress = liveness.lacking, liveness.note_progress

    def check(self, *, busy: bool) -> Mapping[int, str]:
        """See `Liveness.check`.

        Raises:
            SleighJoinException: there are no workers here, and no node can be used.
        """
        lost = self._liveness.check(busy=busy)
        if not busy or self._pool.local.count:
            self._alone_since = None
        elif why := self._hopeless():
            raise SleighJoinException(f"there are no workers, here or on a node: {why}")
        return lost

    def _hopeless(self) -> str:
        """Say why nobody will come; return an empty text if somebody may."""
        if self._pool.nodes is not None:
            return self._pool.nodes.hopeless()
        now = time.monotonic()
        self._alone_since = self._alone_since or now
        if now - self._alone_since < _ALONE_SECONDS:
            return ""
        return "no nodes are named; start workers here, as by set_ncpus()"

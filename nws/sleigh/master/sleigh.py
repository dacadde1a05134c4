"""The master's side of the parallel map: the interface of the user guide, appendix A.2."""

from __future__ import annotations

import os
import sysconfig
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from nws.client import NetWorkSpace
from nws.counted import counted
from nws.errors import SleighIllegalValueException, SleighStoppedException
from nws.sleigh.launch.commands import envcmd
from nws.sleigh.launch.launcher import (
    DEFAULT_NODES,
    LaunchCommand,
    Launcher,
    ScriptExec,
    WorkerOptions,
)
from nws.sleigh.launch.launchers import launcher_for
from nws.sleigh.launch.nodes import Node
from nws.sleigh.launch.worker_range import checked_count, worker_range
from nws.sleigh.master.call_queue import CallQueue
from nws.sleigh.master.elastic import Elastic, Policy
from nws.sleigh.master.engine import AnyTeam, Engine
from nws.sleigh.master.error_scope import undone_on_failure
from nws.sleigh.master.home import Home
from nws.sleigh.master.initializer import initializer_of, packed_initializer
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.maps import Maps
from nws.sleigh.master.members import Members
from nws.sleigh.master.occupancy import Occupancy
from nws.sleigh.master.options import (
    NO_OPTIONS,
    CallOptions,
    checked_lease_time,
    checked_name,
    checked_path,
    checked_wait,
)
from nws.sleigh.master.scaling import Scaling
from nws.sleigh.master.scatter import Scatter, Scattered
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.shipment import shipment_of
from nws.sleigh.master.submission import SleighFuture
from nws.sleigh.master.submissions import Submissions
from nws.sleigh.master.team import Team
from nws.sleigh.shared.groups import checked_group, queue_of
from nws.sleigh.shared.messages import SHIPMENT
from nws.sleigh.shared.output import Line, echo
from nws.sleigh.supervisor.worker_report import worker_reports

__all__ = ["Sleigh"]


class Sleigh(Maps):
    """A group of worker processes.

    Use it in a ``with`` statement, or call `stop` in the end. The workers and the private server
    also end when this process does, even by SIGKILL. A worker that ends early is replaced. A fork
    of this process cannot use it.

    Attributes:
        lease_time: seconds, at least 1; infinity for any time. Workers that were not heard of for
            that long, because their machine is gone or they are stopped, lose their tasks to
            others. The end of a worker's process is noticed at once. If the master's machine, or
            the server's, is gone for that long, the workers end.
    """

    lease_time: ClassVar[float] = 30.0

    def __init__(
        self,
        *,
        launch: str | Launcher | LaunchCommand = "local",
        workerCount: int | tuple[int, int] | None = 3,
        nodeList: str | Sequence[str | Node] = DEFAULT_NODES,
        nwsHost: str | None = None,
        nwsPort: int | None = None,
        nwsHostRemote: str | None = None,
        nwsPortRemote: int | None = None,
        scriptExec: ScriptExec = envcmd,
        scriptDir: str | os.PathLike[str] | None = None,
        scriptName: str = "PythonNWSSleighWorker.sh",
        modulePath: str | os.PathLike[str] | None = None,
        workingDir: str | os.PathLike[str] | None = None,
        logDir: str | os.PathLike[str] | None = None,
        user: str | None = None,
        wsNameTemplate: str = "sleigh_ride_%04d",
        userWsNameTemplate: str = "sleigh_user_%04d",
        verbose: bool = False,
        serial: bool = False,
        output: Callable[[Sequence[Line]], None] | None = echo,
        initializer: Callable[..., object] | str | None = None,
        initargs: Iterable[Any] = (),
        ship: Iterable[str | os.PathLike[str]] = (),
        name: str = "",
    ) -> None:
        """Start workers.

        Args:
            launch: ``local`` for workers on this machine; ``web`` for workers that a person starts,
                see `nws.sleigh.webLaunch`; the name of another launcher, or a launcher, see
                ``docs/launchers``; or a function, such as `nws.sleigh.sshcmd`, that makes
                commands for the machines of ``nodeList``, see `nws.sleigh.launch.commands`.
            workerCount: how many workers; None for as many as this process may use cores
                (its affinity and the limits of its control group count). The guide's default is 3.
                Or the least and the greatest number, such as ``(2, 40)``: then there are as many as
                there is work for, here or in ``nodeList``; with ``web``, workers come and go at any
                time, and `eachWorker` needs at least the first number.
            nodeList: machines, one worker for each entry, or several, as in ``hosta:8``; or a
                `nws.sleigh.Node` or its text, where a machine differs in its Python, its folder,
                its environment or its group; or ``@`` and the path of a file with such texts. Only
                with a ``launch`` that leads there.
            nwsHost: host of a server, as for `nws.client.NwsServer`. None starts a private server
                for local workers, which only this user can reach and which ends with the sleigh;
                otherwise it stands for this machine. The variable PythonSleighNwsHost of the
                environment comes before that.
            nwsPort: port of that server; by default 8765 or the variable PythonSleighNwsPort.
            nwsHostRemote, nwsPortRemote: how workers elsewhere reach the server, if not so.
            scriptExec: makes the part of the command that runs the worker's script.
            scriptDir: folder of that script there; by default where it is here.
            scriptName: name of that script.
            modulePath: folders in which workers look for modules first, between colons. Then they
                look where we do, where that exists there, but for the libraries of our Python.
            workingDir: the workers' working folder, which must be there; by default ours, if it is.
            logDir: folder there, for a file with all that a worker writes.
            user: name by which to log in to the machines; by default as the launch command has it.
            wsNameTemplate, userWsNameTemplate: names of the two workspaces, with one ``%d``.
            verbose: make such files in the working folder, if ``logDir`` names no other.
            serial: do everything in this process instead, to find errors in tasks.
            output: is given the lines that workers write, as a list of `nws.sleigh.Line`. By
                default they are printed. None drops them.
            initializer, initargs: what each worker calls once before its first task, also one that
                takes the place of another: a function or text, as for `eachElem`, and arguments. If
                it fails on a worker, all calls end with a SleighInitializerException.
            ship: modules and packages of pure Python, by the names by which they can be imported
                here or by the paths of a file or folder. They are sent once to each machine, with
                their data files, and found by the workers of this sleigh before all others.
            name: what to call the sleigh in lists, on pages, in commands and in the log: up to 64
                characters. Several may have the same; their workspaces tell them apart.

        Raises:
            SleighIllegalValueException: the arguments, or `lease_time`, do not fit.
            SleighNwsException: the server cannot be started, reached or used.
            SleighScriptException: a worker cannot be started.
        """
        workers = worker_range(workerCount)
        lease_time = checked_lease_time(self.lease_time)
        folder = checked_path("scriptDir", scriptDir)
        options = WorkerOptions(
            workers,
            nodeList,
            nwsHostRemote,
            nwsPortRemote,
            scriptExec,
            sysconfig.get_path("scripts") if folder is None else folder,
            scriptName,
            checked_path("modulePath", modulePath),
            checked_path("workingDir", workingDir),
            checked_path("logDir", logDir),
            user or "",
            verbose,
        )
        first = initializer_of(initializer, initargs)
        shipment = shipment_of(ship)
        self._submissions: dict[str, Submissions] = {}  # by the queues of their tasks
        self._scaling: Scaling | None = None  # none where everything is done in this process
        self._stopped = threading.Event()
        weakref.finalize(self, self._stopped.set)
        self._lock = threading.Lock()  # for who makes that
        launcher = launcher_for(launch)
        self._home = Home(
            nwsHost, nwsPort, may_be_private=launcher.is_local, name=checked_name(name)
        )
        self._calls = Occupancy(self._home)
        self._scope = self._calls.scope()
        with undone_on_failure(self.stop):
            way = None if serial else launcher.begin(options, self._home.processes)
            joins_freely = launcher.is_by_hand and workers.is_elastic
            needed = workers.low if joins_freely else 0
            self._home.open(wsNameTemplate, userWsNameTemplate, lease_time)
            if way is None:
                self._team: AnyTeam = SerialTeam(self.nws, self.userNws, first)
            else:
                members = Members(self.nws, self._home.warn, way.expected, needed)
                self._team = Team(self.nws, members, output, packed_initializer(first))
            self._liveness = Liveness(
                self._team,
                self._home.processes,
                self._home.check_server,
                by_hand=launcher.is_by_hand,
            )
            self._engine = Engine(self._team, self._liveness, way.surroundings if way else None)
            self._calls.open(self._engine, self._liveness)
            self._scatter = Scatter(self.nws, is_local=serial or launcher.is_local)
            if shipment is not None:
                self.nws.store(SHIPMENT, shipment)
            if way is not None:
                way.go(self._home.where(lease_time), self.nws)
            if launcher.is_by_hand and not joins_freely:
                self._team.members.close_group()
            if isinstance(self._team, Team) and way is not None:
                self._scaling = Scaling(
                    self._team,
                    way,
                    self._liveness,
                    self._home.processes,
                    self._calls.check_may_dismiss,
                )
                if workers.is_elastic and not joins_freely:
                    policy = Policy(workers.low, workers.high, time.monotonic())
                    load, warn = self._team.load, self._home.warn
                    Elastic(self, policy, load, self._stopped, warn).start()

    # Calls

    def submit(self, fun: Callable[..., Any], /, *args: Any, **kwargs: Any) -> SleighFuture:
        """Call a function once, on any worker, without waiting.

        It is no call of the guide: it may be used beside one, and from several threads. Calls that
        are submitted in quick succession travel together. A call whose worker dies runs again on
        another, three times at most.

        Args:
            fun: any callable, see `eachElem`.
            args, kwargs: its arguments.

        Returns:
            A future. Its result is that of the function; its exception a SleighTaskException with
            the remote traceback, whose cause is the worker's exception. ``cancel()`` succeeds until
            the result has arrived, and stops the call if it runs. Callbacks run one at a time, on a
            thread of the sleigh. If the sleigh is stopped or its server is gone, the future has a
            SleighException. Its attributes ``number``, ``rank`` and ``seconds`` are those of the
            call and of the worker that did it.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighIllegalValueException: the function or an argument cannot be pickled.
            SleighNwsException: the server is gone.
        """
        return self._submit(NO_OPTIONS, fun, args, kwargs)

    def submit_to(
        self, group: str, fun: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> SleighFuture:
        """Call a function once, on any worker of a group, without waiting; see `submit`.

        Args:
            group: its name. If there is no worker of the group, the future has a
                SleighJoinException; while workers may still join, after a minute.
            fun, args, kwargs: see `submit`.

        Raises:
            SleighException: as for `submit`.
        """
        return self._submit(_options_for(group), fun, args, kwargs)

    def _submit(
        self,
        options: CallOptions,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> SleighFuture:
        with self._scope:
            submissions = self._submissions.get(options.queue)
            if submissions is None:
                with self._lock:
                    submissions = self._submissions.setdefault(
                        options.queue, Submissions(self._engine, self._calls.explained, options)
                    )
            return submissions.submit(fun, args, kwargs)

    def scatter(self, value: Any) -> Scattered:
        """Store a value once for many calls.

        It is known by its contents: the same value is stored once. Workers on this machine share
        the data of its large arrays and bytes, which they cannot change.

        Args:
            value: anything that can be pickled.

        Returns:
            What stands for it anywhere in the arguments of calls. Keep it until these are done,
            but for submitted ones, which keep it themselves.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighIllegalValueException: the value cannot be pickled.
            SleighNwsException: the server refuses it, or is gone.
        """
        with self._scope:
            return self._scatter.scatter(value)

    def call_queue(
        self,
        explain: Callable[[Exception], Exception],
        *,
        stops_running: bool,
        group: str = "",
    ) -> CallQueue:
        """Return a queue of submitted calls beside that of `submit`, for an executor.

        Args:
            explain, stops_running: see `CallQueue`.
            group: whose workers do them; empty for all.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighIllegalValueException: the group can have no such name.
        """
        options = _options_for(group)
        self._calls.check()
        return CallQueue(self._engine, self._calls, explain, options, stops_running=stops_running)

    # The group

    def status(self, closeGroup: bool = False, timeout: float = 0.0) -> tuple[int, int]:
        """Tell how many workers have joined, and whether no more can.

        Args:
            closeGroup: close the group after ``timeout`` if it is still open.
            timeout: seconds to wait until the group is closed: until all workers have joined.

        Returns:
            The number of workers, and 1 if the group is closed, else 0.

        Raises:
            SleighIllegalValueException: ``timeout`` is no real number.
        """
        timeout = checked_wait(timeout)
        self._calls.check()
        with self._scope:
            group = self._liveness.wait_for_group(timeout)
            if closeGroup and not group.closed:
                group = self._team.members.close_group()
        return group.size, int(group.closed)

    def workerInfo(self) -> list[dict[str, Any]]:
        """Describe the workers that have joined, in the order of ranks.

        Returns:
            For each a dict with ``rank``, ``host``, ``os``, ``pid`` (0 until it runs), ``python``,
            ``nws``, ``logfile``, ``name``: what ``nodeList`` has for its machine, and what it was
            at a second ago at most; see ``docs/sleigh.md``.
        """
        self._calls.check()
        with self._scope:
            return worker_reports(self.nws)

    def launches(self) -> list[dict[str, str]]:
        """Describe the processes that start workers.

        Returns:
            For each a dict with ``id``, that of its supervisor, as `workerInfo` has it; ``place``,
            what it is and where; and ``end``: how the last one of them has ended that had to be
            restarted, with what it wrote. That is empty if none had.
        """
        self._calls.check()
        return self._home.processes.described()

    def callInfo(self) -> list[dict[str, Any]]:
        """Describe the calls under way, in the order in which they began.

        Returns:
            For each a dict with ``number``, ``kind`` (the method, such as ``eachElem``),
            ``function``, the number of ``elements`` (None while it is not known), how many were
            ``submitted``, have ``arrived`` and have ``failed``, and the time when it ``began``. All
            submitted calls of a burst share one entry of the kind ``submit``.
        """
        self._calls.check()
        return self._engine.report.under_way()

    def scale(self, workerCount: int) -> None:
        """Have another number of workers. It waits first until all have joined that are to come
        already, and returns before new ones have.

        Workers that come find the function, the initializer and the environment as those do that
        take the place of others. Workers that leave finish what they run, however long it takes;
        what they have not begun is done by others. Those that came last leave first.

        Args:
            workerCount: how many, at least 1. Workers on other machines are those of ``nodeList``.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighIllegalValueException: there is no room for them, or a person starts them.
            SleighJoinException: workers do not join.
            SleighOccupiedException: some are to leave, and an `eachWorker` is under way, which
                needs its workers.
            SleighScriptException: a worker cannot be started.
            SleighNwsException: the server is gone.
        """
        self._calls.check()
        count = checked_count("workerCount", workerCount)
        if self._scaling is None:
            raise SleighIllegalValueException("a serial sleigh has no workers to be scaled")
        with self._scope:
            self._scaling.scale(count, self.nws, self._check_health)

    @property
    def size(self) -> int:
        """How many workers there are, or are to come; `scale` changes it."""
        return self._team.size

    def view(self) -> str:
        """Show what the sleigh does in a web browser, live.

        Returns:
            The address. That of a private server holds a key; do not give it away.

        Raises:
            SleighNwsException: the server has no inspector.
        """
        self._calls.check()
        with self._scope:
            return self._home.view()

    @property
    def name(self) -> str:
        """What it was called when it was made; empty for nothing."""
        return self._home.name

    @property
    def nws(self) -> NetWorkSpace:
        """The sleigh's workspace."""
        return self._home.workspace

    @property
    def userNws(self) -> NetWorkSpace:
        """The workspace for the user's tasks, ``SleighUserNws`` in them."""
        return self._home.user_workspace

    def stop(self) -> None:
        """End the workers and the private server. A second call does nothing."""
        self._calls.stopped = True
        self._stopped.set()
        if self._scaling is not None:
            self._scaling.stop()
        engine: Engine | None = getattr(self, "_engine", None)  # None if it could not be made
        if engine is not None:
            engine.fail(SleighStoppedException("this sleigh was stopped"))
        self._home.close()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._calls.stopped else counted(self._team.size, "worker")
        name = f"{self.name!r}, " if self.name else ""
        return f"Sleigh({name}{state}, {self.nws})"

    __repr__ = __str__


def _options_for(group: str) -> CallOptions:
    """Return the options of calls that only workers of a group do."""
    return NO_OPTIONS._replace(queue=queue_of(checked_group(group)))

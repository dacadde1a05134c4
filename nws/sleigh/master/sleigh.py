"""The master's side of the parallel map: the interface of the user guide, appendix A.2."""

from __future__ import annotations

import itertools
import logging
import os
import sysconfig
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, NoReturn

from nws.client import NetWorkSpace
from nws.errors import (
    NwsException,
    SleighNwsException,
    SleighOccupiedException,
    SleighStoppedException,
)
from nws.sleigh.launch.commands import envcmd
from nws.sleigh.launch.launchers import Launch, Options, ScriptExec, launcher_for
from nws.sleigh.master.arguments import (
    checked_retries,
    checked_size,
    checked_time,
    count_of,
    fixed_arguments,
    task_arguments,
)
from nws.sleigh.master.call_report import CallReport
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.collector import Accumulator, Collector
from nws.sleigh.master.error_scope import ErrorScope, undone_on_failure
from nws.sleigh.master.home import Home
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.pending import SleighPending
from nws.sleigh.master.progress import Progress, no_progress, progress_for
from nws.sleigh.master.result_iterator import SleighResultIterator
from nws.sleigh.master.run import AnyTeam, Run, State, Values
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.team import Team
from nws.sleigh.shared.functions import Function, check_function
from nws.sleigh.shared.messages import Call
from nws.sleigh.shared.output import Line, echo
from nws.sleigh.shared.settings import Where
from nws.sleigh.supervisor.worker_report import worker_reports

__all__ = ["Sleigh"]


class Sleigh:
    """A group of worker processes.

    Use it in a ``with`` statement, or call `stop` in the end. The workers and the private server
    also end when this process does, even by SIGKILL. A worker that ends early is replaced. A fork
    of this process cannot use it.

    Attributes:
        lease_time: seconds. Workers that were not heard of for so long, because their machine is
            gone or they are stopped, lose their tasks to others. The end of a worker's process is
            noticed at once.
    """

    lease_time: ClassVar[float] = 30.0

    def __init__(
        self,
        *,
        launch: str | Launch = "local",
        workerCount: int = 3,
        nodeList: Sequence[str] = ("localhost", "localhost", "localhost"),
        nwsHost: str | None = None,
        nwsPort: int | None = None,
        nwsHostRemote: str | None = None,
        nwsPortRemote: int | None = None,
        scriptExec: ScriptExec = envcmd,
        scriptDir: str | None = None,
        scriptName: str = "PythonNWSSleighWorker.sh",
        modulePath: str | None = None,
        workingDir: str | None = None,
        logDir: str | None = None,
        user: str | None = None,
        wsNameTemplate: str = "sleigh_ride_%04d",
        userWsNameTemplate: str = "sleigh_user_%04d",
        verbose: bool = False,
        serial: bool = False,
        output: Callable[[Sequence[Line]], None] | None = echo,
    ) -> None:
        """Start workers.

        Args:
            launch: ``local`` for workers on this machine; ``web`` for workers that a person starts,
                see `nws.sleigh.webLaunch`; or a function, such as `nws.sleigh.sshcmd`, that makes
                commands for the machines of ``nodeList``, see `nws.sleigh.launch.commands`.
            workerCount: how many local workers.
            nodeList: machines, one worker for each entry.
            nwsHost: host of a server, as for `nws.client.NwsServer`. None starts a private server
                for local workers, which only this user can reach and which ends with the sleigh;
                otherwise it stands for this machine. The variable PythonSleighNwsHost of the
                environment comes before that.
            nwsPort: port of that server; by default 8765 or the variable PythonSleighNwsPort.
            nwsHostRemote, nwsPortRemote: how workers elsewhere reach the server, if not so.
            scriptExec: makes the part of the command that runs the worker's script.
            scriptDir: folder of that script there; by default where it is here.
            scriptName: name of that script.
            modulePath: folders in which workers look for modules first, between colons.
            workingDir: the workers' working folder, if it exists there; by default ours.
            logDir: folder there, for a file with all that a worker writes.
            user: name by which to log in to the machines; by default as the launch command has it.
            wsNameTemplate, userWsNameTemplate: names of the two workspaces, with one ``%d``.
            verbose: make such files in the working folder, if ``logDir`` names no other.
            serial: do everything in this process instead, to find errors in tasks.
            output: is given the lines that workers write, as a list of `nws.sleigh.Line`. By
                default they are printed. None drops them.

        Raises:
            SleighIllegalValueException: the arguments do not fit.
            SleighNwsException: the server cannot be started, reached or used.
            SleighScriptException: a worker cannot be started.
        """
        options = Options(
            launch,
            workerCount,
            nodeList,
            nwsHostRemote,
            nwsPortRemote,
            scriptExec,
            sysconfig.get_path("scripts") if scriptDir is None else scriptDir,
            scriptName,
            modulePath,
            workingDir,
            logDir,
            user or "",
            verbose,
        )
        self._numbers = itertools.count(1)
        self._calling = threading.RLock()  # one that Ctrl-C left locked is open to its thread
        self._stopped = False
        self._owner = os.getpid()
        self._active: weakref.ref[Run] | None = None
        self._state: State | None = None
        launcher = launcher_for(launch)
        self._home = Home(nwsHost, nwsPort, may_be_private=launch == "local")
        with undone_on_failure(self.stop):
            way = None if serial else launcher(options, self._home.processes)
            self._home.open(wsNameTemplate, userWsNameTemplate)
            if way is None:
                self._team: AnyTeam = SerialTeam(self.nws, self.userNws)
            else:
                self._team = Team(self.nws, way.expected, output)
            self._liveness = Liveness(self._team, self._home.processes, by_hand=launch == "web")
            if way is not None:
                way.go(self._where(), self.nws)
            if launch == "web":
                self._team.close_group()

    def _where(self) -> Where:
        names = self.nws.currentWs(), self.userNws.currentWs()
        level = logging.getLogger().getEffectiveLevel()
        return Where(self._home.host, self._home.port, *names, self.lease_time, level)

    # Session

    def eachElem(
        self,
        fun: Any,
        elementArgs: Any = (),
        fixedArgs: Any = (),
        *,
        type: str | None = None,
        blocking: bool = True,
        argPermute: Sequence[int] | None = None,
        loadFactor: float = 0,
        accumulator: Accumulator | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        progress: bool | Progress = False,
        seed: int | None = None,
    ) -> Any:
        """Call a function for each element and return the results in the order of the elements.

        If it is interrupted, by Ctrl-C or otherwise, the workers drop what they are at.

        Args:
            fun: any callable; what workers cannot import, such as a lambda, is sent to them. Or a
                text: an expression, or statements that leave their result in ``SleighValue``; both
                find their arguments in the list ``SleighArguments``.
            elementArgs: a list of iterables, one for each argument that varies; the shortest one
                ends the elements. Where one argument varies, the list around it may be left out.
            fixedArgs: further arguments, the same for all elements.
            type: ``invoke`` calls the function, ``define`` only makes it known by its name to
                expressions that come later, ``eval`` is for texts. By default it fits ``fun``.
            blocking: wait for the results. Otherwise return a `SleighPending` at once.
            argPermute: which of the varying and then the fixed arguments to pass, by their places.
            loadFactor: put no more tasks than this for each worker into the workspace at a time, if
                it is more than 0 and the call is blocking.
            accumulator: called with a list of results and a list of their places, as they arrive.
                Then nothing is returned.
            chunkSize: elements in a task. By default it is chosen, and tasks that turn out to be
                long are cut.
            timeout: seconds that one element may take. Then its worker is killed and replaced, and
                the element has failed with a TimeoutError.
            retries: how often an element is tried again that has raised an exception or has taken
                too long. An element whose worker dies is tried three times in any case.
            progress: True for a bar, or a function that is called with the number of elements that
                are done, and of all (None if that is not known).
            seed: gives every element random numbers of its own, the same for any number of workers
                and any size of tasks: it seeds `random` and the global generator of NumPy, and the
                element finds a number of its own in ``SleighSeed``.

        Returns:
            A list. Where an element failed, it holds a SleighTaskException with the remote
            traceback, whose cause is the worker's exception.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighOccupiedException: another call is under way.
            SleighIllegalValueException: the function or an argument cannot be used or pickled.
            SleighNwsException: the server is gone, or refused the tasks.
            SleighJoinException: workers end again and again without having done anything.
        """
        with self._call():
            total = count_of(elementArgs)
            arguments = task_arguments(elementArgs)
            bounded = blocking and loadFactor > 0
            if not bounded and total is None:
                listed = list(arguments)
                arguments, total = iter(listed), len(listed)
            size = self._team.size
            chunks = Chunks(arguments, size, checked_size(chunkSize), None if bounded else total)
            call = self._new_call(
                Function(*check_function(fun, type), fixed_arguments(fixedArgs), argPermute),
                timeout=checked_time(timeout),
                retries=checked_retries(retries),
                seed=seed,
            )
            tasks = max(size, int(loadFactor * size)) if bounded else None
            run = self._begin("eachElem", fun, total, call, chunks, tasks=tasks)
            shown = progress_for(progress)
            gathering = Collector(run, self._collect, accumulator, shown, total)
            with self._scope(run):
                run.submit()
                return gathering.all() if blocking else SleighPending(gathering, self._scope)

    def eachWorker(
        self,
        fun: Any,
        *workerArgs: Any,
        type: str | None = None,
        blocking: bool = True,
        accumulator: Accumulator | None = None,
        timeout: float | None = None,
        retries: int = 0,
    ) -> Any:
        """Call a function exactly once on each worker; return the results in the order of ranks.

        It waits first until all workers have joined. The arguments are those of `eachElem`.

        Args:
            fun: see `eachElem`.
            workerArgs: passed to the function, the same for all workers.
            type, blocking, accumulator, timeout, retries: see `eachElem`.

        Raises:
            SleighException: as for `eachElem`; SleighJoinException if workers do not join.
        """
        with self._call():
            function = Function(*check_function(fun, type), (), None)
            self._home.processes.reset_backoff()  # all are needed: try again at once
            count = self._team.wait_for_all(self._look_after, 0.25)
            chunks = Chunks(iter([workerArgs]), 1, 1)
            call = self._new_call(
                function,
                everyone=True,
                timeout=checked_time(timeout),
                retries=checked_retries(retries),
            )
            run = self._begin("eachWorker", fun, count, call, chunks)
            gathering = Collector(run, self._collect, accumulator, no_progress, count)
            with self._scope(run):
                run.submit_for_everyone(count)
                return gathering.all() if blocking else SleighPending(gathering, self._scope)

    def imap(
        self,
        fun: Any,
        *iterables: Iterable[Any],
        type: str | None = None,
        loadFactor: float = 10,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        seed: int | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results for arguments taken from these iterables.

        The iterables may be endless: they are read as results are taken.

        Args:
            fun: see `eachElem`.
            iterables: one for each argument; the shortest one ends the elements.
            loadFactor: so many elements for each worker are submitted or unread at a time; 0 or
                less for any number.
            type, chunkSize, timeout, retries, seed: see `eachElem`.
        """
        arguments = zip(*iterables, strict=False)
        return self._iterate(
            "imap", fun, arguments, type, loadFactor, chunkSize, timeout, retries, seed
        )

    def starmap(
        self,
        fun: Any,
        iterable: Iterable[Iterable[Any]],
        *,
        type: str | None = None,
        loadFactor: float = 10,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        seed: int | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results for the argument lists of an iterable; see `imap`."""
        arguments = map(tuple, iterable)
        return self._iterate(
            "starmap", fun, arguments, type, loadFactor, chunkSize, timeout, retries, seed
        )

    def _iterate(
        self,
        method: str,
        fun: Any,
        arguments: Iterator[tuple[Any, ...]],
        kind: str | None,
        loadFactor: float,
        chunkSize: int | None,
        timeout: float | None,
        retries: int,
        seed: int | None,
    ) -> SleighResultIterator:
        with self._call():
            size, fixed = self._team.size, checked_size(chunkSize)
            bound = max(size, int(loadFactor * size)) * (fixed or 1) if loadFactor > 0 else None
            largest = 4096 if bound is None else max(1, bound // (2 * size))
            chunks = Chunks(arguments, size, fixed, largest=largest)
            call = self._new_call(
                Function(*check_function(fun, kind), (), None),
                timeout=checked_time(timeout),
                retries=checked_retries(retries),
                seed=seed,
            )
            run = self._begin(method, fun, None, call, chunks, bound=bound)
            iterator = SleighResultIterator(run, self._collect_next, self._submit_next)
            with self._scope(run):
                run.submit_what_there_is()
            return iterator

    # Session under way

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Let a call begin if none is under way."""
        self._check()
        acquired: list[bool] = []
        try:
            # In one step, so that Ctrl-C cannot fall between the two.
            acquired.extend(map(self._calling.acquire, (False,)))
            if not acquired[0]:
                raise SleighOccupiedException("another thread is in a call of this sleigh")
            self._check_free()
            with self._scope():
                self._home.processes.look_after(self._team.is_there)
                yield
        finally:
            if any(acquired):
                self._calling.release()

    def _check(self) -> None:
        if self._stopped:
            raise SleighStoppedException("this sleigh was stopped")
        if self._owner != os.getpid():
            raise SleighStoppedException(f"this sleigh belongs to process {self._owner}")

    def _check_free(self) -> None:
        if self._state is None or self._state.over:
            return
        if self._active is not None and self._active() is not None:
            raise SleighOccupiedException(
                "another call is under way: wait for it, take all its results, or stop it"
            )
        self._state.over = True
        self._state.report.abandon()
        self._team.cancel(self._state.number)  # nobody can ask for its results any more

    def _explain(self, error: NwsException) -> NoReturn:
        self._check()
        said = self._home.what_the_server_said()
        raise SleighNwsException(f"the sleigh's server failed: {error}{said}") from error

    def _scope(self, run: Run | None = None) -> ErrorScope:
        return ErrorScope(self._check, self._explain, run)

    def _new_call(self, function: Function, **options: Any) -> Call:
        self._team.forget_deaths()
        name = self._team.provide(function)
        return Call(next(self._numbers), name, self._team.size, **options)

    def _begin(
        self, method: str, fun: Any, total: int | None, call: Call, chunks: Chunks, **bounds: Any
    ) -> Run:
        report = CallReport(call.number, method, fun, total, self._team.report)
        run = Run(self._team, call, chunks, self._look_after, report, **bounds)
        self._active, self._state = weakref.ref(run), run.state
        return run

    def _collect(self, run: Run, timeout: float) -> Sequence[Values]:
        values = list(run.collect(timeout))
        if values:
            self._home.processes.note_progress()
        return values

    def _collect_next(self, run: Run, timeout: float) -> Sequence[Values]:
        with self._scope(run):
            return self._collect(run, timeout)

    def _submit_next(self, run: Run, unread: int) -> None:
        with self._scope(run):
            run.submit_what_there_is(unread)

    def _look_after(self, run: Run | None = None) -> Values | None:
        """Look whether the server and the workers are there; see `nws.sleigh.master.run.Run`."""
        self._check()
        self._home.check_server()
        return self._liveness.hold(run)

    # The group

    def status(self, closeGroup: bool = False, timeout: float = 0.0) -> tuple[int, int]:
        """Tell how many workers have joined, and whether no more can.

        Args:
            closeGroup: close the group after ``timeout`` if it is still open.
            timeout: seconds to wait until the group is closed: until all workers have joined.

        Returns:
            The number of workers, and 1 if the group is closed, else 0.
        """
        self._check()
        with self._scope():
            group = self._team.group(timeout)
            if closeGroup and not group.closed:
                group = self._team.close_group()
        return group.size, int(group.closed)

    def workerInfo(self) -> list[dict[str, Any]]:
        """Describe the workers that have joined, in the order of ranks.

        Returns:
            For each a dict with ``rank``, ``host``, ``os``, ``pid`` (0 until it runs), ``python``,
            ``nws``, ``logfile``, ``name``: what ``nodeList`` has for its machine, and what it was
            at a second ago at most; see ``docs/sleigh.md``.
        """
        self._check()
        with self._scope():
            return worker_reports(self.nws)

    def view(self) -> str:
        """Show what the sleigh is at in a web browser, live.

        Returns:
            The address. That of a private server holds a key; do not give it away.

        Raises:
            SleighNwsException: the server has no inspector.
        """
        self._check()
        with self._scope():
            return self._home.view()

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
        self._stopped = True
        self._home.close()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._stopped else f"{self._team.size} workers"
        return f"Sleigh({state}, {self.nws})"

    __repr__ = __str__

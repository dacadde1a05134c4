"""The master's side of the parallel map: the interface of the user guide, appendix A.2."""

from __future__ import annotations

import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from nws.client import NetWorkSpace
from nws.errors import SleighStoppedException
from nws.sleigh.launch.commands import envcmd
from nws.sleigh.launch.launchers import (
    DEFAULT_NODES,
    Launch,
    ScriptExec,
    WorkerOptions,
    launcher_for,
)
from nws.sleigh.master.arguments import (
    columns_of,
    count_of,
    elements_of,
    fixed_arguments,
    fixed_keywords,
)
from nws.sleigh.master.calls_report import CallState
from nws.sleigh.master.chunks import Chunks
from nws.sleigh.master.collector import Accumulator, Collector
from nws.sleigh.master.engine import LOOK_SECONDS, AnyTeam, Engine
from nws.sleigh.master.error_scope import undone_on_failure
from nws.sleigh.master.home import Home
from nws.sleigh.master.initializer import initializer_of, packed_initializer
from nws.sleigh.master.input_reader import is_prompt
from nws.sleigh.master.liveness import Liveness
from nws.sleigh.master.occupancy import Occupancy
from nws.sleigh.master.options import (
    CallOptions,
    checked_factor,
    checked_options,
    checked_permutation,
    checked_size,
)
from nws.sleigh.master.pending import SleighPending
from nws.sleigh.master.progress import Progress, no_progress, progress_for
from nws.sleigh.master.result_iterator import SleighResultIterator
from nws.sleigh.master.serial_team import SerialTeam
from nws.sleigh.master.submissions import SleighFuture, Submissions
from nws.sleigh.master.team import Team
from nws.sleigh.master.window import TaskWindow, Window, window_for
from nws.sleigh.shared.cores import available_cores
from nws.sleigh.shared.functions import Function, check_function
from nws.sleigh.shared.output import Line, echo
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
            noticed at once. If the master's machine, or the server's, is gone for so long, the
            workers end.
    """

    lease_time: ClassVar[float] = 30.0

    def __init__(
        self,
        *,
        launch: str | Launch = "local",
        workerCount: int | None = 3,
        nodeList: Sequence[str] = DEFAULT_NODES,
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
        initializer: Callable[..., object] | str | None = None,
        initargs: Iterable[Any] = (),
    ) -> None:
        """Start workers.

        Args:
            launch: ``local`` for workers on this machine; ``web`` for workers that a person starts,
                see `nws.sleigh.webLaunch`; or a function, such as `nws.sleigh.sshcmd`, that makes
                commands for the machines of ``nodeList``, see `nws.sleigh.launch.commands`.
            workerCount: how many local workers; None for as many as this process may use cores
                (its affinity and the limits of its control group count). The guide's default is 3.
            nodeList: machines, one worker for each entry; only with a ``launch`` that leads there.
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
            workingDir: the workers' working folder, if it exists there; by default ours.
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

        Raises:
            SleighIllegalValueException: the arguments do not fit.
            SleighNwsException: the server cannot be started, reached or used.
            SleighScriptException: a worker cannot be started.
        """
        options = WorkerOptions(
            launch,
            available_cores() if workerCount is None else workerCount,
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
        first = initializer_of(initializer, initargs)
        self._submissions: Submissions | None = None
        self._lock = threading.Lock()  # for who makes that
        launcher = launcher_for(launch)
        self._home = Home(nwsHost, nwsPort, may_be_private=launch == "local")
        self._calls = Occupancy(self._home)
        with undone_on_failure(self.stop):
            way = None if serial else launcher(options, self._home.processes)
            self._home.open(wsNameTemplate, userWsNameTemplate, self.lease_time)
            if way is None:
                self._team: AnyTeam = SerialTeam(self.nws, self.userNws, first)
            else:
                self._team = Team(self.nws, way.expected, output, packed_initializer(first))
            self._liveness = Liveness(
                self._team, self._home.processes, self._home.check_server, by_hand=launch == "web"
            )
            self._engine = Engine(self._team, self._liveness, way.surroundings if way else None)
            self._calls.open(self._engine, self._liveness)
            if way is not None:
                way.go(self._home.where(self.lease_time), self.nws)
            if launch == "web":
                self._team.close_group()

    # Calls

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
        fixedKwargs: Mapping[str, Any] | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
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
                ends the elements. Where one argument varies, the list around it may be left out. A
                string, dict, set, named tuple or data frame is one argument, not an iterable.
            fixedArgs: further arguments, the same for all elements.
            fixedKwargs: keyword arguments, the same for all elements.
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
            timeout: seconds that one element may take, more than 0; None or infinity for any time.
                Then its worker is killed and replaced, and the element fails with a TimeoutError.
            retries: how many times to retry an element that failed or timed out. An element whose
                worker dies is tried three times in any case.
            progress: True for a bar, or a function that is called with the number of elements that
                are done, and of all (None if that is not known).
            raising: raise the exception of the first element that fails, chained to that of
                the worker, and cancel the rest. By default it is a value in the list.
            seed: gives every element random numbers of its own, the same for any number of workers
                and any size of tasks: it seeds `random` and the global generator of NumPy, and the
                element finds a number of its own in ``SleighSeed``.

        Returns:
            A list. Where an element failed, it holds a SleighTaskException with the remote
            traceback, whose cause is the worker's exception.

        Raises:
            SleighTaskException: an element failed, and ``raising`` is true; or a worker cannot read
                the function, and no element is done yet.
            SleighStoppedException: the sleigh was stopped.
            SleighOccupiedException: another call is under way.
            SleighIllegalValueException: the function or an argument cannot be used or pickled.
            SleighNwsException: the server is gone, or refused the tasks.
            SleighJoinException: workers end again and again without having done anything.
            SleighInitializerException: the initializer has failed on a worker.
        """
        with self._calls.beginning():
            options, in_chunk = checked_options(timeout, retries, seed), checked_size(chunkSize)
            factor, permutation = checked_factor(loadFactor), checked_permutation(argPermute)
            kind, thing = check_function(fun, type)
            keywords = fixed_keywords(fixedKwargs, kind)
            columns = columns_of(elementArgs)
            arguments, total = elements_of(columns), count_of(columns)
            bounded = blocking and factor > 0
            if not bounded and total is None:
                listed = list(arguments)
                arguments, total = iter(listed), len(listed)
            size = self._team.size
            chunks = Chunks(arguments, size, in_chunk, None if bounded else total)
            window = TaskWindow(max(size, int(factor * size))) if bounded else Window()
            function = Function(kind, thing, fixed_arguments(fixedArgs), keywords, permutation)
            state = CallState("eachElem", fun, total)
            run = self._calls.begin(state, function, chunks, window, options)
            shown = progress_for(progress)
            collector = Collector(run, accumulator, shown, total, raising=raising)
            with self._calls.scope(run):
                run.submit()
                return collector.all() if blocking else SleighPending(collector, self._calls.scope)

    def eachWorker(
        self,
        fun: Any,
        *workerArgs: Any,
        type: str | None = None,
        blocking: bool = True,
        accumulator: Accumulator | None = None,
        fixedKwargs: Mapping[str, Any] | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
    ) -> Any:
        """Call a function exactly once on each worker; return the results in the order of ranks.

        It waits first until all workers have joined. The arguments are those of `eachElem`.

        Args:
            fun: see `eachElem`.
            workerArgs: passed to the function, the same for all workers.
            type, blocking, accumulator, fixedKwargs, timeout, retries, raising: see `eachElem`.

        Raises:
            SleighException: as for `eachElem`; SleighJoinException if workers do not join.
        """
        with self._calls.beginning():
            options = checked_options(timeout, retries)
            kind, thing = check_function(fun, type)
            function = Function(kind, thing, (), fixed_keywords(fixedKwargs, kind), None)
            self._liveness.reset_backoff()  # all are needed: try again at once
            count = self._team.wait_for_all(self._check_health, LOOK_SECONDS)
            chunks = Chunks(iter([workerArgs]), 1, 1)
            state = CallState("eachWorker", fun, count)
            run = self._calls.begin(state, function, chunks, Window(), options, everyone=True)
            collector = Collector(run, accumulator, no_progress, count, raising=raising)
            with self._calls.scope(run):
                run.submit_for_everyone(count)
                return collector.all() if blocking else SleighPending(collector, self._calls.scope)

    def imap(
        self,
        fun: Any,
        *iterables: Iterable[Any],
        type: str | None = None,
        loadFactor: float | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
        seed: int | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results, in the order of the elements.

        The iterables may be endless: they are read as results are taken.

        Args:
            fun: see `eachElem`.
            iterables: one for each argument; the shortest one ends the elements.
            loadFactor: how many elements for each worker are submitted or unread at a time; 0 or
                less for any number. By default as many as the workers do in about 0.2 seconds, from
                10 to 4096 for each worker and at most 32 MiB in all.
            raising: raise the exception of an element that failed in its place, and end.
            type, chunkSize, timeout, retries, seed: see `eachElem`.
        """
        options = checked_options(timeout, retries, seed)
        arguments, may_wait = zip(*iterables, strict=False), not is_prompt(iterables)
        return self._iterate(
            "imap", fun, arguments, type, loadFactor, chunkSize, options, raising, may_wait
        )

    def starmap(
        self,
        fun: Any,
        iterable: Iterable[Iterable[Any]],
        *,
        type: str | None = None,
        loadFactor: float | None = None,
        chunkSize: int | None = None,
        timeout: float | None = None,
        retries: int = 0,
        raising: bool = False,
        seed: int | None = None,
    ) -> SleighResultIterator:
        """Return an iterator over the results for the argument lists of an iterable; see `imap`."""
        options = checked_options(timeout, retries, seed)
        arguments, may_wait = map(tuple, iterable), not is_prompt([iterable])
        return self._iterate(
            "starmap", fun, arguments, type, loadFactor, chunkSize, options, raising, may_wait
        )

    def _iterate(
        self,
        method: str,
        fun: Any,
        arguments: Iterator[tuple[Any, ...]],
        kind: str | None,
        loadFactor: float | None,
        chunkSize: int | None,
        options: CallOptions,
        raising: bool,
        may_wait: bool,
    ) -> SleighResultIterator:
        with self._calls.beginning():
            size, in_chunk = self._team.size, checked_size(chunkSize)
            factor = None if loadFactor is None else checked_factor(loadFactor)
            window, largest = window_for(factor, size, in_chunk)
            chunks = Chunks(arguments, size, in_chunk, largest=largest, may_wait=may_wait)
            function = Function(*check_function(fun, kind), (), {}, None)
            state = CallState(method, fun, None)
            run = self._calls.begin(state, function, chunks, window, options)
            iterator = SleighResultIterator(run, window, self._calls.scope, raising=raising)
            with self._calls.scope(run):
                run.submit_up_to_problem()
            return iterator

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
        with self._calls.scope():
            with self._lock:
                if self._submissions is None:
                    self._submissions = Submissions(self._engine, self._calls.explained)
            return self._submissions.submit(fun, args, kwargs)

    def _check_health(self) -> None:
        self._calls.check()
        self._liveness.check(busy=False)

    # The group

    def status(self, closeGroup: bool = False, timeout: float = 0.0) -> tuple[int, int]:
        """Tell how many workers have joined, and whether no more can.

        Args:
            closeGroup: close the group after ``timeout`` if it is still open.
            timeout: seconds to wait until the group is closed: until all workers have joined.

        Returns:
            The number of workers, and 1 if the group is closed, else 0.
        """
        self._calls.check()
        with self._calls.scope():
            group = self._liveness.wait_for_group(timeout)
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
        self._calls.check()
        with self._calls.scope():
            return worker_reports(self.nws)

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

    def view(self) -> str:
        """Show what the sleigh is at in a web browser, live.

        Returns:
            The address. That of a private server holds a key; do not give it away.

        Raises:
            SleighNwsException: the server has no inspector.
        """
        self._calls.check()
        with self._calls.scope():
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
        self._calls.stopped = True
        engine: Engine | None = getattr(self, "_engine", None)  # None if it could not be made
        if engine is not None:
            engine.fail(SleighStoppedException("this sleigh was stopped"))
        self._home.close()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._calls.stopped else f"{self._team.size} workers"
        return f"Sleigh({state}, {self.nws})"

    __repr__ = __str__

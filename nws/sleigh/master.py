"""The master's side of the parallel map: the interface of the user guide, appendix A.2."""

from __future__ import annotations

import itertools
import json
import logging
import os
import sysconfig
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Final

from nws.client import NetWorkSpace, NwsServer
from nws.errors import (
    NwsException,
    NwsUnsupportedOperationException,
    SleighIllegalValueException,
    SleighJoinException,
    SleighNwsException,
    SleighOccupiedException,
    SleighStoppedException,
)
from nws.sleigh.arguments import count_of, fixed_arguments, task_arguments
from nws.sleigh.chunks import Chunks
from nws.sleigh.commands import envcmd
from nws.sleigh.functions import Function, check_function
from nws.sleigh.gathering import Accumulator, Gathering
from nws.sleigh.launchers import Launch, Options, ScriptExec, launcher_for
from nws.sleigh.output import Line, echo
from nws.sleigh.pending import SleighPending
from nws.sleigh.private_server import PrivateServer
from nws.sleigh.processes import Processes
from nws.sleigh.progress import Progress, no_progress, progress_for
from nws.sleigh.results import SleighResultIterator
from nws.sleigh.run import AnyTeam, Run, State, Values
from nws.sleigh.serial import SerialTeam
from nws.sleigh.slot import Where
from nws.sleigh.tasks import WORKER_INFO, Call
from nws.sleigh.team import Team

__all__ = ["Sleigh"]

_GRACE: Final = 2.0
"""Seconds that workers have to end by themselves."""

_MISSED: Final = 5.0
"""Seconds after which a supervisor that is gone, and was not replaced, is not waited for."""

_HOST: Final = "PythonSleighNwsHost"
_PORT: Final = "PythonSleighNwsPort"

_ROLL_CALL: Final = 1.0
"""Seconds between looks at which supervisors are gone."""


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
                see `nws.sleigh.web`; or a function, such as `nws.sleigh.sshcmd`, that makes
                commands for the machines of ``nodeList``, see `nws.sleigh.commands`.
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
            verbose: show what the launch is about, and make log files in the working folder.
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
        self._state = State(0)
        self._state.over = True
        self._missed: dict[int, float] = {}  # since when
        self._next_roll_call = 0.0
        self._processes = Processes()
        self._server: PrivateServer | None = None
        self._cleanup: Callable[[], object] = _do_nothing
        launcher = launcher_for(launch)
        with self._undone_on_failure():
            host = nwsHost or os.environ.get(_HOST)
            port = nwsPort or _port_of_environment()
            if not host and launch == "local":
                self._server = PrivateServer()
            way = None if serial else launcher(options, self._processes)
            if self._server is not None:
                self._server.wait_until_it_serves()
                host, port = self._server.host, self._server.port
            self._open_workspaces(host or "localhost", port, wsNameTemplate, userWsNameTemplate)
            # What must be done if nobody calls stop(); not a method, which would keep us alive.
            self._cleanup = weakref.finalize(
                self, _clean_up, self._owner, self._workspace, self._processes, self._server
            )
            self._team: AnyTeam
            if way is None:
                self._team = SerialTeam(self._workspace, self._user_workspace)
            else:
                self._team = Team(self._workspace, way.expected, output)
                way.go(self._where(host or "localhost", port), self._workspace)
                if launch == "web":
                    self._team.close_group()

    @contextmanager
    def _undone_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._stopped = True
            self._cleanup()
            self._processes.stop(0)
            if self._server is not None:
                self._server.stop()
            if isinstance(error, NwsException):
                raise SleighNwsException(
                    f"the sleigh's workspace cannot be used: {error}"
                ) from error
            raise

    def _open_workspaces(self, host: str, port: int, template: str, user_template: str) -> None:
        server = NwsServer(host, port)
        try:
            self._workspace = server.openWs(server.mktempWs(template))
            self._user_workspace = server.openWs(server.mktempWs(user_template))
            server.status()
        except NwsUnsupportedOperationException as error:
            server.close()
            raise SleighNwsException(f"a sleigh needs another server: {error}") from error
        except BaseException:
            server.close()
            raise

    def _where(self, host: str, port: int) -> Where:
        names = self._workspace.currentWs(), self._user_workspace.currentWs()
        level = logging.getLogger().getEffectiveLevel()
        return Where(host, port, *names, self.lease_time, level)

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
            chunks = Chunks(arguments, size, _checked_size(chunkSize), None if bounded else total)
            call = self._new_call(
                Function(*check_function(fun, type), fixed_arguments(fixedArgs), argPermute),
                timeout=_checked_time(timeout),
                retries=retries,
                seed=seed,
            )
            tasks = max(size, int(loadFactor * size)) if bounded else None
            run = self._begin(Run(self._team, call, chunks, self._look_after, tasks=tasks))
            shown = progress_for(progress)
            gathering = Gathering(run, self._collect, accumulator, shown, total)
            with self._guard(run):
                run.submit()
                return gathering.all() if blocking else SleighPending(gathering, self._guard)

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
            self._processes.forgive()  # all are needed: try again at once
            count = self._team.wait_for_all(self._look_after, 0.25)
            chunks = Chunks(iter([workerArgs]), 1, 1)
            call = self._new_call(
                function, everyone=True, timeout=_checked_time(timeout), retries=retries
            )
            run = self._begin(Run(self._team, call, chunks, self._look_after))
            gathering = Gathering(run, self._collect, accumulator, no_progress, count)
            with self._guard(run):
                run.submit_for_everyone(count)
                return gathering.all() if blocking else SleighPending(gathering, self._guard)

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
        return self._iterate(fun, arguments, type, loadFactor, chunkSize, timeout, retries, seed)

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
        return self._iterate(fun, arguments, type, loadFactor, chunkSize, timeout, retries, seed)

    def _iterate(
        self,
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
            size, fixed = self._team.size, _checked_size(chunkSize)
            bound = max(size, int(loadFactor * size)) * (fixed or 1) if loadFactor > 0 else None
            largest = 4096 if bound is None else max(1, bound // (2 * size))
            chunks = Chunks(arguments, size, fixed, largest=largest)
            call = self._new_call(
                Function(*check_function(fun, kind), (), None),
                timeout=_checked_time(timeout),
                retries=retries,
                seed=seed,
            )
            run = self._begin(Run(self._team, call, chunks, self._look_after, bound=bound))
            iterator = SleighResultIterator(run, self._collect, self._submit)
            with self._guard(run):
                run.submit()
            return iterator

    # Calls under way

    @contextmanager
    def _call(self) -> Iterator[None]:
        """Let a call begin if none is under way."""
        self._check()
        if not self._calling.acquire(blocking=False):
            raise SleighOccupiedException("another thread is in a call of this sleigh")
        try:
            self._check_free()
            with self._explained():
                self._processes.look_after(self._team.is_there)
                yield
        finally:
            self._calling.release()

    def _check(self) -> None:
        if self._stopped:
            raise SleighStoppedException("this sleigh was stopped")
        if self._owner != os.getpid():
            raise SleighStoppedException(f"this sleigh belongs to process {self._owner}")

    def _check_free(self) -> None:
        if self._state.over:
            return
        if self._active is not None and self._active() is not None:
            raise SleighOccupiedException(
                "another call is under way: wait for it, take all its results, or stop it"
            )
        self._state.over = True
        self._team.cancel(self._state.number)  # nobody can ask for its results any more

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Make what the server does to us an error of the sleigh."""
        try:
            yield
        except NwsException as error:
            self._check()
            said = ""
            if self._server is not None and self._server.ended:
                said = f"; it said: {self._server.what_it_said()}"
            raise SleighNwsException(f"the sleigh's server failed: {error}{said}") from error

    @contextmanager
    def _guard(self, run: Run) -> Iterator[None]:
        """Cancel a run if something goes wrong, and say what."""
        with self._explained():
            try:
                self._check()
                yield
            except BaseException:
                try:
                    run.cancel()
                except NwsException:
                    pass  # the server is gone, and all with it
                raise

    def _new_call(self, function: Function, **options: Any) -> Call:
        name = self._team.provide(function)
        return Call(next(self._numbers), name, self._team.size, **options)

    def _begin(self, run: Run) -> Run:
        self._active, self._state = weakref.ref(run), run.state
        return run

    def _collect(self, run: Run, timeout: float) -> Sequence[Values]:
        with self._guard(run):
            values = list(run.collect(timeout))
        if values:
            self._processes.note_progress()
        return values

    def _submit(self, run: Run, unread: int) -> None:
        with self._guard(run):
            run.submit(unread)

    def _look_after(self, run: Run | None = None) -> Values | None:
        """Look whether the server and the workers are there; see `nws.sleigh.run.Run`."""
        self._check()
        if self._server is not None and self._server.ended:
            said = self._server.what_it_said()
            raise SleighNwsException(f"the sleigh's server has ended: {said}")
        problem = self._processes.look_after(self._team.is_there)
        if problem and (run is None or len(self._team.gone()) >= self._team.group().size):
            self._processes.forgive()
            raise SleighJoinException(problem)
        now = time.monotonic()
        if run is None or now < self._next_roll_call:
            return None
        self._next_roll_call = now + _ROLL_CALL
        gone = self._team.gone()
        self._missed = {rank: self._missed.get(rank, now) for rank in gone}
        missed = {rank for rank, since in self._missed.items() if now - since > _MISSED}
        group = self._team.group()
        if group.closed and not group.size:
            raise SleighJoinException("the group was closed before any worker had joined")
        if missed and len(missed) >= group.size > 0:
            raise SleighJoinException("all workers are gone")
        return run.give_up_ranks(missed, "its worker is gone") if missed else None

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
        with self._explained():
            group = self._team.group(timeout)
            if closeGroup and not group.closed:
                group = self._team.close_group()
        return group.size, int(group.closed)

    def workerInfo(self) -> list[dict[str, Any]]:
        """Describe the workers that have joined, in the order of ranks.

        Returns:
            For each a dict with ``rank``, ``host``, ``os``, ``pid`` (0 until it runs), ``python``,
            ``nws``, ``logfile``, and ``name``: what ``nodeList`` has for its machine.
        """
        self._check()
        with self._explained():
            started = [json.loads(text) for text in self._workspace.ifindTry(WORKER_INFO)]
        latest = {worker["rank"]: worker for worker in started}
        return [latest[rank] for rank in sorted(latest)]

    @property
    def nws(self) -> NetWorkSpace:
        """The sleigh's workspace."""
        return self._workspace

    @property
    def userNws(self) -> NetWorkSpace:
        """The workspace for the user's tasks, ``SleighUserNws`` in them."""
        return self._user_workspace

    def stop(self) -> None:
        """End the workers and the private server. A second call does nothing."""
        self._stopped = True
        self._cleanup()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._stopped else f"{self._team.size} workers"
        return f"Sleigh({state}, {self._workspace})"


def _port_of_environment() -> int:
    text = os.environ.get(_PORT) or "8765"
    try:
        return int(text)
    except ValueError:
        raise SleighIllegalValueException(f"{_PORT}={text}: a port is a number") from None


def _checked_size(size: int | None) -> int | None:
    if size is not None and size < 1:
        raise SleighIllegalValueException(f"chunkSize={size} is less than one")
    return size


def _checked_time(timeout: float | None) -> float:
    if timeout is not None and not timeout > 0:
        raise SleighIllegalValueException(f"timeout={timeout} is not more than zero")
    return timeout or 0.0


def _do_nothing() -> None:
    pass


def _clean_up(
    owner: int, workspace: NetWorkSpace, processes: Processes, server: PrivateServer | None
) -> None:
    if os.getpid() != owner:
        return  # a fork of the owner has ended
    with ExitStack() as steps:  # from the last to the first, even if one is interrupted
        if server is not None:
            steps.callback(server.stop)
        steps.callback(processes.stop, _GRACE)
        steps.callback(workspace.server.close)
        try:
            workspace.server.deleteWs(workspace.currentWs())  # workers wait in it, and end
        except NwsException:
            pass  # the server is gone, and it with it

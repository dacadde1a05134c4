"""The master's side of the parallel map."""

from __future__ import annotations

import itertools
import os
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, ClassVar, Final

from nws.client import NetWorkSpace, NwsServer
from nws.errors import (
    NwsException,
    NwsTimeoutException,
    NwsUnsupportedOperationException,
    SleighException,
    SleighIllegalValueException,
    SleighNwsException,
    SleighOccupiedException,
    SleighStoppedException,
)
from nws.sleigh.arguments import fixed_arguments, task_arguments
from nws.sleigh.private_server import PrivateServer
from nws.sleigh.tasks import (
    GIVEN_UP,
    MAX_ATTEMPTS,
    Outcome,
    Task,
    dumps,
    job_variable,
    result_of,
)
from nws.sleigh.workers import Workers

__all__ = ["Sleigh"]

_WATCH: Final = 0.25
"""Seconds between looks at the workers."""

_GRACE: Final = 2.0
"""Seconds that workers have to end by themselves."""

_FETCH: Final = 1000


class Sleigh:
    """A group of worker processes on this machine.

    Use it in a ``with`` statement, or call `stop` in the end. The workers and the private server
    also end when this process does, even by SIGKILL. A worker that ends early is replaced. A fork
    of this process cannot use it.

    Attributes:
        lease_time: seconds. A worker that is silent for so long loses its task to another one. The
            end of a worker is noticed at once, by its connection, so this is about workers that
            are stopped or cut off. It is long because C code that keeps the interpreter's lock
            silences a worker too.
    """

    lease_time: ClassVar[float] = 24 * 3600.0

    def __init__(
        self, *, workerCount: int = 3, nwsHost: str | None = None, nwsPort: int = 8765
    ) -> None:
        """Start workers.

        Args:
            workerCount: how many.
            nwsHost: host of a server, as for `nws.client.NwsServer`. None starts a private server
                that only this user can reach and that ends with the sleigh.
            nwsPort: port of that server.

        Raises:
            SleighIllegalValueException: the number of workers is less than one.
            SleighNwsException: the server cannot be started, reached or used.
            SleighScriptException: a worker cannot be started.
        """
        if workerCount < 1:
            raise SleighIllegalValueException(f"workerCount={workerCount}: a sleigh needs workers")
        self._server = PrivateServer() if nwsHost is None else None
        self._host, self._port = nwsHost or "", nwsPort
        if self._server is not None:
            self._host, self._port = self._server.host, self._server.port
        self._jobs = itertools.count(1)
        self._calling = threading.RLock()  # one that Ctrl-C left locked is open to its thread
        self._stopped = False
        self._owner = os.getpid()
        try:
            self._workspace = self._open_workspace()
        except BaseException:
            if self._server is not None:
                self._server.stop()
            raise
        where = [self._host, self._port, self._workspace.currentWs()]
        self._workers = Workers(workerCount, [*where, self.lease_time])
        # What must be done if nobody calls stop(); not a method, which would keep the sleigh alive.
        self._cleanup = weakref.finalize(
            self, _clean_up, self._owner, self._workspace, self._workers, self._server
        )
        try:
            self._workers.replace_the_dead()
        except BaseException:
            self.stop()
            raise

    def _open_workspace(self) -> NetWorkSpace:
        try:
            server = NwsServer(self._host, self._port)
            try:
                server.status()
            except NwsUnsupportedOperationException as error:
                server.close()
                raise SleighNwsException(f"a sleigh needs another server: {error}") from error
            workspace = server.openWs(server.mktempWs("sleigh_ride_%04d"))
            workspace.declare("task", "fifo")
            workspace.declare("result", "fifo")
        except NwsException as error:
            raise SleighNwsException(f"the sleigh's workspace cannot be made: {error}") from error
        return workspace

    def eachElem(
        self, fun: Callable[..., Any], elementArgs: Any = (), fixedArgs: Any = ()
    ) -> list[Any]:
        """Call a function for each element and return the results in the order of the elements.

        If it is interrupted, by Ctrl-C or otherwise, the workers drop what they are at.

        Args:
            fun: any callable. What the workers cannot import, such as a lambda, is sent to them.
            elementArgs: a list of iterables, one for each argument that varies; the shortest one
                ends the tasks. Where one argument varies, the list around it may be left out.
            fixedArgs: further arguments, the same for all tasks.

        Returns:
            A list. Where a task failed, it holds a SleighTaskException with the remote traceback,
            whose cause is the worker's exception.

        Raises:
            SleighStoppedException: the sleigh was stopped.
            SleighOccupiedException: another thread is in a call.
            SleighIllegalValueException: the function or an argument cannot be used or pickled.
            SleighNwsException: the server is gone, or refused the tasks.
            SleighJoinException: workers end again and again without having done anything.
        """
        self._check()
        if not self._calling.acquire(blocking=False):
            raise SleighOccupiedException("another thread is in a call of this sleigh")
        try:
            number = next(self._jobs)
            job = _pickled((fun, fixed_arguments(fixedArgs)), "the function or fixedArgs")
            tasks = [
                Task(number, tag, _pickled(arguments, f"the arguments of element {tag}"))
                for tag, arguments in enumerate(task_arguments(elementArgs))
            ]
            return self._run(number, job, tasks)
        except NwsException as error:
            self._check()
            raise SleighNwsException(f"the sleigh's server failed: {error}") from error
        finally:
            self._calling.release()

    def _check(self) -> None:
        if self._stopped:
            raise SleighStoppedException("this sleigh was stopped")
        if self._owner != os.getpid():
            raise SleighStoppedException(f"this sleigh belongs to process {self._owner}")

    def _run(self, number: int, job: bytes, tasks: list[Task]) -> list[Any]:
        self._workers.begin_call()
        try:
            return self._do(number, job, tasks)
        except (NwsException, SleighException):
            raise
        except BaseException:  # Ctrl-C, most likely: the next call is not to wait for this one
            self._workers.restart()
            raise

    def _do(self, number: int, job: bytes, tasks: list[Task]) -> list[Any]:
        variable = job_variable(number)
        self._workspace.store(variable, job)
        try:
            self._workspace.store_many("task", map(tuple, tasks))
            return self._gather(number, len(tasks))
        except BaseException:
            self._discard_tasks()
            raise
        finally:
            self._forget(variable)

    def _gather(self, number: int, count: int) -> list[Any]:
        results: dict[int, Any] = {}
        look = time.monotonic() + _WATCH
        while len(results) < count:
            try:
                arrived = self._workspace.fetch_many("result", _FETCH, timeout=_WATCH)
            except NwsTimeoutException:
                arrived = []
            for outcome in map(Outcome._make, arrived):
                if outcome.job == number:  # else it is left over from a call that was interrupted
                    results[outcome.tag] = result_of(self._explain(outcome))
                    self._workers.note_progress()
            if time.monotonic() >= look:
                self._look_after_workers()
                look = time.monotonic() + _WATCH
        return [results[tag] for tag in range(count)]

    def _explain(self, outcome: Outcome) -> Outcome:
        """Add to the outcome of a task that was given up what the workers died of."""
        if outcome.text != GIVEN_UP:
            return outcome
        ends = self._workers.how_they_ended(MAX_ATTEMPTS)
        return outcome._replace(text=f"{GIVEN_UP}; the ends of workers in this call: {ends}")

    def _discard_tasks(self) -> None:
        """Take back what no worker has begun."""
        try:
            while self._workspace.fetch_many("task", _FETCH, timeout=0):
                pass
        except NwsException:
            pass  # all are taken back, or the server is gone with them

    def _forget(self, variable: str) -> None:
        """Remove a job; workers then drop tasks of it that come their way."""
        try:
            self._workspace.deleteVar(variable)
        except NwsException:
            pass  # the server is gone, and it with it

    def _look_after_workers(self) -> None:
        self._check()
        if self._server is not None and self._server.ended:
            said = self._server.what_it_said()
            raise SleighNwsException(f"the sleigh's server has ended: {said}")
        self._workers.replace_the_dead()

    def stop(self) -> None:
        """End the workers and the private server. A second call does nothing."""
        self._stopped = True
        self._cleanup()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._stopped else f"{self._workers.count} workers"
        return f"Sleigh({state}, {self._workspace})"


def _pickled(thing: Any, what: str) -> bytes:
    try:
        return dumps(thing)
    except Exception as error:
        raise SleighIllegalValueException(f"{what} cannot be pickled: {error}") from error


def _clean_up(
    owner: int, workspace: NetWorkSpace, workers: Workers, server: PrivateServer | None
) -> None:
    if os.getpid() != owner:
        return  # a fork of the owner has ended
    with ExitStack() as steps:  # from the last to the first, even if one is interrupted
        if server is not None:
            steps.callback(server.stop)
        steps.callback(workers.stop, _GRACE)
        steps.callback(workspace.server.close)
        try:
            workspace.server.deleteWs(workspace.currentWs())  # idle workers wait in it, and end
        except NwsException:
            pass  # the server is gone, and it with it

"""The master's side of the parallel map."""

from __future__ import annotations

import itertools
import json
import sys
import weakref
from collections.abc import Callable, Iterable
from typing import Any, Final

from nws.client import NetWorkSpace, NwsServer
from nws.errors import (
    NwsException,
    NwsServerException,
    NwsTimeoutException,
    SleighIllegalValueException,
    SleighNwsException,
    SleighScriptException,
    SleighStoppedException,
)
from nws.sleigh.arguments import fixed_arguments, task_arguments
from nws.sleigh.children import Child
from nws.sleigh.private_server import PrivateServer
from nws.sleigh.tasks import Outcome, Task, dumps, job_variable, result_of
from nws.sleigh.worker import BOOT, Setup

__all__ = ["Sleigh"]

_WATCH: Final = 0.25
"""Seconds between looks at the workers while no outcome comes."""

_GRACE: Final = 3.0
"""Seconds that workers have to end by themselves."""

_FETCH: Final = 1000


class Sleigh:
    """A group of worker processes on this machine.

    Use it in a ``with`` statement, or call `stop` in the end. The workers and the private server
    also end when this process does, even by SIGKILL. A worker that ends early is replaced.
    """

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
            SleighNwsException: the server cannot be started or reached.
            SleighScriptException: a worker cannot be started.
        """
        if workerCount < 1:
            raise SleighIllegalValueException(f"workerCount={workerCount}: a sleigh needs workers")
        self._server = PrivateServer() if nwsHost is None else None
        self._host, self._port = nwsHost or "", nwsPort
        if self._server is not None:
            self._host, self._port = self._server.host, self._server.port
        self._workers: list[Child] = []
        self._jobs = itertools.count(1)
        self._stopped = False
        try:
            self._workspace = self._open_workspace()
        except NwsException as error:
            if self._server is not None:
                self._server.stop()
            raise SleighNwsException(f"the sleigh's workspace cannot be made: {error}") from error
        # What must be done if nobody calls stop(); not a method, which would keep the sleigh alive.
        self._cleanup = weakref.finalize(
            self, _clean_up, self._workspace, self._workers, self._server
        )
        try:
            for _ in range(workerCount):
                self._workers.append(self._start_worker())
        except BaseException:
            self.stop()
            raise

    def _open_workspace(self) -> NetWorkSpace:
        server = NwsServer(self._host, self._port)
        workspace = server.openWs(server.mktempWs("sleigh_ride_%04d"))
        workspace.declare("task", "fifo")
        workspace.declare("result", "fifo")
        return workspace

    def _start_worker(self) -> Child:
        try:
            worker = Child([sys.executable, "-c", BOOT])
        except OSError as error:
            raise SleighScriptException(f"a worker cannot be started: {error}") from error
        path = [str(entry) for entry in sys.path]
        setup = Setup(self._host, self._port, self._workspace.currentWs(), path)
        worker.tell(json.dumps(setup).encode() + b"\n")
        return worker

    def eachElem(
        self, fun: Callable[..., Any], elementArgs: Any = None, fixedArgs: Any = ()
    ) -> list[Any]:
        """Call a function for each element and return the results in the order of the elements.

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
            SleighIllegalValueException: the function or an argument cannot be pickled.
            SleighNwsException: the server is gone.
        """
        if self._stopped:
            raise SleighStoppedException("this sleigh was stopped")
        number = next(self._jobs)
        try:
            return self._run(number, fun, task_arguments(elementArgs), fixed_arguments(fixedArgs))
        except NwsServerException as error:
            raise SleighNwsException(f"the sleigh lost its server: {error}") from error

    def _run(
        self,
        number: int,
        fun: Callable[..., Any],
        elements: Iterable[tuple[Any, ...]],
        fixed: list[Any],
    ) -> list[Any]:
        variable = job_variable(number)
        self._workspace.store(variable, _pickled((fun, fixed), "the function or fixedArgs"))
        try:
            tasks = [
                Task(number, tag, _pickled(arguments, f"the arguments of element {tag}"))
                for tag, arguments in enumerate(elements)
            ]
            self._workspace.store_many("task", map(tuple, tasks))
            return self._gather(number, len(tasks))
        except BaseException:
            self._discard_tasks()
            raise
        finally:
            self._workspace.deleteVar(variable)

    def _gather(self, number: int, count: int) -> list[Any]:
        results: dict[int, Any] = {}
        while len(results) < count:
            try:
                arrived = self._workspace.fetch_many("result", _FETCH, timeout=_WATCH)
            except NwsTimeoutException:
                self._replace_the_dead()
                continue
            for outcome in map(Outcome._make, arrived):
                if outcome.job == number:  # else it is left over from a call that was interrupted
                    results[outcome.tag] = result_of(outcome)
        return [results[tag] for tag in range(count)]

    def _discard_tasks(self) -> None:
        """Take back what no worker has begun."""
        try:
            while self._workspace.fetch_many("task", _FETCH, timeout=0):
                pass
        except NwsException:
            pass  # all are taken back, or the server is gone with them

    def _replace_the_dead(self) -> None:
        if self._server is not None and self._server.ended:
            said = self._server.what_it_said()
            raise SleighNwsException(f"the sleigh's server has ended: {said}")
        for place, worker in enumerate(self._workers):
            if worker.ended:
                self._workers[place] = self._start_worker()

    def stop(self) -> None:
        """End the workers and the private server. A second call does nothing."""
        self._stopped = True
        self._cleanup()

    def __enter__(self) -> Sleigh:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __str__(self) -> str:
        state = "stopped" if self._stopped else f"{len(self._workers)} workers"
        return f"Sleigh({state}, {self._workspace})"


def _pickled(thing: Any, what: str) -> bytes:
    try:
        return dumps(thing)
    except Exception as error:
        raise SleighIllegalValueException(f"{what} cannot be pickled: {error}") from error


def _clean_up(workspace: NetWorkSpace, workers: list[Child], server: PrivateServer | None) -> None:
    try:
        workspace.server.deleteWs(workspace.currentWs())  # idle workers wait in it, and end now
    except NwsException:
        pass  # the server is gone, and it with it
    workspace.server.close()
    for worker in workers:
        worker.let_go()
    for worker in workers:
        worker.wait(_GRACE)
    if server is not None:
        server.stop()

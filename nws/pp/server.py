"""`Server`: submits jobs to workers on this machine and on nodes."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any, ClassVar, Final, NoReturn, TextIO

from nws.counted import counted
from nws.errors import SleighStoppedException
from nws.pp.arguments import (
    AUTODETECT,
    DEFAULT_PORT,
    check_callback,
    check_protocol,
    check_stream,
    check_tuple,
    check_wait,
    node_addresses,
    worker_count,
)
from nws.pp.callbacks import Callbacks, is_in_callback
from nws.pp.job import DestroyedServerError, Job
from nws.pp.job_future import JobFuture
from nws.pp.job_output import JobOutput
from nws.pp.jobs_by_call import JobsByCall
from nws.pp.known_names import prepared
from nws.pp.secret import PUBLISHED_SECRET, check_secret, secret_for
from nws.pp.statistics import NodeStatistics, RankTimes, table
from nws.sleigh.master.worker_pool import LOCAL, WorkerPool
from nws.sleigh.shared.output import Line, echo

__all__ = ["Server"]

_log = logging.getLogger("pp")

_END_SECONDS: Final = 5.0
"""For jobs to notice that their server was destroyed."""


class Server:
    """Runs jobs on workers. Workers end with the program, or with `destroy`.

    Any thread may use it. A fork of this process cannot.
    """

    default_port: ClassVar[int] = DEFAULT_PORT
    """Of nodes."""
    default_secret: ClassVar[str] = PUBLISHED_SECRET
    """Known to everybody, so it is refused as a secret."""

    def __init__(
        self,
        ncpus: int | str = AUTODETECT,
        ppservers: tuple[str, ...] = (),
        secret: str | None = None,
        loglevel: int = logging.WARNING,
        logstream: TextIO | None = None,
        restart: bool = False,
        proto: int = 0,
        *,
        legacy_errors: bool = False,
    ) -> None:
        """Start workers.

        Args:
            ncpus: how many on this machine; ``autodetect`` for one for each core that this process
                may use. 0 for none: then jobs need nodes, or `set_ncpus` within 5 seconds.
            ppservers: nodes, each as ``host`` or ``host:port``, on which `nws ppserver` runs; ``*``
                or ``10.0.*`` for those that are found by broadcast (``nws ppserver -a``). They
                are connected to in the background, and again when they were lost; see
                `wait_for_nodes`.
            secret: that the nodes know. By default the environment variable PP_SECRET, or
                ``pp_secret`` in ``~/.pythonrc.py``. Who knows it can run code here and on the
                nodes.
            loglevel: of the logger ``pp``.
            logstream: where that logger writes; by default it is left as `logging` has it.
            restart: run each job in a worker in which none has run before.
            proto: protocol number of `pickle`, for ``raw_result`` only.
            legacy_errors: the result of a job that fails is None, as in pp, and the traceback is
                printed with its output. By default the job raises.

        Raises:
            TypeError, ValueError: an argument has a type or value that it may not have.
            SleighNwsException: the private server of the workers cannot be started.
            SleighScriptException: a worker cannot be started.
        """
        workers, nodes = worker_count(ncpus), node_addresses(ppservers)
        check_stream("logstream", logstream)
        check_protocol(proto)
        if nodes:
            secret = secret_for(secret, "secret=")
        elif secret is not None:
            check_secret(secret, "secret=")
        is_pattern = any("*" in node.host for node in nodes)
        self._max_nodes = math.inf if is_pattern else len(nodes)
        self._proto = proto
        self._legacy_errors = legacy_errors
        self._tids = count()
        self._outputs: dict[int, JobOutput] = defaultdict(JobOutput)  # by call
        self._jobs_by_call = JobsByCall()  # for what comes behind their results
        self._unfinished: dict[int, Job] = {}  # by tid
        self._done = RankTimes()
        self._began = time.monotonic()
        self._destroyed = False
        self._changing = threading.Lock()  # the number of workers
        self._callbacks = Callbacks()
        self._log_handler = _follow(loglevel, logstream)
        self._pool = WorkerPool("pp", workers, nodes, secret or "", self._take_lines, fresh=restart)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a pp.Server cannot be sent to workers: give jobs what they need of it")

    # Jobs

    def submit(
        self,
        func: Callable[..., Any],
        args: tuple[Any, ...] = (),
        depfuncs: tuple[Any, ...] = (),
        modules: tuple[str, ...] = (),
        callback: Callable[..., object] | None = None,
        callbackargs: tuple[Any, ...] = (),
        group: str = "default",
        globals: dict[str, Any] | None = None,
    ) -> Job:
        """Submit a job, and return at once.

        Args:
            func: any callable. What workers cannot import, such as a lambda, is sent to them, with
                what it uses.
            args: its arguments.
            depfuncs: functions and classes that it is to find by their names.
            modules: names of modules to import for it, or whole import statements. One that cannot
                be imported is noted in the job's output.
            callback: called as ``callback(*callbackargs, result)`` when the job is done. Callbacks
                run one at a time, on a thread of this server. One that raises is logged. If the job
                fails, it is not called, and the failure is logged.
            group: for `wait`.
            globals: a dict, such as ``globals()``, whose functions, classes and modules it is to
                find by their names.

        Raises:
            TypeError: an argument has another type than it must have.
            ValueError: one of ``modules`` is neither a name nor an import statement.
            SleighIllegalValueException: the function or an argument cannot be pickled.
            DestroyedServerError: the server was destroyed.
            SleighNwsException: the private server of the workers is gone.
        """
        function = prepared(func, depfuncs, modules, globals)
        if type(args) is not tuple:
            check_tuple("args", args)
        if callback is not None or type(callbackargs) is not tuple:
            check_callback(callback, callbackargs)
        job = Job(next(self._tids), group, callback, callbackargs, self._proto)
        try:
            make_future = partial(JobFuture, partial(self._settle, job))
            job._future = future = self._pool.submit(function, args, make_future)
        except SleighStoppedException as error:
            raise self._unusable(error) from error
        self._jobs_by_call.add(future.number, job)
        self._unfinished[job.tid] = job
        if job._is_over:  # it was not there yet to be removed
            self._unfinished.pop(job.tid, None)
        return job

    def wait(self, group: str | None = None) -> None:
        """Wait until all jobs are finished, with their callbacks.

        Args:
            group: of these jobs; by default those of all groups. An unknown one has no jobs.
        """
        while jobs := self._jobs(group):
            for job in jobs:
                job.wait()
                if job.finished:
                    self._unfinished.pop(job.tid, None)  # whose result came has not done that yet
            if is_in_callback():
                return  # its own job is not finished before it returns

    def _jobs(self, group: str | None) -> list[Job]:
        """Return the jobs that are not finished."""
        jobs = list(self._unfinished.values())
        return jobs if group is None else [job for job in jobs if job.group == group]

    def _take_lines(self, lines: Sequence[Line]) -> None:
        """Keep what jobs print until somebody asks for their results; show the rest at once."""
        for line in lines:
            if line.stream == "log":
                echo([line])
            elif self._pool.is_under_way(line.call):
                self._outputs[line.call].add(f"{line.text}\n")
            elif (job := self._jobs_by_call.get(line.call)) is not None:
                job._add_output(f"{line.text}\n")
            else:
                echo([line])

    def _settle(self, job: Job, future: JobFuture, value: Any, is_failure: bool) -> None:
        """Give a job its result, and have its callback called."""
        output = self._outputs.get(future.number)
        job._take(value, output, is_failure=is_failure, legacy_errors=self._legacy_errors)
        if future.rank >= 0:
            self._done.add(future.rank, future.seconds)
        future.set_done(value, is_failure=is_failure)
        if job.callback is None or not self._callbacks.call(partial(self._run_callback, job)):
            self._finish(job)
        self._outputs.pop(future.number, None)

    def _run_callback(self, job: Job) -> None:
        try:
            job._run_callback()
        except BaseException:  # such as sys.exit(), which ends no program here and no thread
            _log.exception("job %d has failed, or its callback has", job.tid)
        finally:
            self._finish(job)

    def _finish(self, job: Job) -> None:
        job._finish()
        self._unfinished.pop(job.tid, None)  # after that; see `submit`

    # Workers

    def get_ncpus(self) -> int:
        """Return how many workers there are on this machine."""
        return self._pool.local.count

    def set_ncpus(self, ncpus: int | str = AUTODETECT) -> None:
        """Set how many workers there are on this machine. With fewer than there are, wait first
        until all jobs are finished, so that none has to run twice.

        Args:
            ncpus: see `Server`.

        Raises:
            TypeError, ValueError: it is neither a number of workers nor ``autodetect``.
            DestroyedServerError: the server was destroyed.
            SleighScriptException: a worker cannot be started.
        """
        workers = worker_count(ncpus)
        self._check()
        if workers < self.get_ncpus():
            self.wait()
        with self._changing:
            self._pool.local.set_count(workers)

    def get_active_nodes(self) -> dict[str, int]:
        """Return how many workers each node has that is there; ``local`` is this machine."""
        nodes = self._pool.nodes
        return {LOCAL: self.get_ncpus(), **(nodes.active() if nodes is not None else {})}

    def wait_for_nodes(self, number: int, timeout: float) -> None:
        """Wait until ``number`` nodes are there, besides this machine.

        Args:
            number: of nodes.
            timeout: seconds.

        Raises:
            TypeError: these are no numbers.
            TimeoutError: it takes longer; the text says why each of the others is not there.
            ValueError: there are fewer in ``ppservers``, or the number is negative.
            DestroyedServerError: the server was destroyed.
        """
        check_wait(number, timeout)
        self._check()
        if number > self._max_nodes:
            raise ValueError(f"{number} nodes will never be there: ppservers has {self._max_nodes}")
        nodes = self._pool.nodes
        if nodes is not None and not nodes.wait(number, timeout):
            there, why = len(nodes.active()), nodes.problems() or "no answer yet"
            raise TimeoutError(
                f"{there} of {number} nodes are there in {counted(timeout, 'second')}; {why}"
            )

    def get_stats(self) -> dict[str, NodeStatistics]:
        """Return what each node has done: a dict of objects with ``ncpus``, ``njobs`` and ``time``.

        Raises:
            DestroyedServerError: the server was destroyed.
        """
        self._check()
        return self._done.by_node(self._pool.nodes_by_rank(), self.get_active_nodes())

    def print_stats(self) -> None:
        """Print what each node has done, the seconds since this server was made, and how many jobs
        are under way.

        Raises:
            DestroyedServerError: the server was destroyed.
        """
        statistics = self.get_stats()
        print("Job execution statistics:")
        print(table(statistics))
        print(f"Time elapsed since server creation {time.monotonic() - self._began:.4f}")
        cores = sum(self.get_active_nodes().values())
        print(f"{counted(len(self._jobs(None)), 'active task')}, {counted(cores, 'core')}\n")

    def view(self) -> str:
        """Open a page in a web browser that shows nodes, workers, jobs, failures and output as they
        are, and return its address.

        Raises:
            DestroyedServerError: the server was destroyed.
        """
        self._check()
        return self._pool.view()

    # The end

    def destroy(self) -> None:
        """End the workers. Jobs that are not done raise, and `wait` returns. Callbacks that were
        not called yet are not called. A second call does nothing."""
        if self._destroyed:
            return
        self._destroyed = True
        self._callbacks.close()
        self._pool.close()
        for job in self._jobs(None):
            job._await_result(_END_SECONDS)
            self._finish(job)
        if self._log_handler is not None:
            _log.removeHandler(self._log_handler)

    def _unusable(self, error: SleighStoppedException) -> DestroyedServerError:
        why = "destroyed" if self._destroyed else "made by another process, of which this is a fork"
        return DestroyedServerError(f"this server cannot be used: it was {why}")

    def _check(self) -> None:
        try:
            self._pool.check()
        except SleighStoppedException as error:
            raise self._unusable(error) from error


def _follow(level: int, stream: TextIO | None) -> logging.Handler | None:
    """Set up the logger. Return the handler that writes into the stream."""
    _log.setLevel(level)
    if stream is None:
        return None
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s: %(message)s"))
    _log.addHandler(handler)
    return handler

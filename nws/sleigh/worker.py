"""A worker: leases tasks, runs them, settles each together with its outcome.

Its stdin is its life line: when it is closed, the master is gone or wants the worker to go, and the
worker ends itself and its children at once. It also ends when the server or the workspace is gone.
Twisted is never imported here.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from typing import Final

from nws.client import Lease, NetWorkSpace
from nws.errors import NwsException, NwsLeaseLostException, NwsOperationException
from nws.sleigh.tasks import (
    MAX_ATTEMPTS,
    Job,
    Outcome,
    Task,
    dumps,
    failure,
    given_up,
    job_variable,
)

__all__ = ["main"]

_FAREWELL: Final = 1.0
"""Seconds that an idle worker has to end in order."""


def main(host: str, port: int, workspace: str, lease_time: float) -> None:
    """Be a worker, until the sleigh is over.

    Args:
        host, port: of the server.
        workspace: name of the sleigh's workspace.
        lease_time: see `nws.sleigh.master.Sleigh`.
    """
    heartbeat = _Heartbeat(lease_time)
    life_line = _take_stdin()
    threading.Thread(target=_end_with_master, args=(life_line, heartbeat), daemon=True).start()
    try:
        Worker(NetWorkSpace(workspace, host, port, useUse=True, create=False), heartbeat).work()
    except NwsException:
        pass  # the sleigh was stopped, or its server is gone: the master knows


def _take_stdin() -> int:
    """Keep the life line to ourselves: a task that reads stdin finds its end there."""
    life_line = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return life_line


def _end_with_master(life_line: int, heartbeat: _Heartbeat) -> None:
    while os.read(life_line, 4096):
        pass
    if not heartbeat.in_task:
        # The workspace goes as well, so the main thread is about to end: with its exit handlers.
        time.sleep(_FAREWELL)
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(0, signal.SIGKILL)


class Worker:
    """One worker in a sleigh's workspace."""

    def __init__(self, workspace: NetWorkSpace, heartbeat: _Heartbeat) -> None:
        self._workspace = workspace
        self._number = 0  # of the job at hand
        self._job: Job | None = None
        self._heartbeat = heartbeat

    def work(self) -> None:
        """Do tasks until the workspace is deleted.

        Raises:
            NwsException: it was, or the server is gone.
        """
        heartbeat = self._heartbeat
        heartbeat.start()
        while True:
            lease = self._workspace.lease("task", duration=heartbeat.lease_time)
            heartbeat.lease, heartbeat.in_task = lease, True
            task = Task(*lease.value)
            outcome = self._do(task, lease.attempt)
            _flush()
            heartbeat.in_task = False
            try:
                _settle(lease, task, outcome)
            except NwsLeaseLostException:
                pass  # it was too late: another worker has the task
            heartbeat.lease = None

    def _do(self, task: Task, attempt: int) -> Outcome | None:
        """Run a task; None if nobody wants to know its outcome any more."""
        if attempt > MAX_ATTEMPTS:
            return given_up(task)
        headline = "the function or fixedArgs cannot be read by the worker\n"
        try:
            job = self._get_job(task.job)
            if job is None:
                return None
            headline = "the arguments cannot be read by the worker\n"
            arguments = pickle.loads(task.arguments)
            headline = ""
            value = job.function(*arguments, *job.fixed)
            headline = "the result cannot be pickled\n"
            return Outcome(task.job, task.tag, dumps(value))
        except BaseException as error:  # sys.exit() in a task is the task's end, not the worker's
            return failure(task, error, headline)

    def _get_job(self, number: int) -> Job | None:
        if number != self._number:
            data = self._workspace.findTry(job_variable(number))
            self._job = None if data is None else Job(*pickle.loads(data))
            self._number = number
        return self._job


def _settle(lease: Lease, task: Task, outcome: Outcome | None) -> None:
    stores = [] if outcome is None else [("result", tuple(outcome))]
    try:
        lease.settle(stores)
    except NwsLeaseLostException:
        raise
    except NwsOperationException as error:  # it is too long, say
        refused = failure(task, error, "the server does not take the result\n")
        lease.settle([("result", tuple(refused))])


def _flush() -> None:
    """Let out what the task has printed, before its outcome is known: we may be killed after."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # nobody reads it, or the task has put something else in its place


class _Heartbeat(threading.Thread):
    """Renews the lease of the task that runs.

    Attributes:
        lease_time: seconds for which a lease lasts.
        lease: of the task at hand, None between tasks.
        in_task: whether the user's function runs.
    """

    def __init__(self, lease_time: float) -> None:
        super().__init__(daemon=True)
        self.lease_time = lease_time
        self.lease: Lease | None = None
        self.in_task = False
        self._pause = threading.Event()

    def run(self) -> None:
        while not self._pause.wait(self.lease_time / 3):
            lease = self.lease
            if lease is not None:
                try:
                    lease.renew(self.lease_time)
                except NwsLeaseLostException:
                    pass  # it was settled at this moment, or is lost: settling will tell
                except NwsException:
                    return  # the worker is about to end

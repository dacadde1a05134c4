"""A worker: leases tasks, runs them, settles each together with its outcome.

Its stdin tells it in one line of JSON what to do (see `Setup`), and is its life line: when it is
closed, the master is gone or wants the worker to go, and the worker ends itself and its children at
once. It also ends when the server or the workspace is gone. Twisted is never imported here.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from typing import Final, NamedTuple

from nws.client import Lease, NetWorkSpace
from nws.errors import NwsException, NwsLeaseLostException
from nws.sleigh.tasks import MAX_ATTEMPTS, Job, Outcome, Task, dumps, failure, job_variable

__all__ = ["BOOT", "Setup", "main"]

BOOT: Final = (
    "import json, sys; "
    "setup = json.loads(sys.stdin.buffer.readline()); "
    "sys.path[:] = setup[-1]; "
    "from nws.sleigh.worker import Setup, main; "
    "main(Setup(*setup))"
)
"""What a worker's Python runs: this module can be found only where the master finds its own."""

LEASE: Final = 30.0
"""Seconds. A worker that is silent for so long has lost its task to another one."""

_RENEW: Final = LEASE / 3


class Setup(NamedTuple):
    """What a worker is told when it starts."""

    host: str
    port: int
    workspace: str
    path: list[str]
    """The master's ``sys.path``, so that the worker can import what the master can."""


def main(setup: Setup) -> None:
    """Be a worker, until the sleigh is over."""
    threading.Thread(target=_end_with_master, daemon=True).start()
    try:
        workspace = NetWorkSpace(setup.workspace, setup.host, setup.port, useUse=True, create=False)
        Worker(workspace).work()
    except NwsException:
        pass  # the sleigh was stopped, or its server is gone: the master knows


def _end_with_master() -> None:
    # Not through sys.stdin: a thread that waits in there would break the end of the interpreter.
    while os.read(0, 4096):
        pass
    if sys.platform == "win32":
        os._exit(1)
    os.killpg(0, signal.SIGKILL)


class Worker:
    """One worker in a sleigh's workspace."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        self._workspace = workspace
        self._number = 0  # of the job at hand
        self._job: Job | None = None
        self._heartbeat = _Heartbeat()

    def work(self) -> None:
        """Do tasks until the workspace is deleted.

        Raises:
            NwsException: it was, or the server is gone.
        """
        self._heartbeat.start()
        while True:
            lease = self._heartbeat.lease = self._workspace.lease("task", duration=LEASE)
            outcome = self._do(Task(*lease.value), lease.attempt)
            stores = [] if outcome is None else [("result", tuple(outcome))]
            try:
                lease.settle(stores)
            except NwsLeaseLostException:
                pass  # it was too late: another worker has the task

    def _do(self, task: Task, attempt: int) -> Outcome | None:
        """Run a task; None if nobody wants to know its outcome any more."""
        if attempt > MAX_ATTEMPTS:
            reason = f"each of the {MAX_ATTEMPTS} workers that ran it ended before it was done"
            return Outcome(task.job, task.tag, b"", reason)
        try:
            job = self._get_job(task.job)
            if job is None:
                return None
            value = job.function(*pickle.loads(task.arguments), *job.fixed)
        except BaseException as error:  # sys.exit() in a task is the task's end, not the worker's
            return failure(task, error)
        try:
            return Outcome(task.job, task.tag, dumps(value))
        except Exception as error:
            return failure(task, TypeError(f"the result cannot be pickled: {error}"))

    def _get_job(self, number: int) -> Job | None:
        if number != self._number:
            data = self._workspace.findTry(job_variable(number))
            self._job = None if data is None else Job(*pickle.loads(data))
            self._number = number
        return self._job


class _Heartbeat(threading.Thread):
    """Renews the lease of the task that runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.lease: Lease | None = None
        self._pause = threading.Event()

    def run(self) -> None:
        while not self._pause.wait(_RENEW):
            lease = self.lease
            if lease is not None:
                try:
                    lease.renew(LEASE)
                except NwsLeaseLostException:
                    pass  # it was settled at this moment, or is lost: settling will tell
                except NwsException:
                    return  # the worker is about to end

"""A master and its slaves in one script. What the master does is its first argument."""

from __future__ import annotations

import itertools
import math
import os
import signal
import sys
import time
import warnings
from pathlib import Path

from nws.masterslave import MasterProcess, SlaveProcess, TaskRaisedException, runJob

LABEL, WHAT, LAUNCHED = sys.argv[1:4]


class Parameters:
    """Of the main program: master and slaves have the same."""

    def __init__(self, number: float) -> None:
        self.number = number


class Master(MasterProcess):
    def run(self) -> None:
        getattr(self, WHAT)()

    def roots(self) -> None:
        """As in the original's demonstration: the first task raises an exception."""
        for number in range(5):
            self.requestTask("sqrt", Parameters(float(number - 1)))
        for _ in range(5):
            try:
                print(*self.retrieveResult("sqrt"))
            except TaskRaisedException as error:
                print(error.task_id, "raised", error.exception)

    def killer(self) -> None:
        """One task kills its slaves; the others are done all the same."""
        self.requestTask("die")
        for number in range(20):
            self.requestTask("sqrt", Parameters(float(number * number)))
        print(sum(self.retrieveResult("sqrt")[2] for _ in range(20)))
        try:
            self.retrieveResult("die")
        except TaskRaisedException as error:
            print(error.traceback)

    def lost(self) -> None:
        """Tell the slave that runs a task, which is to be killed; and who did it then."""
        self.requestTask("slow")
        print(*self.retrieveResult())

    def forks(self) -> None:
        """Forks of master and slave end, and are neither."""
        if os.fork() == 0:
            sys.exit()
        os.wait()
        self.requestTask("fork")
        print(*self.retrieveResult())
        print(self.task_manager.numberOfActiveProcesses())

    def sleep(self) -> None:
        self.requestTask("sleep")
        self.retrieveResult()

    def hang(self) -> None:
        self.requestTask("hang")
        self.retrieveResult()


class Slave(SlaveProcess):
    def do_sqrt(self, parameters: Parameters) -> float:
        assert type(parameters) is Parameters
        return math.sqrt(parameters.number)

    def do_die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def do_slow(self) -> str:
        """Only the second slave is quick."""
        begun = Path("begun")
        try:
            with begun.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return "the second one"
        time.sleep(1000)
        return "the first one"

    def do_fork(self) -> int:
        with warnings.catch_warnings():  # from Python 3.12 on: there are threads
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        return os.waitpid(child, 0)[1] if child else 0

    def do_sleep(self) -> None:
        Path("begun").write_text(str(os.getpid()))
        time.sleep(1000)

    def do_hang(self) -> None:
        """In C code that keeps the interpreter."""
        Path("begun").write_text(str(os.getpid()))
        sum(itertools.repeat(1))


if __name__ == "__main__":
    period = float(sys.argv[4]) if len(sys.argv) > 4 else 120.0
    runJob(LABEL, Master, Slave, watchdog_period=period, launch_slaves=int(LAUNCHED))

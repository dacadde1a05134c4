"""Square roots by a master and its slaves, in one script.

Teaches: runJob runs the master and starts slaves, which run the same script; an exception in a
slave is raised where the result is retrieved, with its traceback.
    nws server start
    python examples/master_slave_demo.py
More slaves may join while it runs: nws task_manager slave demo
"""

import math

from nws.masterslave import MasterProcess, SlaveProcess, TaskRaisedException, runJob


class Master(MasterProcess):
    """Asks for all tasks, then retrieves as many results."""

    def run(self) -> None:
        for number in range(5):
            self.requestTask("sqrt", float(number - 1))  # the first one raises an exception
        for _ in range(5):
            try:
                task_id, _, (number, root) = self.retrieveResult("sqrt")
                print(f"{task_id}: the square root of {number} is {root:.3f}")
            except TaskRaisedException as error:
                print(f"{error.task_id} raised {error.exception!r}")
                print(error.traceback)


class SquareRoot(SlaveProcess):
    """Does the tasks with the tag `sqrt`."""

    def do_sqrt(self, number: float) -> tuple[float, float]:
        return number, math.sqrt(number)


if __name__ == "__main__":
    runJob("demo", Master, SquareRoot, launch_slaves=2)

"""A master and its slaves: the interface of ScientificPython's MasterSlave, over a space.

A master asks for tasks and retrieves their results; slaves, any number of which come and go, do the
tasks. They find each other by a label. In one script::

    from nws.masterslave import MasterProcess, SlaveProcess, runJob

    class Master(MasterProcess):
        def run(self):
            for number in range(5):
                self.requestTask("square", number)
            for number in range(5):
                task_id, tag, result = self.retrieveResult("square")
                print(task_id, result)

    class Slave(SlaveProcess):
        def do_square(self, number):
            return number * number

    if __name__ == "__main__":
        runJob("demo", Master, Slave, launch_slaves=2)

The server that ``NWS_SERVER_HOST`` and ``NWS_SERVER_PORT`` name, by default ``localhost`` and 8765,
takes the place of the original's name server. ``docs/masterslave.md`` says what differs.

Attributes:
    debug: set it to True in a slave's program: then each slave prints to stderr what it does.
"""

from nws.errors import MasterSlaveException, TaskManagerTermination, TaskRaisedException
from nws.masterslave.job import runJob
from nws.masterslave.master import MasterProcess, initializeMasterProcess
from nws.masterslave.slave import SlaveProcess, getMachineInfo, startSlaveProcess
from nws.masterslave.state import GlobalStateValue
from nws.masterslave.task_manager import TaskManager

__all__ = [
    "GlobalStateValue",
    "MasterProcess",
    "MasterSlaveException",
    "SlaveProcess",
    "TaskManager",
    "TaskManagerTermination",
    "TaskRaisedException",
    "debug",
    "getMachineInfo",
    "initializeMasterProcess",
    "runJob",
    "startSlaveProcess",
]

debug = False

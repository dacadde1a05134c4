"""A parallel map over worker processes: the interface of the original's user guide, appendix A.2.

::

    from nws.sleigh import Sleigh

    with Sleigh(workerCount=2) as s:
        print(s.eachElem(abs, range(-10, 0)))

What happens to a task: the master stores it in the sleigh's workspace (``master.py``); a worker
leases it, runs it, and settles the lease together with its outcome in one step (``worker.py``); the
master fetches the outcome. If the worker dies in between, the task returns to its place by itself
and another worker leases it.
"""

from nws.errors import (
    SleighException,
    SleighGatheredException,
    SleighIllegalValueException,
    SleighJoinException,
    SleighNwsException,
    SleighOccupiedException,
    SleighScriptException,
    SleighStoppedException,
    SleighTaskException,
)
from nws.sleigh.master import Sleigh

__all__ = [
    "Sleigh",
    "SleighException",
    "SleighGatheredException",
    "SleighIllegalValueException",
    "SleighJoinException",
    "SleighNwsException",
    "SleighOccupiedException",
    "SleighScriptException",
    "SleighStoppedException",
    "SleighTaskException",
]

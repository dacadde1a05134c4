"""A parallel map over worker processes: the interface of the original's user guide, appendix A.2.

::

    from nws.sleigh import Sleigh

    with Sleigh(workerCount=2) as s:
        print(s.eachElem(abs, range(-10, 0)))

What happens to a task: the master stores it in the sleigh's workspace (``run.py``, ``team.py``); a
worker leases it, runs its elements, and settles the lease together with their results in one step
(``worker.py``, ``runner.py``); the master fetches the results. If the worker dies in between,
its supervisor notes during which element, and gives the task back (``supervisor.py``).
"""

from nws.errors import (
    SleighCancelledException,
    SleighException,
    SleighGatheredException,
    SleighIllegalValueException,
    SleighInitializerException,
    SleighJoinException,
    SleighNwsException,
    SleighOccupiedException,
    SleighScriptException,
    SleighStoppedException,
    SleighTaskException,
    SleighWorkerLostException,
)
from nws.sleigh.launch.by_hand import webLaunch
from nws.sleigh.launch.commands import (
    LaunchOptions,
    envcmd,
    rshcmd,
    scriptcmd,
    sshcmd,
    sshforwardcmd,
)
from nws.sleigh.launch.nodes import Node
from nws.sleigh.master.pending import SleighPending
from nws.sleigh.master.result_iterator import SleighResultIterator
from nws.sleigh.master.scatter import Scattered
from nws.sleigh.master.sleigh import Sleigh
from nws.sleigh.master.submission import SleighFuture
from nws.sleigh.shared.generation import freeze_support
from nws.sleigh.shared.output import Line

__all__ = [
    "LaunchOptions",
    "Line",
    "Node",
    "Scattered",
    "Sleigh",
    "SleighCancelledException",
    "SleighException",
    "SleighFuture",
    "SleighGatheredException",
    "SleighIllegalValueException",
    "SleighInitializerException",
    "SleighJoinException",
    "SleighNwsException",
    "SleighOccupiedException",
    "SleighPending",
    "SleighResultIterator",
    "SleighScriptException",
    "SleighStoppedException",
    "SleighTaskException",
    "SleighWorkerLostException",
    "envcmd",
    "freeze_support",
    "rshcmd",
    "scriptcmd",
    "sshcmd",
    "sshforwardcmd",
    "webLaunch",
]

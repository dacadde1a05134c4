"""A master: asks for tasks and retrieves their results."""

from __future__ import annotations

import atexit
import itertools
import logging
import os
from numbers import Real
from typing import TYPE_CHECKING, Any, Final

from nws.errors import MasterSlaveException, TaskManagerTermination
from nws.masterslave.launched import SlaveCode
from nws.masterslave.slave import getMachineInfo
from nws.masterslave.state import GlobalStateValue
from nws.masterslave.task_manager import TaskManager

if TYPE_CHECKING:
    from nws.masterslave.launching import LocalSlaves, OwnServer

__all__ = ["SHUTDOWN_SECONDS", "MasterProcess", "check_slave_count", "initializeMasterProcess"]

_log = logging.getLogger("nws")

SHUTDOWN_SECONDS: Final = 30.0
"""How long `MasterProcess.shutdown` waits for slaves."""

_QUIET_SECONDS: Final = 1.0
"""After which it says what it waits for."""

_END_SECONDS: Final = 5.0
"""For slaves that the master has launched to end, once they have left."""

_OWN_SERVER: Final = "localhost"


class MasterProcess:
    """The master of a label.

    Attributes:
        task_manager: of the label.
        master_host: where its own server is, for slaves; None if it uses the usual one.
        process_id: that of the master, 0.
    """

    def __init__(
        self, label: str, use_name_server: bool = True, *, master_host: str | None = None
    ) -> None:
        """Make the task manager of a label.

        Args:
            label: for slaves to find it.
            use_name_server: use the usual server; see `nws.masterslave`. If false, a server of its
                own, which ends with it.
            master_host: ``host`` or ``host:port`` where its own server listens; by default
                ``localhost:7766``. With port 0 on any free port. Whoever can reach it can run code
                here and in slaves.

        Raises:
            MasterSlaveException: there is a master of this label; or no server, or none can be
                started there.
        """
        self.master_host: str | None = None
        self._nearby_host: str | None = None  # the same, for us and the slaves that we launch
        self._own_server: OwnServer | None = None
        self._slaves: LocalSlaves | None = None
        self._state_ids = itertools.count(1)
        self._states: dict[int, list[str]] = {}
        self._pid = os.getpid()
        if not use_name_server:
            from nws.masterslave.launching import OwnServer  # the sleigh's parts take a while

            self._own_server = OwnServer(master_host or _OWN_SERVER)
            self.master_host = str(self._own_server.address)
            self._nearby_host = self._own_server.nearby
        elif master_host is not None:
            raise MasterSlaveException(
                f"master_host={master_host!r} is for a master's own server: use_name_server=False"
            )
        try:
            self.task_manager = TaskManager(label, self._nearby_host, create=True)
            self.process_id = self.task_manager.registerProcess(info=getMachineInfo())
        except BaseException:
            self._stop_own_server()
            raise

    def requestTask(self, tag: str, *parameters: Any) -> str:
        """Ask for a task, and return its id: the tag, an underscore and a number.

        Tasks of a tag begin in their order. Any number may be asked for.

        Args:
            tag: slaves call ``do_<tag>``.
            parameters: for that; they must be picklable.

        Raises:
            TypeError, ValueError: the tag is no text, or too long.
            NwsPicklingException: the parameters cannot be pickled.
            MasterSlaveException: there are too many tags; or earlier tasks could not be stored.
            NwsException: the server is gone, or refuses the tag or the task.
        """
        return self.task_manager.addTaskRequest(tag, parameters, self.process_id)

    def retrieveResult(self, tag: str | None = None) -> tuple[str | None, str | None, Any]:
        """Wait for the result of a task.

        Args:
            tag: of the task; None for any.

        Returns:
            The id of the task, its tag and the result. Three times None if the manager was
            terminated, and no result is left or to come.

        Raises:
            TaskRaisedException: the task has raised an exception, or has cost three slaves.
            NwsException: the server is gone.
        """
        try:
            if tag is None:
                return self.task_manager.getAnyResult()
            task_id, result = self.task_manager.getResultWithTag(tag)
            return task_id, tag, result
        except TaskManagerTermination:
            return None, None, None

    def setGlobalState(self, **items: Any) -> int:
        """Store values that many tasks need: each slave reads them once. A task names them by a
        `GlobalStateValue` among its parameters.

        Returns:
            The id of this state: 1, 2, and so on. A state never changes.

        Raises:
            TaskManagerTermination, NwsException: as for `TaskManager.storeData`.
        """
        state_id = next(self._state_ids)
        values = {GlobalStateValue(state_id, name).label: value for name, value in items.items()}
        self.task_manager.storeData(**values)
        self._states[state_id] = list(values)
        return state_id

    def deleteGlobalState(self, state_id: int) -> None:
        """Remove the values of a state. Tasks that need them fail from then on, but not in slaves
        that have read them.

        Raises:
            KeyError: there is no such state.
        """
        if state_id not in self._states:
            raise KeyError(f"there is no global state {state_id!r}")
        for label in self._states.pop(state_id):
            self.task_manager.deleteData(label)

    def launchSlaveJobs(self, n: int = 1) -> None:
        """Start slaves on this machine, which end when this program does.

        Args:
            n: how many slaves.

        Raises:
            TypeError, ValueError: that is no whole number, or negative.
            KeyError: no code for slaves was stored.
            TaskManagerTermination: the master was shut down.
            SleighScriptException: this process may start none, or does not know its Python.
            OSError: one cannot be started.
        """
        check_slave_count(n, "n")
        try:
            self.task_manager.retrieveData("slave_code")
        except KeyError as error:
            raise KeyError(
                "slave_code: there is no code for slaves; give slave_script= or slave_module= to "
                "initializeMasterProcess, or call runJob in a program that has a file"
            ) from error
        if self._slaves is None:
            from nws.masterslave.launching import LocalSlaves

            self._slaves = LocalSlaves(self.task_manager.label, self._nearby_host)
        for _ in range(n):
            self._slaves.start()

    def store_slave_code(self, code: SlaveCode) -> None:
        """Store the program that slaves run which are launched, and the working folder."""
        self.task_manager.storeData(slave_code=tuple(code), cwd=os.getcwd())

    def start(self) -> None:
        """Run the master, and shut down, whatever happens."""
        try:
            self.run()
        finally:
            self.shutdown()

    def run(self) -> None:
        """Override it: ask for tasks and retrieve results.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("a master overrides run()")

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> None:
        """Tell the slaves to end, wait until they have left, and free the label.

        Tasks that still wait are done first, as far as there is time; results that were not
        retrieved are lost. It returns within ``timeout`` and 10 seconds more. Slaves that have not
        left by then are named in a warning of the logger ``nws``; those that were launched here are
        killed. Another warning says what it waits for, if that takes longer than a second. Ctrl-C
        ends the wait at once. A second call does nothing, nor does one in a fork of the master.

        Args:
            timeout: seconds.

        Raises:
            ValueError: that is no number of seconds; the master goes on.
        """
        is_number = isinstance(timeout, Real)
        if not (is_number and timeout >= 0):
            raise ValueError(f"timeout={timeout!r} is no number of seconds")
        if self.task_manager.is_closed or os.getpid() != self._pid:
            return
        try:
            self.task_manager.terminate()
            self._wait_for_slaves(timeout)
        except BaseException:  # by Ctrl-C, or because the server is gone
            self._end(0.0)
            raise
        self._end(_END_SECONDS)

    def _end(self, grace: float) -> None:
        try:
            if self._slaves is not None:
                self._slaves.end(grace)
        finally:
            self.task_manager.close()
            self._stop_own_server()

    def _wait_for_slaves(self, timeout: float) -> None:
        manager, quiet = self.task_manager, min(timeout, _QUIET_SECONDS)
        if not (staying := manager.wait_until_alone(self.process_id, quiet)):
            return
        if quiet < timeout:
            waiting, running, _ = (sum(numbers.values()) for numbers in manager.numberOfTasks())
            _log.warning(
                "the master waits up to %g s for %d slaves: %d tasks run, %d wait for them; Ctrl-C "
                "ends this at once",
                *(timeout, len(staying), running, waiting),
            )
            staying = manager.wait_until_alone(self.process_id, timeout - quiet)
        if staying:
            names = "; ".join(info.text or f"process {info.id}" for info in staying)
            _log.warning("after %g s these slaves have not ended: %s", timeout, names)

    def _stop_own_server(self) -> None:
        if self._own_server is not None:
            self._own_server.stop()


def check_slave_count(number: Any, name: str) -> None:
    """Check the argument of this name, a number of slaves.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative.
    """
    if not hasattr(type(number), "__index__"):  # also of NumPy
        raise TypeError(f"{name}={number!r} is no whole number")
    if number < 0:
        raise ValueError(f"{name}={number}: the number of slaves cannot be negative")


def initializeMasterProcess(
    label: str,
    slave_script: str | None = None,
    slave_module: str | None = None,
    use_name_server: bool = True,
    *,
    master_host: str | None = None,
) -> MasterProcess:
    """Make a master, which shuts down when the program ends.

    Args:
        label: for slaves to find it.
        slave_script: name of a file; its text is stored for slaves that are launched.
        slave_module: name of a module with handlers, if there is no script.
        use_name_server, master_host: see `MasterProcess`.

    Raises:
        OSError, SyntaxError, UnicodeDecodeError: the script cannot be read, or is no program.
        TypeError, ValueError: ``slave_module`` is not the name of a module.
        MasterSlaveException: as for `MasterProcess`.
    """
    code: SlaveCode | None = None
    if slave_script is not None:
        code = SlaveCode.of_file(slave_script)
    elif slave_module is not None:
        _check_module(slave_module)
        source = (
            f"from {slave_module} import *\n"
            "from nws.masterslave import startSlaveProcess; startSlaveProcess()\n"
        )
        code = SlaveCode(source, f"<slave of {slave_module}>", [slave_module])
    process = MasterProcess(label, use_name_server, master_host=master_host)
    if code is not None:
        process.store_slave_code(code)
    atexit.register(process.shutdown)
    return process


def _check_module(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"slave_module={name!r} is no text")
    if not all(part.isidentifier() for part in name.split(".")):
        raise ValueError(f"slave_module={name!r} is not the name of a module")

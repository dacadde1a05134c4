"""A slave: takes tasks, does them, stores what has become of them."""

from __future__ import annotations

import functools
import os
import platform
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nws.errors import (
    MasterSlaveException,
    NwsException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    TaskManagerTermination,
)
from nws.exception_text import shortened
from nws.masterslave.launched import SLAVE_LABEL, master_host_of
from nws.masterslave.process_registry import check_period
from nws.masterslave.state import GlobalStateValue
from nws.masterslave.task_manager import TaskManager
from nws.masterslave.tasks import TaskRequest

__all__ = ["WATCHDOG_SECONDS", "SlaveProcess", "getMachineInfo", "startSlaveProcess"]

WATCHDOG_SECONDS: Final = 120.0

_KEPT_STATES: Final = 32
"""Values of the global state that a slave keeps."""

_HANDLER: Final = "do_"


class SlaveProcess:
    """A slave. Its methods ``do_<tag>`` are called with the parameters of tasks with that tag.

    Attributes:
        task_manager: of its label.
        watchdog_period: in seconds.
    """

    def __init__(
        self,
        label: str,
        master_host: str | None = None,
        watchdog_period: float | None = WATCHDOG_SECONDS,
    ) -> None:
        """Connect to the master.

        Args:
            label: that of the master.
            master_host: ``host`` or ``host:port`` of a master's own server (port 7766 by default);
                None for the usual server.
            watchdog_period: seconds between two signs of life. After two of them without one, the
                slave's task is given to another slave. None for no such signs: then only the end of
                the process, or of its machine, is noticed.

        Raises:
            ValueError: the period is neither seconds nor None.
            MasterSlaveException: there is no such master, or no server.
        """
        check_period(watchdog_period)
        self.task_manager = TaskManager(label, master_host or master_host_of(label))
        self.watchdog_period = watchdog_period
        self._state = functools.lru_cache(_KEPT_STATES)(self.task_manager.retrieveData)

    def start(self, namespace: Mapping[str, Any] | None = None) -> None:
        """Do tasks until the master has ended and none is left that this slave can do.

        An exception that a handler raises is stored for the master, that of `sys.exit` too. Only
        KeyboardInterrupt, as by Ctrl-C, gives the task back and is raised here.

        Args:
            namespace: functions ``do_<tag>`` in it are handlers, too, as in ``globals()``.

        Raises:
            MasterSlaveException: there are no handlers; or the master has died.
        """
        handlers = {**_handlers(namespace or {}), **_handlers(self._methods())}
        if not handlers:
            raise MasterSlaveException(
                f"the slave of {self.task_manager.label!r} can do no task: define a function or "
                "method do_<tag> for each tag"
            )
        try:
            with self._registered(list(handlers)) as process_id:
                self._work(handlers, process_id)
        except (NwsException, ConnectionError) as error:
            raise MasterSlaveException(
                f"the master of {self.task_manager.label!r} has ended without a shutdown: {error}"
            ) from error
        finally:
            self.task_manager.close()

    def _methods(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in dir(self) if name.startswith(_HANDLER)}

    @contextmanager
    def _registered(self, tags: list[str]) -> Iterator[int]:
        """Be registered, and give signs of life."""
        manager = self.task_manager
        process_id = manager.registerProcess(self.watchdog_period, getMachineInfo(), tags)
        _trace(f"process {process_id} begins")
        over = threading.Event()
        if self.watchdog_period is not None:
            call = (over, process_id, self.watchdog_period)
            threading.Thread(target=self._ping, args=call, daemon=True).start()
        try:
            yield process_id
        finally:
            over.set()
        manager.unregisterProcess(process_id)
        _trace(f"process {process_id} ends")

    def _ping(self, over: threading.Event, process_id: int, period: float) -> None:
        while not over.wait(period):
            try:
                self.task_manager.ping(process_id)
            except (KeyError, NwsException):
                return  # it has left; or the main thread will see what is wrong

    def _work(self, handlers: Mapping[str, Callable[..., Any]], process_id: int) -> None:
        tags = deque(handlers)
        while not self.terminationTest():
            try:
                task = self.task_manager.take(tags, process_id)
            except TaskManagerTermination:
                return
            assert task is not None  # it has waited for any time
            tags.rotate(-1)  # or tasks of the first tag would keep all others waiting
            self._do(task, handlers[task.tag])

    def _do(self, task: TaskRequest, handler: Callable[..., Any]) -> None:
        _trace(f"task {task.id} begins")
        try:
            self._try(task, handler)
        except NwsLeaseLostException:
            _trace(f"task {task.id} was given to another slave meanwhile; its outcome is dropped")

    def _try(self, task: TaskRequest, handler: Callable[..., Any]) -> None:
        try:
            parameters = [self.processParameter(each) for each in task.parameters]
            result = _called(handler, parameters)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # such as SystemExit or asyncio.CancelledError
            self._fail(task, error)
            return
        try:
            self.task_manager.storeResult(task.id, result)
        except (NwsLeaseLostException, NwsNoWorkSpaceException):
            raise
        except NwsOperationException as error:  # it cannot be pickled, or is too large
            self._fail(task, error)
        else:
            _trace(f"task {task.id} is done")

    def _fail(self, task: TaskRequest, error: BaseException) -> None:
        text = shortened("".join(traceback.format_exception(error)))
        self.task_manager.storeException(task.id, error, text)
        _trace(f"task {task.id} has failed: {type(error).__name__}")

    def terminationTest(self) -> bool:
        """Override it: return whether to end, before the next task. False by default."""
        return False

    def processParameter(self, parameter: Any) -> Any:
        """Return what a handler gets for a parameter: the value, for a `GlobalStateValue`.

        The slave keeps the last 32 values.

        Raises:
            KeyError: there is no such value, or it was deleted.
        """
        if isinstance(parameter, GlobalStateValue):
            return self._state(parameter.label)
        return parameter


def _handlers(names: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    return {
        name.removeprefix(_HANDLER): handler
        for name, handler in names.items()
        if name.startswith(_HANDLER) and callable(handler)
    }


def _called(handler: Callable[..., Any], parameters: Sequence[Any]) -> Any:
    """Call a handler. Where it ends in a fork that it has made, that ends: it is no slave."""
    pid, status = os.getpid(), 1
    try:
        result = handler(*parameters)
        status = 0
        return result
    finally:
        if os.getpid() != pid:
            sys.stdout.flush()
            os._exit(status)


def _trace(text: str) -> None:
    if vars(sys.modules[__package__])["debug"]:  # users set it
        print(f"{getMachineInfo()}: {text}", file=sys.stderr, flush=True)


def getMachineInfo() -> str:
    """Return a line about this process: its id, the name of its machine, and the type of that."""
    return f"PID {os.getpid()} on {platform.node()} ({platform.machine()})"


def startSlaveProcess(label: str | None = None, master_host: str | None = None) -> None:
    """Be a slave until the master ends. It is the last line of a script that defines or imports
    handlers: functions ``do_<tag>``.

    Args:
        label: that of the master. Without one, that for which this slave was launched.
        master_host: see `SlaveProcess`.

    Raises:
        MasterSlaveException: there is no label, no such master, or no handler; or the master has
            died.
    """
    names = vars(sys.modules["__main__"])
    label = label or names.get(SLAVE_LABEL)
    if label is None:
        raise MasterSlaveException(
            "startSlaveProcess needs a label, unless the script was started by its master or by "
            "`nws task_manager slave`"
        )
    SlaveProcess(label, master_host).start(names)

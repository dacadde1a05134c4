"""Tasks that die or hang, in every way and at every moment. Workers import this, so it is light."""

from __future__ import annotations

import ctypes
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, Final, NoReturn

from nws.client import NetWorkSpace

SleighRank: int = -1
"""Set by the worker."""

UNPICKLING: Final = "unpickling the task"
RUNNING: Final = "running"
PICKLING: Final = "pickling the result"


# Notes for the test, and from it


def is_first(folder: Path, name: object) -> bool:
    """Tell whether nobody has asked this before."""
    try:
        os.close(os.open(folder / f"first {name}", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def note(folder: Path, name: object, text: object = None) -> None:
    """Leave a file, by default with the process id of this worker; it appears as a whole."""
    draft = folder / f"draft {os.getpid()}"
    draft.write_text(str(os.getpid() if text is None else text))
    draft.rename(folder / str(name))


def wait_forever(*_: object) -> NoReturn:
    while True:
        threading.Event().wait()


def note_and_wait(element: int, folder: Path) -> NoReturn:
    note(folder, element)
    wait_forever()


def wait_the_first_time(element: int, folder: Path) -> int:
    """Wait forever where this element runs for the first time."""
    if is_first(folder, element):
        note_and_wait(element, folder)
    return 10 * element


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.002)


# Ways to die


def _raise() -> None:
    raise ValueError("no way")


def _exhaust_memory() -> None:
    """Ask for more than a limit lets, and put the limit back: the worker lives on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, hard))
    try:
        bytearray(8 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _read_nowhere() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


RAISING: Final[dict[str, Callable[[], object]]] = {
    "ValueError: no way": _raise,
    "SystemExit: no way": lambda: sys.exit("no way"),
    "MemoryError": _exhaust_memory,
}
"""What is the end of the element, but not of its worker; by how its traceback ends."""

ENDING: Final[dict[str, Callable[[], object]]] = {
    "exit status 7": lambda: os._exit(7),
    "SIGKILL": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "SIGSEGV": _read_nowhere,
}
"""What ends the worker; by what its end is called."""

STOPPING: Final[dict[str, Callable[[], object]]] = {
    "it was stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP)
}
"""What makes the worker silent."""

WAYS: Final = {**RAISING, **ENDING, **STOPPING}

DYING: Final = {
    **ENDING,
    "exit status 0": lambda: os._exit(0),
    "SIGHUP": lambda: os.kill(os.getpid(), signal.SIGHUP),
}
"""All ways to end the worker."""


def die(way: str) -> NoReturn:
    """End the worker."""
    DYING[way]()
    wait_forever()


class Deadly:
    """An object that does harm to whoever handles it, at one moment, in one way.

    Attributes:
        moment: when.
        way: how; one of `WAYS` or `DYING`.
        folder: for the notes of who was harmed.
        times: how often at most.
        rank: of the worker that is harmed; None for any.
    """

    def __init__(
        self, moment: str, way: str, folder: Path, times: int, rank: int | None = None
    ) -> None:
        self.moment = moment
        self.way = way
        self.folder = folder
        self.times = times
        self.rank = rank
        self._maker = os.getpid()

    def meet(self, moment: str) -> None:
        """Do harm if this is the moment, and the process is not the one that made this."""
        if moment != self.moment or os.getpid() == self._maker:
            return
        if self.rank is None or self.rank == SleighRank:
            for time_ in range(self.times):
                if is_first(self.folder, f"harm {time_}"):
                    {**WAYS, **DYING}[self.way]()
                    wait_forever()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        self.meet(UNPICKLING)

    def __reduce__(self) -> tuple[Any, ...]:
        self.meet(PICKLING)
        return object.__new__, (Deadly,), self.__dict__


def handle(element: int, deadly: Deadly | None) -> tuple[int, Deadly | None]:
    """Meet it, or not, and send it back with the result."""
    if deadly is not None:
        deadly.meet(RUNNING)
    return 10 * element, deadly


def handle_by_rank(deadly: Deadly) -> tuple[int, Deadly]:
    """Do the same on each worker."""
    deadly.meet(RUNNING)
    return 10 * SleighRank, deadly


# Tasks during which the test strikes


def hold(element: int, folder: Path) -> int:
    """Element 0 notes which process it is in and waits for the test. The others note theirs."""
    note(folder, f"at {element}", os.getpid())
    if element == 0:
        wait_for(folder / "go on")
    return 10 * element


def hold_each(element: int, folder: Path) -> int:
    """Note which process this is, and wait for the test."""
    note(folder, f"at {element}", os.getpid())
    wait_for(folder / "go on")
    return 10 * element


def hold_by_rank(folder: Path) -> int:
    """Do the same on each worker."""
    return hold(SleighRank, folder)


def count_runs(
    element: int, victims: Container[int], way: str, folder: Path, times: int = 1000
) -> int:
    """Die of some elements, each time or the first times, and count how often each is run."""
    run = next(number for number in range(1000) if is_first(folder, f"run {number} of {element}"))
    if element in victims and run < times:
        die(way)
    return 10 * element


def start_a_child() -> int:
    """Start a process that nobody ends, and return its process id."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    _children.append(child)  # Python would warn of one that is forgotten
    return child.pid


_children: list[subprocess.Popen[bytes]] = []


def start_a_child_and_wait(element: int, folder: Path) -> NoReturn:
    """Start a process that nobody ends, and wait."""
    note(folder, element, f"{os.getpid()} {start_a_child()}")
    wait_forever()


# Elements that hang


def _hang_in_python() -> None:
    while True:
        pass


def _hang_in_sum() -> None:
    sum(range(10**13))


def _hang_in_a_match() -> None:
    re.match(r"(a+)+b", 64 * "a")


HANGS: Final[dict[str, Callable[[], None]]] = {
    "_hang_in_python": _hang_in_python,
    "_hang_in_sum": _hang_in_sum,
    "_hang_in_a_match": _hang_in_a_match,
}
"""In C code that keeps the interpreter, no other thread of the worker ever gets to run."""


def hang(element: int, victim: int, how: str, folder: Path, times: int) -> int:
    """Hang at one element, this many times."""
    if element == victim and any(is_first(folder, f"hang {number}") for number in range(times)):
        note(folder, "hangs", os.getpid())
        HANGS[how]()
    return 10 * element


def fail(element: int, victim: int, folder: Path, times: int) -> int:
    """Raise at one element, this many times."""
    if element == victim and any(is_first(folder, f"failure {number}") for number in range(times)):
        raise ValueError("not yet")
    return 10 * element


def times_ten(number: int) -> int:
    return 10 * number


def refuse_to_send(element: int, victim: int) -> int:
    """Let the worker die of one element after it has run, before its result was sent."""
    if element == victim:
        for name in ("settle", "settle_and_lease"):
            setattr(NetWorkSpace, name, lambda *_, **__: os._exit(9))
    return 10 * element

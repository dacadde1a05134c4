"""What tasks of the tests do: in a module, as users have it. Workers import it, so it is light."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from tests.support.deadly import is_first, note, start_a_child


def echo(*arguments: Any) -> tuple[Any, ...]:
    return arguments


class Scale:
    """Something with a method, and something to call."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def apply(self, number: int) -> int:
        return self.factor * number

    @classmethod
    def double(cls, number: int) -> int:
        return cls(2).apply(number)

    @staticmethod
    def negate(number: int) -> int:
        return -number

    def __call__(self, number: int) -> int:
        return self.apply(number)


def worker(_: Any = None) -> int:
    """Say which worker runs this."""
    return os.getpid()


def server_address(_: Any = None) -> str:
    """Say how a worker knows the server: by its certificate if it speaks TLS with it."""
    return str(SleighNws.server.address)


def loaded_modules(_: Any) -> list[str]:
    return sorted(sys.modules)


# Waiting for one another. A task that waits has not ended: so the test knows where it is.


def arrive(element: int, folder: Path) -> int:
    """Leave a note, and wait until the test lets all go on."""
    note(folder, element)
    while not (folder / "go").exists():
        threading.Event().wait(0.005)
    return element


def arrive_by_rank(folder: Path) -> int:
    return arrive(globals()["SleighRank"], folder)


def leave_a_child(_: Any) -> int:
    """Start a process that nobody ends, and return its process id."""
    return start_a_child()


def stop_the_first_time(element: int, folder: Path) -> tuple[int, int]:
    """Be stopped where element 0 is run for the first time, as by Ctrl-Z."""
    if element == 0 and is_first(folder, element):
        note(folder, "stopped")
        os.kill(os.getpid(), signal.SIGSTOP)
        note(folder, "continued")
    return 10 * element, os.getpid()


# Failures


class NotPickled(Exception):
    """An exception that cannot be sent."""

    def __reduce__(self) -> NoReturn:
        raise TypeError("this is not for others")


class NotUnpickled(Exception):
    """An exception that can be sent but not received: its arguments are not what it is made of."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"{reason} {number}")


class NoException(Exception):
    """An exception that turns into something else on the way."""

    def __reduce__(self) -> tuple[Any, ...]:
        return str, ("a string",)


class Unreadable:
    """A value that can be sent, but read only by the process that made it."""

    def __init__(self) -> None:
        self.maker = os.getpid()

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["maker"] != os.getpid():
            raise ValueError("this is private")


def fail(kind: type[BaseException], *arguments: Any) -> NoReturn:
    raise kind(*arguments)


def fail_with_a_cause(_: Any) -> NoReturn:
    try:
        raise KeyError("the origin")
    except KeyError as error:
        raise RuntimeError("the consequence") from error


def make(kind: Callable[[], Any]) -> Any:
    return kind()


def make_a_lock(_: Any) -> Any:
    return threading.Lock()


def read_stdin(_: Any) -> str:
    return sys.stdin.read() + subprocess.check_output(["cat"], text=True)


def speak(element: int) -> int:
    print(f"element {element} is here")
    print(f"element {element} complains", file=sys.stderr)
    return element


def close_stdout(element: int) -> int:
    sys.stdout.close()
    sys.stdout = None
    return element


# What tasks find: names that the worker sets in their module

SleighRank: int
SleighWorkerCount: int
SleighNws: Any
SleighUserNws: Any
SleighSeed: int


def who_am_i(*arguments: Any) -> tuple[int, int, list[str], tuple[Any, ...]]:
    spaces = [SleighNws.currentWs(), SleighUserNws.currentWs()]
    return SleighRank, SleighWorkerCount, spaces, arguments


def meet_in(folder: Path, place: int, count: int) -> int:
    """Wait until so many tasks run at the same time."""
    note(folder, place)
    while len(list(folder.iterdir())) < count:
        threading.Event().wait(0.005)
    return place


def meet(count: int) -> int:
    """Wait in a task until all workers are at theirs."""
    SleighUserNws.store("here", SleighRank)
    here = SleighUserNws.ifind("here", timeout=20)
    return len({next(here) for _ in range(count)})


def store_for_user() -> str:
    SleighUserNws.store("from workers", SleighRank)
    answer: str = SleighUserNws.fetch("from master", timeout=20)
    return answer


def random_numbers(_: Any) -> tuple[float, float, int]:
    import random

    import numpy as np

    return random.random(), float(np.random.rand()), SleighSeed


def say(text: str) -> None:
    print(text, end="")


def log(text: str) -> None:
    logging.getLogger("tests.worker").info(text)


class _Thing:
    def __repr__(self) -> str:
        return "<thing>"


def log_an_exception(_: Any) -> None:
    extra = {"user": "me", "sizes": {"a": [1, 2]}, "thing": _Thing()}
    try:
        print(1 // 0)
    except ZeroDivisionError:
        logging.getLogger("tests.worker").exception("no", extra=extra, stack_info=True)


def chatter(count: int, length: int, folder: Path) -> int:
    for _ in range(count):
        print(length * "x")
    note(folder, "done")
    return count


def begin_a_line_that_is_read(element: int) -> None:
    """Let the first element write a line without its end, and wait until it was read. The others
    wait until they may end."""
    if element:
        SleighUserNws.find("may end", timeout=20)
        return
    os.write(1, b"no end")
    while any(fcntl.ioctl(1, termios.FIONREAD, bytes(4))):  # so many bytes were not read
        time.sleep(0.001)


def begin_a_line(element: int) -> None:
    """Let a child write a line without its end, and print one."""
    os.system(f"printf 'begun by {element}'")
    print("after", element)


def print_elsewhere(path: str) -> None:
    """Let descriptor 1 be a file for a while."""
    saved = os.dup(1)
    file = os.open(path, os.O_CREAT | os.O_WRONLY)
    os.dup2(file, 1)
    print("printed")
    os.system("echo by a child")
    os.dup2(saved, 1)
    os.close(saved)
    os.close(file)
    print("back")


_streams: list[Any] = []


def replace_stdout() -> None:
    """Close stdout and open it again, as recipes do, and print to its buffer."""
    _streams.append(sys.stdout)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False))
    print("by the new stream", globals()["SleighRank"])


def put_stdout_back() -> None:
    sys.stdout = _streams.pop()


def print_in_a_fork(_: Any) -> None:
    pid = os.fork()
    if not pid:
        print("of the fork", flush=True)
        logging.getLogger("tests.worker").warning("of the fork")
        os._exit(0)
    os.waitpid(pid, 0)
    print("of the worker")


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@_nothing()
def decorated_rank() -> int:
    """A function in a wrapper that another module has made."""
    return SleighRank


class Exits(Exception):
    """It ends whoever reads it, or whoever sends it; as a value or as an exception."""

    def __init__(self, moment: str, error: type[BaseException]) -> None:
        super().__init__(moment, error)
        self.moment, self.error = moment, error

    def __reduce__(self) -> tuple[Any, ...]:
        if self.moment == "sent":
            raise self.error("no")
        return fail, (self.error, "no")


def call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)

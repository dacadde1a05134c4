"""Handlers of a slave in a script, or module, of its own; the master is another program."""

import math
import os
import sys
import time
from pathlib import Path

from nws.masterslave import startSlaveProcess


def do_sqrt(number: float) -> tuple[float, float]:
    return number, math.sqrt(number)


def do_arguments() -> list[str]:
    return sys.argv


def do_wait(folder: str) -> int:
    """Note who does it, and wait until the test lets it go on."""
    Path(folder, str(os.getpid())).touch()
    while not Path(folder, "go").exists():
        time.sleep(0.01)
    return os.getpid()


if __name__ == "__main__":
    startSlaveProcess(*sys.argv[1:] if len(sys.argv) > 1 else ())

"""Handlers of a slave in a script, or module, of its own; the master is another program."""

import math
import sys

from nws.masterslave import startSlaveProcess


def do_sqrt(number: float) -> tuple[float, float]:
    return number, math.sqrt(number)


def do_arguments() -> list[str]:
    return sys.argv


if __name__ == "__main__":
    startSlaveProcess(*sys.argv[1:] if len(sys.argv) > 1 else ())

"""A slave of the master in master.py.

Teaches: a slave is a script with functions do_<tag>; its last line makes it a slave until the
master ends. Slaves may come and go, and may be killed: their tasks are done by others.
    python examples/slave.py LABEL, with demo for the master in master.py
"""

import math
import sys

from nws.masterslave import startSlaveProcess


def do_sqrt(number: float) -> tuple[float, float]:
    return number, math.sqrt(number)


def do_look_up(table: list[int], number: int) -> int:
    return table[number]


startSlaveProcess(sys.argv[1])

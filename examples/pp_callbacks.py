"""Partial sums of the harmonic series, added up by a callback.

Teaches: a template for many jobs, callbacks, which run one at a time, waiting for a group, and what
a job that fails does.
    python examples/pp_callbacks.py [WORKERS]
"""

import sys

from nws import pp


class Total:
    """Adds up what the callbacks are given."""

    def __init__(self) -> None:
        self.value = 0.0

    def add(self, name: str, value: float) -> None:
        """Add a value. No lock is needed."""
        self.value += value
        print(f"{name}: {value:.6f}")


def partial_sum(first: int, last: int) -> float:
    """Return 1/first + ... + 1/last."""
    return sum(1.0 / number for number in range(first, last + 1))


job_server = pp.Server(int(sys.argv[1]) if len(sys.argv) > 1 else 2)
total = Total()
template = pp.Template(job_server, partial_sum, (), (), total.add, ("partial sum",), "sums")
for first in range(1, 100_000, 20_000):
    template.submit(first, first + 19_999)
job_server.wait("sums")
print(f"1 + 1/2 + ... + 1/100000 = {total.value:.6f}")

impossible = job_server.submit(partial_sum, (0, 1))
try:
    impossible()
except pp.SleighTaskException as error:
    print("it has failed:", type(error.__cause__).__name__)

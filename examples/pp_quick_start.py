"""Sums of primes, as the quick start guide of Parallel Python has it.

Teaches: submit jobs, retrieve their results, and print which worker did how much. A program for pp
runs with this import line in place of its own.
    python examples/pp_quick_start.py [WORKERS]
"""

import math
import sys

from nws import pp


def is_prime(number: int) -> bool:
    """Tell whether a number is prime."""
    if number < 2:
        return False
    return all(number % factor for factor in range(2, math.isqrt(number) + 1))


def sum_primes(number: int) -> int:
    """Add up the primes below a number."""
    return sum(candidate for candidate in range(2, number) if is_prime(candidate))


# Without a number there are as many workers as this process may use cores.
job_server = pp.Server(int(sys.argv[1])) if len(sys.argv) > 1 else pp.Server()
print("Starting pp with", job_server.get_ncpus(), "workers")

inputs = (10_000, 10_010, 10_020, 10_030, 10_040, 10_050)
jobs = [
    (number, job_server.submit(sum_primes, (number,), (is_prime,), ("math",))) for number in inputs
]
for number, job in jobs:
    print("Sum of primes below", number, "is", job())

job_server.print_stats()

"""A parameter sweep: which step and momentum lead gradient descent furthest down a narrow valley?

Teaches: imap gives the results in order while others are worked on, so tqdm shows how far it is;
where an element failed there is a SleighTaskException, its cause is the exception, and the rest
goes on.
    python examples/parameter_sweep.py [--workers N] [--iterations N]
"""

import argparse
from itertools import product, repeat
from typing import NamedTuple

from tqdm import tqdm

from nws.sleigh import Sleigh, SleighTaskException


class Parameters(NamedTuple):
    step: float
    momentum: float


def descend(parameters: Parameters, iterations: int) -> float:
    """Go down the valley of Rosenbrock; return the height above its lowest point."""
    step, momentum = parameters
    x, y, x_speed, y_speed = -1.5, 2.0, 0.0, 0.0
    for _ in range(iterations):
        x_speed = momentum * x_speed - step * (400 * (x**3 - x * y) + 2 * (x - 1))
        y_speed = momentum * y_speed - step * 200 * (y - x**2)
        x, y = x + x_speed, y + y_speed
    height: float = (1 - x) ** 2 + 100 * (y - x**2) ** 2
    return height


def main() -> None:
    parser = argparse.ArgumentParser(description="Try all parameters of a grid in parallel.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--iterations", type=int, default=10_000)
    options = parser.parse_args()
    pairs = product([1e-4, 1e-3, 1e-2], [0.0, 0.5, 0.8, 0.9, 0.95])
    grid = [Parameters(step, momentum) for step, momentum in pairs]

    heights = {}
    with Sleigh(workerCount=options.workers) as sleigh:
        results = sleigh.imap(descend, grid, repeat(options.iterations))
        for parameters, result in zip(grid, tqdm(results, total=len(grid)), strict=True):
            if isinstance(result, SleighTaskException):
                tqdm.write(f"{parameters} failed: {result.__cause__ or result!r}")
            else:
                heights[parameters] = result

    best = min(heights, key=lambda parameters: heights[parameters])
    print(f"best of {len(grid)}: {best}, which ends at {heights[best]:.3g}")


if __name__ == "__main__":
    main()

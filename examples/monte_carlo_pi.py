"""Pi by random points: of those in a square, a share of pi / 4 lies in the circle that fits in.

Teaches: with seed= each element has random numbers of its own, so the answer depends on the seed
alone, not on the number of workers or on which of them did what.
    python examples/monte_carlo_pi.py [--workers N] [--points N] [--seed N]
"""

import argparse
import math
import random

from nws.sleigh import Sleigh

BATCH = 50_000


def points_inside(count: int) -> int:
    """Count those of ``count`` points in the unit square that lie in the quarter of a circle."""
    return sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(description="Estimate pi by random points.")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2005)
    options = parser.parse_args()
    if options.points < 1:
        parser.error("there must be a point at least")
    batches = [min(BATCH, options.points - done) for done in range(0, options.points, BATCH)]

    with Sleigh(workerCount=options.workers) as sleigh:
        inside = sum(sleigh.eachElem(points_inside, batches, seed=options.seed))

    share = inside / options.points
    error = 4 * math.sqrt(share * (1 - share) / options.points)
    print(f"{inside:,} of {options.points:,} points: pi = {4 * share:.5f} +- {error:.5f}")


if __name__ == "__main__":
    main()

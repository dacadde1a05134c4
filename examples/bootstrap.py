"""The bootstrap: how far to trust the mean of some numbers, found by drawing from them again.

Teaches: fixedArgs are sent to each worker once, however many elements there are; SleighSeed is an
element's own seed, for any generator of random numbers. Uses NumPy if it is there.
    python examples/bootstrap.py [--workers N] [--resamples N] [--seed N] [FILE]
FILE has a number in each line; without it, the numbers are made up.
"""

import argparse
import random
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean

from nws.sleigh import Sleigh

BLOCK = 250
HAS_NUMPY = find_spec("numpy") is not None

SleighSeed: int  # a global name in workers


def means(count: int, data: list[float]) -> list[float]:
    """Return ``count`` means, each of a sample as large as the data, drawn with replacement."""
    if not HAS_NUMPY:
        draw = random.Random(SleighSeed).choices
        return [fmean(draw(data, k=len(data))) for _ in range(count)]
    import numpy

    draws = numpy.random.default_rng(SleighSeed).choice(data, (count, len(data)))
    found: list[float] = draws.mean(axis=1).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Find a 95 % confidence interval of a mean.")
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--resamples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1979)
    options = parser.parse_args()
    if options.file:
        data = [float(line) for line in options.file.read_text().split()]
    else:
        made_up = random.Random(options.seed)
        data = [made_up.expovariate(1 / 5) for _ in range(100)]
    blocks = [BLOCK] * max(1, round(options.resamples / BLOCK))

    with Sleigh(workerCount=options.workers) as sleigh:
        found = sleigh.eachElem(means, blocks, fixedArgs=[data], seed=options.seed)

    resampled = sorted(mean for block in found for mean in block)
    low, high = (resampled[round(share * (len(resampled) - 1))] for share in (0.025, 0.975))
    print(f"{len(data)} numbers, mean {fmean(data):.3f}; {len(resampled):,} resamples: ", end="")
    print(f"with 95 % confidence between {low:.3f} and {high:.3f}")


if __name__ == "__main__":
    main()

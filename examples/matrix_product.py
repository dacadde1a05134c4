"""The product of two matrices, by blocks: some rows of one with some columns of the other.

Teaches: eachElem takes an iterable for each argument that varies, and returns the results in order.
Uses NumPy if it is there, whose arrays travel without being copied.
    python examples/matrix_product.py [--workers N] [--size N] [--block N] [--seed N]
"""

import argparse
import random
from itertools import chain, product
from operator import mul
from typing import Any

from nws.sleigh import Sleigh

Matrix = Any  # a list of lists, or an array of NumPy


def multiply(rows: Matrix, columns: Matrix) -> Matrix:
    """Return the block of the product where these rows and columns meet."""
    if isinstance(rows, list):
        return [[sum(map(mul, row, column)) for column in columns] for row in rows]
    return rows @ columns.T


def random_matrix(size: int) -> Matrix:
    numbers = [[random.randrange(-9, 10) for _ in range(size)] for _ in range(size)]
    try:
        from numpy import array
    except ImportError:
        return numbers
    return array(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description="Multiply two random matrices by blocks.")
    for name, default in [("workers", 2), ("size", 200), ("block", 64), ("seed", 1925)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    random.seed(options.seed)
    rows, columns = random_matrix(options.size), random_matrix(options.size)
    bands = [slice(at, at + options.block) for at in range(0, options.size, options.block)]

    arguments = [(rows[one], columns[other]) for one, other in product(bands, bands)]
    with Sleigh(workerCount=options.workers) as sleigh:
        blocks = iter(sleigh.eachElem(multiply, list(zip(*arguments, strict=True))))

    grid = [[next(blocks) for _ in bands] for _ in bands]
    whole = [list(chain(*parts)) for blocks in grid for parts in zip(*blocks, strict=True)]
    same = whole == [list(row) for row in multiply(rows, columns)]
    trace = sum(whole[place][place] for place in range(options.size))
    print(f"{len(arguments)} blocks make a product with trace {trace}:", end=" ")
    print("the same as" if same else "NOT the same as", "the plain product")


if __name__ == "__main__":
    main()

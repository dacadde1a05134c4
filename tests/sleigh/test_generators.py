"""Random generators that travel with a function: no two elements draw the same."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from nws.sleigh.shared.functions import INVOKE, Function, packed_function
from nws.sleigh.shared.generators import arriving, restart
from nws.sleigh.shared.pickling import pack, unpack
from tests.sleigh.conftest import Script

pytestmark = pytest.mark.usefixtures("programs_on_server")


class Gauss(random.Random):
    """Such numbers are drawn in pairs; the second one is kept."""

    def draw(self) -> float:
        return self.gauss(0, 1)


class Spawner:
    """Takes its random numbers from what a generator, or a sequence of seeds, spawns."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def draw(self) -> float:
        (spawned,) = self.source.spawn(1)
        return float(np.random.default_rng(spawned).random())


DRAWS: dict[str, tuple[Any, str]] = {
    "random.Random": (random.Random(1), "random"),
    "default_rng": (np.random.default_rng(1), "random"),
    "PCG64DXSM": (np.random.Generator(np.random.PCG64DXSM(1)), "random"),
    "Philox": (np.random.Generator(np.random.Philox(1)), "random"),
    "MT19937": (np.random.Generator(np.random.MT19937(1)), "standard_normal"),
    "RandomState": (np.random.RandomState(1), "standard_normal"),
    "RandomState of SFC64": (np.random.RandomState(np.random.SFC64(1)), "standard_normal"),
    "a bit generator": (np.random.PCG64(1), "random_raw"),
    "a class of the user": (Gauss(1), "draw"),
}

PROGRAM = """
import random
from random import random as draw
from numpy.random import rand, default_rng, get_state, RandomState
from nws.sleigh import Sleigh

rng = default_rng(1)
own = random.Random(1)
old = RandomState(1)
inside = {"deep": [default_rng(2)]}

def draws(_, fixed):
    old.standard_normal()
    values = [draw(), rand(), rng.random(), own.random(), old.standard_normal(), own.gauss(0, 1)]
    return (*values, inside["deep"][0].random(), fixed.random())

def plain_draws(_):
    return draw(), rand()

def report(results):
    return [len(set(column)) for column in zip(*results)]

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        fixed = [default_rng(3)]
        first = sleigh.eachElem(draws, range(8), fixed, chunkSize=1)
        second = sleigh.eachElem(draws, range(8), fixed, chunkSize=1)
        print(report(first + second))
        print(report(sleigh.eachWorker(draws, 0, own)))
        seeded = sleigh.eachElem(draws, range(8), fixed, seed=5)
        print(report(seeded), len(set(seeded[0])))
        print(seeded == sleigh.eachElem(draws, range(8), fixed, seed=5, chunkSize=3))
        print(report(seeded + sleigh.eachElem(draws, range(8), fixed, seed=6)))
    with Sleigh(workerCount=1) as sleigh:
        print(seeded == sleigh.eachElem(draws, range(8), fixed, seed=5))
        kept = sleigh.eachElem(lambda given: given.random(), [[default_rng(9), default_rng(9)]])
        print(kept == [default_rng(9).random()] * 2)
        plain = []
        for _ in range(4):
            sleigh.eachElem(plain_draws, range(2), seed=5)
            plain += sleigh.eachElem(plain_draws, range(2))
        print(report(plain))
    with Sleigh(serial=True) as sleigh:
        before = random.getstate(), get_state()[1].tolist()
        print(len(set(sleigh.eachElem(plain_draws, range(2), seed=5))))
        print(before == (random.getstate(), get_state()[1].tolist()))
    print(rng.random() == default_rng(1).random(), own.random() == random.Random(1).random())
"""


@pytest.mark.parametrize("name", DRAWS)
def test_generators_start_afresh(name: str) -> None:
    generator, method = DRAWS[name]
    packed = packed_function(tuple(Function(INVOKE, abs, [generator], {}, None)))
    drawn = set()
    for _ in range(3):
        with arriving() as arrived:
            (copy,) = Function(*unpack(packed)).fixed
        assert any(each is copy for each in arrived)
        drawn.add(getattr(copy, method)())
    assert len(drawn) == 3


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_says_all(name: str) -> None:
    """Whatever was drawn before."""
    generator, method = DRAWS[name]
    draw = getattr(generator, method)
    drawn = []
    for times in range(3):
        for _ in range(times):
            draw()
        restart(generator, 5)
        drawn.append((draw(), draw()))
    assert len(set(drawn)) == 1
    restart(generator, 6)
    assert draw() != drawn[0][0]


def copies_of(thing: Any) -> tuple[Any, list[Any]]:
    """Return what a worker gets, and the generators in it."""
    packed = packed_function(tuple(Function(INVOKE, abs, [thing], {}, None)))
    with arriving() as arrived:
        (copy,) = Function(*unpack(packed)).fixed
    return copy, arrived


@pytest.mark.parametrize(
    "source",
    [np.random.default_rng(1), np.random.SeedSequence(1)],
    ids=["Generator", "SeedSequence"],
)
def test_no_two_workers_spawn_the_same(source: Any) -> None:
    first, again = ([copies_of(Spawner(source))[0].draw() for _ in range(3)] for _ in range(2))
    assert len({*first, *again}) == 6
    seeded = []
    for _ in range(2):
        copy, generators = copies_of(Spawner(source))
        copy.draw()
        for place, generator in enumerate(generators):
            restart(generator, place)
        seeded.append((copy.draw(), copy.draw()))
    assert seeded[0] == seeded[1]
    assert len(set(seeded[0])) == 2


def test_a_sequence_of_seeds_stays_the_same_seed() -> None:
    source = np.random.SeedSequence(12, spawn_key=(3, 4), pool_size=8)
    copy, _ = copies_of(source)
    assert (copy.entropy, copy.spawn_key, copy.pool_size) == (12, (3, 4), 8)
    assert list(copy.generate_state(4)) == list(source.generate_state(4))


def test_generators_among_the_elements_keep_their_state() -> None:
    generator = np.random.default_rng(4)
    with arriving() as arrived:
        copy = unpack(pack(generator))
    assert arrived == []
    assert copy.random() == generator.random()


@pytest.mark.slow
def test_generators_of_the_main_program(script: Script) -> None:
    assert script(PROGRAM).stdout.splitlines() == [
        str([16] * 8),
        str([2] * 7 + [1]),
        f"{[8] * 8} 8",
        "True",
        str([16] * 8),
        "True",
        "True",
        str([8] * 2),
        "2",
        "True",
        "True True",
    ]

"""Random generators that travel with a function, as global names or in its fixed arguments.

Each worker gets a copy. Copies in the same state would draw the same numbers in all workers, so
each starts afresh, or with ``seed=`` at each element from a seed of its own.
"""

from __future__ import annotations

import random
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from types import BuiltinFunctionType
from typing import Any

from nws.sleigh.shared.pickler import Pickler

__all__ = ["FunctionPickler", "GlobalStates", "arriving", "restart", "seed_for"]


class FunctionPickler(Pickler):
    """Pickles a function and its fixed arguments, and marks the generators in them."""

    def reducer_override(self, thing: Any) -> Any:
        """See `Pickler.reducer_override`."""
        if type(thing) is BuiltinFunctionType:
            return NotImplemented
        if isinstance(thing, random.Random):
            if thing is _global_of_random():
                return getattr, (random, "_inst")
            return _marked(thing)
        if str(type(thing).__module__).startswith("numpy.random") and not isinstance(thing, type):
            from numpy.random import BitGenerator, Generator, RandomState, SeedSequence, mtrand

            if thing is mtrand._rand:
                return getattr, (mtrand, "_rand")
            if isinstance(thing, (BitGenerator, Generator, RandomState, SeedSequence)):
                return _marked(thing)
        return super().reducer_override(thing)


def _global_of_random() -> random.Random:
    """Return what the functions of `random` are methods of. Each worker has its own."""
    generator: random.Random = random._inst
    return generator


def _marked(generator: Any) -> Any:
    """Pickle a generator so that its arrival is noted."""
    make, arguments, state = (*generator.__reduce_ex__(5), None)[:3]
    return make, arguments, (state,), None, None, _arrive


_arriving: list[list[Any]] = []
"""Where arrivals are noted: in the last of these lists, if there is one."""


def _arrive(generator: Any, given: tuple[Any]) -> None:
    (state,) = given
    if state is not None:
        generator.__setstate__(state)
    if _arriving:
        _arriving[-1].append(generator)


@contextmanager
def arriving() -> Iterator[list[Any]]:
    """Note the generators of a function that is unpickled meanwhile, by one thread at a time. They
    start afresh."""
    arrived: list[Any] = []
    _arriving.append(arrived)
    try:
        yield arrived
    finally:
        _arriving.pop()
    arrived.sort(key=_is_seed_sequence)  # what generators draw does not depend on these
    for generator in arrived:
        if _is_seed_sequence(generator):
            _spawn_others(generator)
        else:
            restart(generator, secrets.randbits(128))


def seed_for(seed: int, element: int, place: int) -> int:
    """Return a seed for one generator at one element."""
    digest = blake2b(f"{seed} {element} {place}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "little")


def restart(generator: Any, seed: int) -> None:
    """Bring a generator into the state that a new one has with this seed."""
    if isinstance(generator, random.Random):
        generator.seed(seed)
        return
    if _is_seed_sequence(generator):
        generator.__init__(seed)
        return
    numpy_random: Any = sys.modules["numpy.random"]
    if isinstance(generator, numpy_random.RandomState):
        # It also holds a number that it has drawn and not yet given out.
        new = numpy_random.RandomState(type(generator._bit_generator)(seed))
        generator.set_state(new.get_state(legacy=False))
    else:
        bits = getattr(generator, "bit_generator", generator)
        bits.state = type(bits)(seed).state


class GlobalStates:
    """The states of `random` and of NumPy's global generator, if that is there."""

    def __init__(self) -> None:
        """Note what they are now."""
        self._random = random.getstate()
        numpy_random = sys.modules.get("numpy.random")
        self._numpy = numpy_random and numpy_random.get_state(legacy=False)

    def restore(self) -> None:
        """Make them so again."""
        random.setstate(self._random)
        if self._numpy:
            sys.modules["numpy.random"].set_state(self._numpy)


def _is_seed_sequence(generator: Any) -> bool:
    numpy_random: Any = sys.modules.get("numpy.random")
    return numpy_random is not None and isinstance(generator, numpy_random.SeedSequence)


def _spawn_others(seeds: Any) -> None:
    """Let a sequence of seeds spawn other ones than its copies do. It stays the same seed, which a
    program may have chosen."""
    seeds.__init__(
        seeds.entropy,
        spawn_key=seeds.spawn_key,
        pool_size=seeds.pool_size,
        n_children_spawned=secrets.randbits(31),
    )

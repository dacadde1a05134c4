"""Users' objects as bytes."""

from __future__ import annotations

import pickle
from enum import IntEnum
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nws.sleigh.shared.functions import function_variable
from nws.sleigh.shared.pickling import pack, packed_again, pieces_of, size_of, unpack
from tests.sleigh import functions


class Colour(IntEnum):
    """Numbers that are more than that."""

    RED = 1


class Word(str):
    """Texts that are more than that."""


LARGE = bytes(range(256)) * 1024


def travel(thing: Any) -> Any:
    """Send something to another process and back to this one."""
    return travel_packed(pack(thing))


def travel_packed(packed: Any) -> Any:
    """Send what is packed to another process, and unpack it there."""
    outside: list[pickle.PickleBuffer] = []
    data = pickle.dumps(packed, 5, buffer_callback=outside.append)
    return unpack(pickle.loads(data, buffers=[bytearray(buffer.raw()) for buffer in outside]))


@pytest.mark.parametrize(
    "thing",
    [
        None,
        1,
        -(2**100),
        True,
        1.5,
        "text",
        "\ud800",
        "long" * 30_000,
        Colour.RED,
        Word("word"),
        (),
        (1, "two", 3.0, False),
        (1, None),
        (Colour.RED, Word("word")),
        tuple(range(100)),
        [1, 2],
        b"bytes",
        LARGE,
        bytearray(LARGE),
        (LARGE, 1),
        [LARGE, LARGE],
        {"key": LARGE},
        ["__main__"],
        (1, [2, {3}]),
        [LARGE] * 100,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_things_arrive_as_they_were(thing: Any) -> None:
    arrived = travel(thing)
    assert arrived == thing
    assert type(arrived) is type(thing)


@pytest.mark.parametrize(
    "thing", [None, b"bytes", [1, 2], (1, None), ((1, 2),), Colour.RED, (Word("word"),), 1j]
)
def test_small_things_are_bytes(thing: Any) -> None:
    assert isinstance(pack(thing), bytes)


def test_plain_things_stay_as_they_are() -> None:
    assert pack(1) == 1
    assert pack("two") == "two"
    assert pack((1, "two")) == [1, "two"]


def test_what_stays_as_it_is_cannot_be_changed_by_who_gets_it() -> None:
    packed = pack((1, "two"))
    assert unpack(packed) == unpack(packed) == (1, "two")
    assert packed_again(packed) == packed


@pytest.mark.parametrize("thing", ["x" * 1000, ("x" * 500, "x" * 500), 2**8000, (1, 2**8000)])
def test_the_size_of_plain_things(thing: Any) -> None:
    assert 1000 <= size_of(pack(thing)) < 1100


def test_all_that_is_packed_has_pieces() -> None:
    for thing in (1, "two", (1, "two"), [1, "two"], LARGE):
        assert sum(map(len, pieces_of(pack(thing)))) > 0


@pytest.mark.parametrize("thing", [LARGE, (LARGE,), np.zeros(100_000)])
def test_large_things_are_not_copied(thing: Any) -> None:
    head, *buffers = pieces_of(pack(thing))
    assert len(head) < 1000
    assert sum(map(len, buffers)) >= len(LARGE)
    assert size_of(pack(thing)) > len(LARGE)


def test_arrays_can_be_written() -> None:
    array = travel((np.arange(100_000.0),))[0]
    array[0] = 7.0
    assert array[:3].tolist() == [7.0, 1.0, 2.0]


def test_arrays_in_both_orders() -> None:
    for array in (np.arange(10**5).reshape(10, -1), np.asfortranarray(np.eye(400))):
        assert np.array_equal(travel(array), array)
        assert function_variable(pack(array)) == function_variable(pack(array.copy("K")))


def test_what_arrived_can_be_sent_on() -> None:
    outside: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pack((LARGE, 1)), 5, buffer_callback=outside.append)
    arrived = pickle.loads(data, buffers=[buffer.raw() for buffer in outside])
    assert unpack(packed_again(arrived)) == (LARGE, 1)
    pickle.dumps(packed_again(arrived), 5, buffer_callback=outside.append)


def test_functions_of_modules_travel_by_name() -> None:
    data = pack(functions.echo)
    assert isinstance(data, bytes)
    assert len(data) < 100
    assert unpack(data) is functions.echo


def test_lambdas_travel_by_value() -> None:
    factor = 3
    assert travel(lambda number: factor * number)(5) == 15


def test_what_the_main_program_defines_travels_by_value() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("class Own:\n    def four(self):\n        return 4", namespace)
    own = namespace["Own"]()
    assert b"__main__" not in pickle.dumps(travel(own).four() == 4)
    assert travel(own).four() == 4


def test_modules_that_the_user_wants_to_travel_by_value() -> None:
    cloudpickle.register_pickle_by_value(functions)
    try:
        assert size_of(pack(functions.echo)) > 200
    finally:
        cloudpickle.unregister_pickle_by_value(functions)


def test_the_name_of_a_function_is_made_from_its_contents() -> None:
    assert function_variable(pack((1, LARGE))) == function_variable(pack((1, bytes(LARGE))))
    assert function_variable(pack((1, LARGE))) != function_variable(pack((2, LARGE)))


@pytest.mark.parametrize("make", [np.zeros, bytearray])
@pytest.mark.parametrize("around", [lambda thing: thing, lambda thing: (thing, 1)])
def test_what_is_packed_does_not_change_any_more(make: Any, around: Any) -> None:
    thing = make(100_000)
    packed = pack(around(thing))
    thing[0] = 9
    copy = travel_packed(packed)
    copy = copy[0] if isinstance(copy, tuple) else copy
    assert not any(copy)


def test_a_view_of_what_can_change_is_copied() -> None:
    base = np.zeros(100_000)
    view = base[:]
    view.flags.writeable = False
    packed = pack(view)
    base[0] = 9
    assert not travel_packed(packed).any()


def test_the_same_bytes_stay_the_same() -> None:
    first, second, number = travel((LARGE, LARGE, 1))
    assert first is second
    assert (first, number) == (LARGE, 1)


def test_a_list_that_holds_itself() -> None:
    things: list[Any] = [LARGE]
    things.append(things)
    arrived = travel(things)
    assert arrived[0] == arrived[1][0] == LARGE
    assert arrived[1][1] is arrived[1]

"""Users' objects as bytes."""

from __future__ import annotations

import pickle
from typing import Any

import cloudpickle
import numpy as np
import pytest

from nws.sleigh.pickling import pack, packed_again, pieces_of, size_of, unpack
from nws.sleigh.tasks import function_variable
from tests.sleigh import functions

LARGE = bytes(range(256)) * 1024


def travel(thing: Any) -> Any:
    """Send something to another process and back to this one."""
    outside: list[pickle.PickleBuffer] = []
    data = pickle.dumps(pack(thing), 5, buffer_callback=outside.append)
    return unpack(pickle.loads(data, buffers=[bytearray(buffer.raw()) for buffer in outside]))


@pytest.mark.parametrize(
    "thing",
    [
        None,
        1,
        "text",
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


def test_small_things_are_bytes() -> None:
    assert isinstance(pack((1, "two")), bytes)


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
        assert len(pack(functions.echo)) > 200
    finally:
        cloudpickle.unregister_pickle_by_value(functions)


def test_the_name_of_a_function_is_made_from_its_contents() -> None:
    assert function_variable(pack((1, LARGE))) == function_variable(pack((1, bytes(LARGE))))
    assert function_variable(pack((1, LARGE))) != function_variable(pack((2, LARGE)))

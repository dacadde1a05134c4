"""Values through a real server: what others see of them, and how often they are copied."""

from __future__ import annotations

import pickle
import pickletools
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest

from nws.client import NwsPicklingException, NwsUnpicklingException
from tests.support.server import Server
from tests.support.spaces import Opener, variable
from tests.support.strikes import alarm

VALUES: Final[list[Any]] = [
    "",
    "text",
    "größer 日本 \0",
    "\udc80 alone",
    b"",
    b"\x00\xff",
    bytes(70_000),
    bytes(300_000),
    None,
    42,
    {"nested": [1, (2, {3})]},
]


@pytest.mark.parametrize("protocol", [2, 5])
def test_every_kind_of_value(opened_anyhow: Opener, protocol: int) -> None:
    ws = opened_anyhow(pickle_protocol=protocol)
    for value in VALUES:
        ws.store("x", value)
        for got in (ws.find("x"), ws.findTry("x"), next(ws.ifind("x")), ws.fetch("x")):
            assert got == value
            assert type(got) is type(value)
    ws.store_many("x", VALUES)
    got_many: list[Any] = []
    while len(got_many) < len(VALUES):
        got_many += ws.fetch_many("x", 100)
    assert got_many == VALUES


@dataclass
class Model:
    """An object with arrays in it."""

    name: str
    weights: Any
    small: Any


@pytest.mark.parametrize("protocol", [2, 5])
def test_arrays_inside_objects(opened_anyhow: Opener, protocol: int) -> None:
    ws = opened_anyhow(pickle_protocol=protocol)
    for size in (10, 20_000, 200_000):
        model = Model("net", np.arange(size), np.arange(3))
        ws.store("x", model)
        for got in (ws.find("x"), ws.fetch_many("x", 1)[0]):
            assert got.name == "net"
            assert (got.weights == model.weights).all()
            got.weights += 1
            got.small[0] = 7
        assert model.weights[0] == 0


@pytest.mark.parametrize(
    ("value", "descriptor", "payload"),
    [
        ("text", 16777217, b"text"),
        ("ä", 16777217, b"\xc3\xa4"),
        (b"\x00\xff", 16777219, b"\x00\xff"),
        ("", 16777217, b""),
        (b"", 16777219, b""),
        (42, 16777216, pickle.dumps(42, 2)),
        (None, 16777216, pickle.dumps(None, 2)),
    ],
)
def test_what_others_see(
    opened_by_any: Opener, server: Server, value: object, descriptor: int, payload: bytes
) -> None:
    opened_by_any(pickle_protocol=2).store("x", value)
    with server.client(ws=opened_by_any.name) as raw:
        answer = raw.get("find", opened_by_any.name, "x")
    assert (answer.descriptor, answer.payload) == (descriptor, payload)


def test_python_2_can_read_an_array(opened_by_any: Opener, server: Server) -> None:
    opened_by_any(pickle_protocol=2).store("x", np.arange(100_000))
    with server.client(ws=opened_by_any.name) as raw:
        answer = raw.get("find", opened_by_any.name, "x")
    assert answer.descriptor == 16777216
    assert max(opcode.proto for opcode, _, _ in pickletools.genops(answer.payload)) <= 2


def test_what_others_store(opened_anyhow: Opener, server: Server, original: Server) -> None:
    ws = opened_anyhow()
    running = server if opened_anyhow.port == server.port else original
    with running.client(ws=ws.currentWs()) as raw:
        for descriptor, payload, value in (
            (16777217, b"from Python 2", "from Python 2"),
            (16777217, b"\xff\x00", b"\xff\x00"),
            (16777216, b"\x80\x02U\x02\xff\xfeq\x01.", "\xff\xfe"),
            (3 << 24 | 1, b"from R", "from R"),
            (3 << 24 | 3, b"from R", b"from R"),
            (7 << 24 | 1, b"from Java", "from Java"),
            (0, b"", None),
        ):
            raw.ask("store", ws.currentWs(), "x", descriptor, payload)
            assert ws.fetchTry("x") == value
        for descriptor, name in ((3 << 24, "R"), (2 << 24, "Matlab"), (7 << 24, "Java")):
            for get in (ws.find, ws.findTry, ws.fetch, ws.fetchTry):
                raw.ask("store", ws.currentWs(), "x", descriptor, b"foreign")
                with pytest.raises(NwsUnpicklingException, match=f"by {name} ") as caught:
                    get("x")
                assert caught.value.obj == b"foreign"
                removed = "fetch" in get.__name__ and running is original
                assert ("this server has removed it" in str(caught.value)) == removed
            ws.deleteVar("x")


def test_what_cannot_be_pickled_is_not_stored(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    for store in (ws.store, lambda name, value: ws.store_many(name, [1, value])):
        with pytest.raises(NwsPicklingException) as caught:
            store("x", lambda: None)
        assert caught.value.exception is not None
    assert variable(ws, "x").values == 0


def peak_of(act: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at the same time during an act."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [bytes, lambda n: np.zeros(n, np.uint8)])
def test_large_values_are_not_copied_needlessly(
    opened_either: Opener, make: Callable[[int], Any]
) -> None:
    ws, size = opened_either(), 8_000_000
    value = make(size)
    assert peak_of(lambda: ws.store("x", value)) < 0.2 * size
    # Bytes are received into a buffer that can be written to, and copied once.
    most = 2.1 if isinstance(value, bytes) else 1.1
    assert peak_of(lambda: ws.find("x")) < most * size
    array = ws.fetch("x")
    if not isinstance(array, bytes):
        assert not array.flags.owndata, "it lives in what was received"
        array[0] = 1


def test_a_session_may_be_used_by_a_handler_in_the_middle_of_a_call(opened: Opener) -> None:
    """The handler's operations go over a connection of their own."""
    ws = opened()
    with alarm(lambda *_: ws.store("x", "stored by the handler"), 0.01):
        assert ws.fetch("x") == "stored by the handler"

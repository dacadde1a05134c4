"""The original's protocol, spoken by the real program on a real server."""

from __future__ import annotations

import json
import pickle
import signal
import struct
from pathlib import Path

import numpy as np
import pytest

from nws.client import NetWorkSpace, NwsConnectException, NwsNoWorkSpaceException
from nws_babelfish.client import WORKSPACE, BabelfishClient, OccupiedError
from nws_babelfish.text import MAX_TEXT_CHARS
from nws_babelfish.translation import TOO_LARGE, Translation
from tests.babelfish.conftest import RunningBabelfish, Start
from tests.babelfish.opcodes import PROTO, STOP, call, customer, name, text
from tests.support.processes import until
from tests.support.server import Server, running
from tests.support.spaces import HOST, Opener

R_TEXT, R_BYTES, R_VALUE = "50331649", "50331651", "50331648"
WITH_BUFFERS = "16777232"


# They differ in how they read values, which the tests by name and test_text.py show.
@pytest.fixture(params=["safe", pytest.param("trusting", marks=pytest.mark.nightly)])
def either(request: pytest.FixtureRequest) -> RunningBabelfish:
    """A babelfish of each kind, one after the other."""
    babelfish: RunningBabelfish = request.getfixturevalue(request.param)
    return babelfish


def test_a_value_becomes_a_text(either: RunningBabelfish) -> None:
    assert either.ask([1, "two"]) == "[1, 'two']"
    assert either.ask("a text") == "a text"
    assert either.ask("") == "''"
    assert either.ask(b"\xff") == r"b'\xff'"
    assert either.ask(np.arange(3)) == "array of shape (3,), int64, 24 bytes\n[0, 1, 2]"


def test_the_answer_is_a_direct_text(safe: RunningBabelfish, server: Server) -> None:
    safe.ws.store("food", [1])
    with server.client(ws=safe.ws.currentWs()) as raw:
        reply = raw.get("fetch", safe.ws.currentWs(), "doof")
    assert (reply.descriptor, reply.payload) == (16777217, b"[1]")


def test_rows_and_columns_come_just_before_the_text(either: RunningBabelfish) -> None:
    text = either.ask([{"a": 1, "b": "x"}, {"b": "y", "a": 2}])
    assert text == "[{'a': 1, 'b': 'x'}, {'b': 'y', 'a': 2}]"
    assert json.loads(either.ws.fetchTry("table")) == {
        "kind": "list",
        "record": False,
        "columns": ["a", "b"],
        "labels": None,
        "rows": [["1", "x"], ["2", "y"]],
        "height": 2,
        "width": 2,
    }
    either.ask("a text")
    assert either.ws.findTry("table") is None


def test_tables_that_nobody_fetches_take_no_room(either: RunningBabelfish) -> None:
    for number in range(3):
        either.ask([number])
    assert json.loads(either.ws.fetchTry("table"))["rows"] == [["2"]]
    assert either.ws.fetchTry("table") is None


def test_answers_come_in_order(safe: RunningBabelfish) -> None:
    for number in range(100):
        safe.ws.store("food", [number])
    assert [safe.answer() for _ in range(100)] == [f"[{number}]" for number in range(100)]


def test_large_arrays_come_with_their_buffers(either: RunningBabelfish) -> None:
    shown = either.ask(np.zeros((100, 1000)))
    assert shown.startswith("array of shape (100, 1000), float64, 800000 bytes\n[0.0, 0.0, ")
    assert shown.endswith("\n[cut after 1000 of 100000 items]")


def test_a_long_value_is_cut(either: RunningBabelfish) -> None:
    assert len(either.ask(["a long value"] * 100_000)) < MAX_TEXT_CHARS + 200


def test_food_of_other_languages(either: RunningBabelfish) -> None:
    assert either.ask_raw(b"from R", R_TEXT) == "from R"
    assert either.ask_raw(b"\xe9", R_TEXT) == r"b'\xe9'"
    assert either.ask_raw(b"\x00\x01", R_BYTES) == r"b'\x00\x01'"
    shown = either.ask_raw(b"X\n\0\0", R_VALUE)
    assert shown.startswith("this value cannot be read: the value was written by R in a format")
    assert either.next_line() == "a value cannot be read: it is in the format of another language"


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    ("payload", "descriptor"),
    [
        (b"no pickle", "16777216"),
        (pickle.dumps([1])[:-1], "16777216"),
        (b"no table", WITH_BUFFERS),
        (struct.pack("<QQ", 1, 10**15), WITH_BUFFERS),
    ],
)
def test_what_cannot_be_read_is_described(
    either: RunningBabelfish, payload: bytes, descriptor: str
) -> None:
    shown = either.ask_raw(payload, descriptor)
    assert shown.startswith("this value cannot be read: the pickle cannot be read here: ")
    assert either.next_line().startswith("a value cannot be read: ")
    assert either.ask([1]) == "[1]"


def test_a_safe_babelfish_shows_the_attributes_of_a_users_object(safe: RunningBabelfish) -> None:
    assert safe.ask_raw(customer()) == "shop.Customer(name='Ann', age=3)"


def test_a_trusting_babelfish_finds_the_users_modules(trusting: RunningBabelfish) -> None:
    assert trusting.ask_raw(customer()) == "Customer Ann of 3 years"


def test_a_module_that_is_not_there(trusting: RunningBabelfish) -> None:
    shown = trusting.ask_raw(customer().replace(b"shop", b"shed"))
    assert "ModuleNotFoundError: No module named 'shed'" in shown
    assert trusting.next_line() == "a value cannot be read: ModuleNotFoundError"


def test_only_a_trusting_babelfish_runs_what_is_in_a_value(start: Start, tmp_path: Path) -> None:
    marker = tmp_path / "it ran"
    attack = PROTO + call(name("os", "mkdir"), text(str(marker))) + STOP
    safe = start("--safe", workspace="safe")
    assert "".join(safe.ask_raw(attack).split("\n  ")).startswith(f"os.mkdir('{marker}'")
    assert not marker.exists()
    trusting = start(workspace="trusting")
    assert trusting.ask_raw(attack) == "None"
    assert marker.exists()


def test_values_that_want_to_end_the_babelfish(trusting: RunningBabelfish) -> None:
    for attack in (
        call(name("sys", "exit")),
        call(name("builtins", "exec"), text("raise EOFError")),
    ):
        shown = trusting.ask_raw(PROTO + attack + STOP)
        assert shown.startswith("this value cannot be read: ")
    assert trusting.ask([1]) == "[1]"


@pytest.mark.slow
def test_a_value_that_needs_too_much_memory(start: Start) -> None:
    babelfish = start("--safe", "--memory-limit", str(150_000_000))
    assert babelfish.ask([b"x" * 1000] * 10) != TOO_LARGE
    numbers = pickle.dumps([float(n) for n in range(10**5)])
    assert babelfish.ask_raw(numbers).endswith("[cut after 1000 of 100000 items]")
    bomb = PROTO + pickle.MARK + pickle.EMPTY_SET * 10**7 + pickle.LIST + STOP
    assert babelfish.ask_raw(bomb) == TOO_LARGE
    kind = babelfish.next_line().removeprefix("a value cannot be read: ")
    assert kind in ("MemoryError", "SystemError")  # as the unpickler of 3.13 has it at times
    assert babelfish.ask([1]) == "[1]"


@pytest.mark.slow
@pytest.mark.nightly  # one that needs too much is above
def test_a_value_that_does_not_even_fit_into_the_memory(start: Start) -> None:
    babelfish = start("--safe", "--memory-limit", str(150_000_000))
    assert babelfish.ask(b"x" * 160_000_000) == TOO_LARGE
    assert babelfish.ask([1]) == "[1]"


def test_a_trusting_babelfish_with_little_memory(start: Start) -> None:
    babelfish = start("--memory-limit", str(300_000_000))
    attack = call(
        name("builtins", "bytearray"), pickle.LONG1 + b"\x05" + (10**9).to_bytes(5, "little")
    )
    assert babelfish.ask_raw(PROTO + attack + STOP) == TOO_LARGE
    assert babelfish.ask([1]) == "[1]"


# Life and death


def test_the_workspace_lives_as_long_as_the_babelfish(start: Start, opened: Opener) -> None:
    babelfish = start(workspace=WORKSPACE)
    assert babelfish.first.startswith(f"the babelfish serves the workspace '{WORKSPACE}' at ")
    babelfish.process.send_signal(signal.SIGTERM)
    status, log = babelfish.end()
    assert (status, "the babelfish ends: it was told to stop\n" in log) == (0, True)
    server = opened.server()

    def gone() -> bool:
        listing = server.listWss("dict")
        return WORKSPACE not in listing

    until(gone, "the end of the workspace")
    with pytest.raises(NwsNoWorkSpaceException):
        server.useWs(WORKSPACE, create=False)


def test_ctrl_c_ends_it(safe: RunningBabelfish) -> None:
    safe.process.send_signal(signal.SIGINT)
    status, log = safe.end()
    assert (status, log.count("\n")) == (0, 1)


def test_it_ends_with_its_workspace(safe: RunningBabelfish) -> None:
    safe.ws.server.deleteWs(safe.ws.currentWs())
    status, log = safe.end()
    assert status == 0
    assert log.rstrip().endswith("was deleted")


def test_it_outlives_its_variables(safe: RunningBabelfish) -> None:
    safe.ask([1])
    safe.ws.deleteVar("food")
    safe.ws.deleteVar("doof")
    assert safe.ask([2]) == "[2]"


def test_it_ends_with_the_server(start: Start, tmp_path: Path) -> None:
    with running(tmp_path) as server:
        babelfish = start(on=server)
        assert babelfish.ask([1]) == "[1]"
        assert server.stop() == 0
        status, log = babelfish.end()
    assert status == 0
    assert "the babelfish ends: the server is gone: " in log


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("end", ["workspace", "server"])
def test_on_an_original_server(start: Start, tmp_path: Path, end: str) -> None:
    with running(tmp_path, "--no-extensions") as server:
        babelfish = start("--safe", on=server)
        assert babelfish.ask([1]) == "[1]"
        babelfish.ws.deleteVar("food")
        assert babelfish.ask([2]) == "[2]"
        if end == "workspace":
            babelfish.ws.server.deleteWs(babelfish.ws.currentWs())
        else:
            server.stop()
        assert babelfish.end()[0] == 0


def test_two_fishes_do_not_share_a_workspace(safe: RunningBabelfish, server: Server) -> None:
    name = safe.ws.currentWs()
    with pytest.raises(OccupiedError, match="another babelfish serves the workspace"):
        BabelfishClient(HOST, server.port, name, lambda descriptor, payload: Translation(""))
    assert safe.ask([1]) == "[1]"


def test_no_server(tmp_path: Path) -> None:
    with pytest.raises(NwsConnectException):
        BabelfishClient(
            f"unix:{tmp_path}/none", 1, "any", lambda descriptor, payload: Translation("")
        )


def test_a_workspace_that_was_there_before_is_taken_over(start: Start, opened: Opener) -> None:
    other: NetWorkSpace = opened(useUse=True)
    other.store("food", [1])
    babelfish = start("--safe")
    assert babelfish.answer() == "[1]"


def test_it_leaves_no_core(safe: RunningBabelfish) -> None:
    limits = Path(f"/proc/{safe.process.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if "core" in line] == [["0", "0"]]

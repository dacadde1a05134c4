"""`nws export` and `nws import`."""

from __future__ import annotations

from pathlib import Path

import pytest

from nws.client import NetWorkSpace
from tests.cli.conftest import Nws
from tests.support.spaces import variable

WS = "command line"
VALUES = ["tea", b"\xff", [1, 2], 3.5, "", None]


@pytest.mark.parametrize("mode", ["fifo", "lifo", "single", "multi"])
def test_there_and_back(shared: Nws, ws: NetWorkSpace, tmp_path: Path, mode: str) -> None:
    ws.declare("x", mode)
    ws.store_many("x", VALUES)
    file = str(tmp_path / "exported")
    shared("export", WS, file)
    count = 1 if mode == "single" else len(VALUES)
    assert variable(ws, "x")[1:] == (count, 0, 0, mode), "the values are still there"
    assert variable(ws, "x").leased == 0
    before = ws.fetch_many("x", 9)
    shared("import", WS, file)
    after = ws.fetch_many("x", 9)
    assert after == before if mode != "multi" else sorted(map(repr, after))


def test_through_a_pipe_into_another_workspace(shared: Nws, ws: NetWorkSpace) -> None:
    ws.declare("only declared", "lifo")
    ws.store_many("x", range(300))
    exported = shared("export", WS).stdout
    shared("import", "the copy", stdin=exported)
    assert shared("export", "the copy").stdout.splitlines()[1:] == exported.splitlines()[1:]
    shared("rm", "-r", "the copy")


def test_large_values_of_a_lifo(shared: Nws, ws: NetWorkSpace) -> None:
    """A lease has a mebibyte, and one value at least."""
    ws.declare("x", "lifo")
    values = [bytes([number]) * 700_000 for number in range(4)]
    ws.store_many("x", values)
    exported = shared("export", WS).stdout
    shared("rm", WS, "x")
    shared("import", WS, stdin=exported)
    assert [ws.fetch("x") for _ in values] == values[::-1]


HEAD = '{"format": "nws workspace 1"}\n'
X = '{"variable": "x", "mode": "fifo"}\n'
ONE = '{"descriptor": 16777217, "base64": "YQ=="}\n'


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "it was cut"),
        ("tea", 1, "this is not JSON, as `nws export` writes it"),
        ("\x80\x04", 1, "this is not JSON, as `nws export` writes it"),
        ("[1]", 1, "this is not an object, as `nws export` writes it"),
        ('{"a": 1}', 1, 'no \'format\'; a file of `nws export` begins with {"format": "nws work'),
        ('{"format": "tea"}', 1, "'tea'; a file of `nws export` begins"),
        (HEAD, 2, "it was cut"),
        (HEAD + ONE, 2, "a value without a variable"),
        (HEAD + X + ONE, 4, "it was cut"),
        (HEAD + X + ONE + '{"values": 2}', 4, "1 value came, not 2"),
        (HEAD + X + ONE + '{"values": 1}\n' + X, 5, "behind the end"),
        (HEAD + X + ONE[:-5], 3, "this is not JSON"),
        (HEAD + "5", 2, "this is not an object"),
        (HEAD + '{"variable": "x"}', 2, "no 'mode'"),
        (HEAD + '{"variable": "x", "mode": "y"}', 2, "'y'"),
        (HEAD + '{"variable": 5, "mode": "fifo"}', 2, "must be a string"),
        (HEAD + X + '{"descriptor": -1, "base64": ""}', 3, "-1"),
        (HEAD + X + '{"descriptor": true, "base64": ""}', 3, "True"),
        (HEAD + X + '{"descriptor": 1, "base64": "?"}', 3, "base64"),
        (HEAD + X + '{"descriptor": 1, "base64": 5}', 3, "argument"),
    ],
)
def test_a_file_that_cannot_be_read(
    shared: Nws, ws: NetWorkSpace, text: str, line: int, says: str
) -> None:
    said = shared("import", WS, stdin=text, status=1).stderr
    assert f"stdin, line {line}: " in said
    assert says in said
    assert "what stands before it was stored" in said
    assert variable(ws, "x").values == (X + ONE in text)


def test_of_no_workspace(shared: Nws, tmp_path: Path) -> None:
    file = tmp_path / "exported"
    shared("export", "nowhere", str(file), status=4)
    assert not file.exists()

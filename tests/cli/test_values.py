"""`nws store`, `nws find`, `nws fetch` and `nws watch`."""

from __future__ import annotations

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nws.cli.given_values import value_of
from nws.cli.raw_values import RawValue, store_value
from nws.client import NetWorkSpace
from tests.cli.conftest import Nws
from tests.support.processes import Aside, python
from tests.support.server import PATIENCE, environment
from tests.support.spaces import until_waiting, variable

WS = "command line"


@pytest.mark.parametrize(
    ("given", "options", "stored"),
    [
        ("tea", [], "tea"),
        ("5", [], "5"),
        ("", [], ""),
        ("5", ["--as", "python"], 5),
        (" [1, 2.5, ('a', None)]\n", ["--as", "python"], [1, 2.5, ("a", None)]),
        ('{"a": [true, null]}', ["--as", "json"], {"a": [True, None]}),
        ("tea", ["--as", "bytes"], b"tea"),
    ],
)
def test_store_a_value(
    shared: Nws, ws: NetWorkSpace, given: str, options: list[str], stored: object
) -> None:
    shared("store", WS, "x", given, *options)
    assert ws.fetchTry("x", "nothing") == stored
    shared("store", WS, "x", "-", *options, stdin=given)
    assert ws.fetchTry("x", "nothing") == (given.encode() if "bytes" in options else stored)


def test_store_from_a_pipe(shared: Nws, ws: NetWorkSpace) -> None:
    shared("store", WS, "x", "-", stdin="5\n")
    shared("store", WS, "x", "-", stdin="two\nlines\n\n")
    shared("store", WS, "x", "-", "--as", "bytes", stdin=b"\xff\n")
    shared("store", WS, "x", "-", "--lines", "--as", "python", stdin="1\n[2]\n3")
    assert ws.fetch_many("x", 9) == ["5", "two\nlines\n", b"\xff\n", 1, [2], 3]


def test_lines_are_stored_as_they_come(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    command = ["-m", "nws", "store", WS, "x", "--lines", "-"]
    with python(*command, cwd=tmp_path, env=shared.env) as process:
        assert process.stdin is not None
        for line in ("first", "second"):
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
            assert ws.fetch("x", timeout=PATIENCE) == line
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["five", "--as", "python"], "", "'five' is no literal of Python"),
        (["__import__('os')", "--as", "python"], "", "is no literal of Python"),
        (["[" * 100_000, "--as", "python"], "", "is no literal of Python"),
        (["{", "--as", "json"], "", "'{' is no JSON"),
        (["-"], b"\xff", "--as bytes stores any bytes"),
        (["tea", "--lines"], "", "VALUE has to be -"),
        (["tea", "--as", "tin"], "", "'text', 'bytes', 'python', 'json'"),
    ],
)
def test_what_cannot_be_stored(
    shared: Nws, ws: NetWorkSpace, arguments: list[str], stdin: str | bytes, says: str
) -> None:
    assert says in shared("store", WS, "x", *arguments, stdin=stdin, status=2).stderr
    assert variable(ws, "x").values == 0


def test_a_line_that_cannot_be_stored(shared: Nws, ws: NetWorkSpace) -> None:
    arguments = ["store", WS, "x", "-", "--lines", "--as", "json"]
    said = shared(*arguments, stdin="1\n2\n{\n4\n", status=1).stderr
    assert "line 3 of stdin: '{' is no JSON" in said
    assert "those before it were stored" in said
    assert ws.fetch_many("x", 9) == [1, 2]


def test_a_workspace_that_store_makes_stays(shared: Nws) -> None:
    shared("store", "made by store", "x", "tea")
    assert shared("fetch", "made by store", "x").stdout == "tea\n"
    shared("rm", "-r", "made by store")
    assert "made by store" in shared("find", "made by store", "x", status=4).stderr


@pytest.mark.parametrize(
    ("stored", "printed"),
    [
        ("tea", b"tea\n"),
        ("two\nlines\n", b"two\nlines\n\n"),
        ("\x1b[31mé", "\x1b[31mé\n".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (5, b"5\n"),
        ([1, ("a", {2.5: None})], b"[1, ('a', {2.5: None})]\n"),
        (Path("/tmp"), b"PosixPath('/tmp')\n"),
    ],
)
def test_print_a_value(shared: Nws, ws: NetWorkSpace, stored: object, printed: bytes) -> None:
    ws.store("x", stored)
    assert shared("find", WS, "x").stdout_bytes == printed
    assert shared("fetch", WS, "x").stdout_bytes == printed
    assert variable(ws, "x").values == 0


def test_a_text_passes_through_unchanged(shared: Nws, ws: NetWorkSpace) -> None:
    for text in ("", "\n", "tea", "tea\n", "\n\n"):
        ws.store("x", text)
        shared("store", WS, "y", "-", stdin=shared("fetch", WS, "x").stdout_bytes)
        assert ws.fetch("y") == text


def test_raw_bytes(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("x", {"a": 1})
    assert pickle.loads(shared("find", WS, "x", "--raw").stdout_bytes) == {"a": 1}
    assert "either --json or --raw" in shared("find", WS, "x", "--raw", "--json", status=2).stderr


def test_values_as_json(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store_many("x", ["tea", b"\xff", [1, (2,)], {1: 2}, Path("/tmp")])
    assert [shared.json("fetch", WS, "x") for _ in range(5)] == [
        {"kind": "text", "text": "tea", "value": "tea"},
        {"kind": "bytes", "base64": "/w=="},
        {"kind": "python", "text": "[1, (2,)]", "value": [1, [2]]},
        {"kind": "python", "text": "{1: 2}"},
        {"kind": "python", "text": "PosixPath('/tmp')"},
    ]


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def test_nothing_is_unpickled(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    ws.store("x", [Trap(trap)])
    for options in ([], ["--json"], ["--raw"]):
        assert b"touch" in shared("find", WS, "x", *options).stdout_bytes
    shared("fetch", WS, "x")
    assert not trap.exists()


def test_a_value_that_cannot_be_printed_stays(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("x", {"a": 1})
    store_value(ws, "r", RawValue(3 << 24, b"X\n"))
    said = shared("fetch", WS, "r", status=1).stderr
    assert "written by R" in said
    assert "--raw prints its bytes" in said
    assert shared("fetch", WS, "r", "--json").stdout == '{"kind": "R", "base64": "WAo="}\n'


def test_a_value_stays_if_nobody_reads_it(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    ws.store("x", "tea" * 100_000)
    command = [sys.executable, "-m", "nws", "fetch", WS, "x"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(shared.env), stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(PATIENCE) == 1
    assert variable(ws, "x").values == 1


def test_time_is_over(shared: Nws, ws: NetWorkSpace) -> None:
    for command in ("find", "fetch", "watch"):
        for seconds in ("0", "0.01"):
            done = shared(command, WS, "x", "--timeout", seconds, status=4)
            assert "no value came in time" in done.stderr
            assert done.stdout == ""


def test_a_time_has_a_unit_or_is_said_to_be_none(shared: Nws, ws: NetWorkSpace) -> None:
    shared("find", WS, "x", "--timeout", "0.01s", status=4)
    for wrong in ("-1", "soon", "nan"):
        said = shared("find", WS, "x", "--timeout", wrong, status=2).stderr
        assert f"'{wrong}' is no duration; such are 90, 90s" in said


@pytest.mark.parametrize("command", ["find", "fetch"])
def test_wait_for_a_value(shared: Nws, ws: NetWorkSpace, command: str) -> None:
    waiting = Aside(lambda: shared(command, WS, "x", "--timeout", str(PATIENCE)))
    finders = int(command == "find")
    until_waiting(ws, "x", fetchers=1 - finders, finders=finders)
    ws.store("x", "tea")
    assert waiting.result().stdout == "tea\n"


def test_ctrl_c_while_it_waits(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    with python("-m", "nws", "fetch", WS, "x", cwd=tmp_path, env=shared.env) as process:
        until_waiting(ws, "x", fetchers=1)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""
    until_waiting(ws, "x")


def test_no_room_for_the_output(shared: Nws, ws: NetWorkSpace) -> None:
    ws.store("x", "tea")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nws", "fetch", WS, "x"],
            env=environment(shared.env),
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"Error: [Errno 28] No space left on device\n")
    assert ws.fetchTry("x") == "tea"


@pytest.mark.parametrize(
    ("arguments", "closed"),
    [
        ("fetch command\\ line x", "stdout"),
        ("export command\\ line", "stdout"),
        ("store command\\ line x -", "stdin"),
        ("store command\\ line x --lines -", "stdin"),
        ("import command\\ line", "stdin"),
        ("top --json", "stdout"),
    ],
)
def test_a_stream_that_is_closed(
    shared: Nws, ws: NetWorkSpace, arguments: str, closed: str
) -> None:
    ws.store("x", "tea")
    redirection = {"stdin": "<&-", "stdout": ">&-"}[closed]
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m nws {arguments} {redirection}"],
        env=environment(shared.env),
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {closed} is closed\n".encode())
    assert ws.fetch("x") == "tea"
    assert ws.fetchTry("x") is None


def test_watch(shared: Nws, ws: NetWorkSpace, tmp_path: Path) -> None:
    ws.store("x", 1)
    with python("-m", "nws", "watch", WS, "x", "--json", cwd=tmp_path, env=shared.env) as process:
        assert process.stdout is not None
        for number in (1, 2, 3):
            assert json.loads(process.stdout.readline())["value"] == number
            ws.store("x", number + 1)
        assert variable(ws, "x").values >= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130


def test_watch_a_variable_that_cannot_be_walked(shared: Nws, ws: NetWorkSpace) -> None:
    ws.declare("x", "lifo")
    assert "lifo" in shared("watch", WS, "x", status=1).stderr


@pytest.mark.parametrize(
    "given", ["x", "f()", "lambda: 1", 'f"{x}"', "{**x}", "1 + 2", "[y for y in x]"]
)
def test_what_would_be_evaluated_is_refused_without_the_parsers_words(given: str) -> None:
    with pytest.raises(ValueError, match="would have to be evaluated") as raised:
        value_of(given.encode(), "python")
    assert "object at" not in str(raised.value)
    assert "without --as python" in str(raised.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("1 +", r"invalid syntax \(line 1\)$"),
        ("", r"invalid syntax \(line 1\)$"),
        ("{[1]: 2}", "unhashable type: 'list'$"),
        ("1" * 9000, "^'1{40}…' is no literal .*exceeds the limit"),
        ("-" * 100_000 + "1", "^'-{40}…' is no literal .*: it is nested too deeply$"),
    ],
)
def test_what_cannot_be_parsed_is_refused_with_the_reason(given: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"(?i){why}") as raised:
        value_of(given.encode(), "python")
    assert "<unknown>" not in str(raised.value)


def test_who_names_no_workspace_is_told_where_they_are_listed(shared: Nws) -> None:
    for command in (["vars"], ["leases"], ["rm", "-r"], ["export"]):
        said = shared(*command, "no such workspace", status=4).stderr
        assert "`nws ls` lists the workspaces" in said
    for command in (["find"], ["fetch"], ["watch"], ["rm"]):
        said = shared(*command, "no such workspace", "x", status=4).stderr
        assert "`nws ls` lists the workspaces" in said


def test_no_server(nws: Nws) -> None:
    for command in (["ls"], ["find", WS, "x"], ["store", WS, "x", "1"], ["rm", "-r", WS], ["top"]):
        said = nws(*command, "--port", str(nws.port), status=3).stderr
        assert f"localhost:{nws.port}" in said
        assert "--host and --port name another one" in said
    said = nws("worker", "--sleigh", "x", "--connect", f"localhost:{nws.port}", status=3).stderr
    assert "--connect names another one" in said
    assert "--host" not in said

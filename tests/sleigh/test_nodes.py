"""Nodes: what is special on each machine, in a program, as text, or in a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import (
    LaunchOptions,
    Node,
    Sleigh,
    SleighIllegalValueException,
    SleighScriptException,
)
from nws.sleigh.launch.nodes import node_of, nodes_of
from tests.support.server import PATIENCE, Server
from tests.support.spaces import HOST

# What is said of them


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("hosta", Node("hosta")),
        (" hosta\t# the first", Node("hosta")),
        ("me@hosta:8", Node("me@hosta", workers=8)),
        ("hosta slots=8", Node("hosta", workers=8)),
        ("2001:db8::1", Node("2001:db8::1")),
        ("[2001:db8::1]:4", Node("[2001:db8::1]", workers=4)),
        (
            "hosta python=/opt/bin/py 'folder=/a b' group=gpu env.A=1=2 env.python= env.B='x #'",
            Node(
                "hosta",
                python="/opt/bin/py",
                folder="/a b",
                group="gpu",
                environment={"A": "1=2", "python": "", "B": "x #"},
            ),
        ),
    ],
)
def test_a_node_as_text(text: str, node: Node) -> None:
    assert node_of(text) == node


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no host"),
        ("# nothing", "there is no host"),
        ("'hosta", "a quote is open"),
        (":8", "'hosta:8'"),
        ("hosta:", "'hosta:8'"),
        ("hosta:0", "workers=0 of hosta"),
        ("hosta:999999999999", "'hosta:8'"),
        ("hosta workers=-1", "'-1' is no number"),
        ("-oProxyCommand=x", "no name of a machine"),
        ("'hosta hostb'", "no name of a machine"),
        ("hosta 8", "'8' is no setting of a node; there are workers=, python="),
        ("hosta size=8", "'size' is no setting"),
        ("hosta:8 slots=8", "'workers' is there twice"),
        ("hosta env.A=1 env.A=2", "'env.A' is there twice"),
        ("hosta env.=1", "environment= of hosta"),
        ("hosta 'group=a b'", "group='a b'"),
    ],
)
def test_no_node(text: str, said: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        node_of(text)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"host": ""}, "host=''"),
        ({"workers": 0}, "workers=0"),
        ({"workers": True}, "workers=True"),
        ({"python": None}, "python=None"),
        ({"folder": "a\0"}, "folder="),
        ({"group": "a b"}, "group='a b'"),
        ({"environment": {"A": 1}}, "environment= of hosta"),
        ({"environment": {"A=B": "1"}}, "environment= of hosta"),
        ({"environment": ["A"]}, "environment= of hosta"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        Node(**{"host": "hosta", **settings})


def test_a_list_of_nodes() -> None:
    """Those with a group come first: they keep their workers when a sleigh gets smaller."""
    assert nodes_of(["a:2", Node("b", group="gpu"), "c"]) == [
        Node("b", group="gpu"),
        Node("a", workers=2),
        Node("c"),
    ]
    with pytest.raises(SleighIllegalValueException, match=r"nodeList has the entry 'a:x': "):
        nodes_of(["b", "a:x"])


def test_values_are_not_shown() -> None:
    assert "secret" not in repr(Node("a", environment={"TOKEN": "secret"}))


# A file


def test_a_file_of_nodes(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("# two machines\n\nhosta:2 # quick\n  hostb slots=4 group=gpu\n")
    in_file = [Node("hostb", workers=4, group="gpu"), Node("hosta", workers=2)]
    assert nodes_of(f"@{path}") == in_file
    assert nodes_of([f"@{path}", "hostc"]) == [*in_file, Node("hostc")]


def test_a_file_with_an_error(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_text("hosta\n\nhostb slot=4\n")
    with pytest.raises(SleighIllegalValueException, match=r"hosts, line 3: 'slot' is no setting"):
        nodes_of(f"@{path}")


@pytest.mark.parametrize("content", [None, b"\xff", b"# nobody\n"])
def test_a_file_without_nodes(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "hosts"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SleighIllegalValueException, match=str(path)):
        nodes_of(f"@{path}")


# What workers find


def here(host: str, options: LaunchOptions) -> list[str]:
    """Lead nowhere else."""
    return []


def found_there() -> tuple[str | None, ...]:
    names = "TOLD_BY_THE_NODE", "PYTHONHASHSEED", "STARTED_BY"
    return *map(os.environ.get, names), os.getcwd()


def commands() -> Iterator[bytes]:
    """Return the words of all processes, which all users can see."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it is gone
            yield path.read_bytes()


def test_what_is_special_on_a_node(server: Server, tmp_path: Path) -> None:
    """Also what Python itself has to find when it starts."""
    python = tmp_path / "a python"
    python.write_text(f'#!/bin/sh\nSTARTED_BY=it exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    folder = tmp_path / "a folder"
    folder.mkdir()
    secret = f"known to the node only, {os.getpid()}"
    told = {"TOLD_BY_THE_NODE": secret, "PYTHONHASHSEED": "7"}
    node = Node("a", python=str(python), folder=str(folder), environment=told)
    nodes: list[str | Node] = [node, "b"]
    with Sleigh(launch=here, nodeList=nodes, nwsHost=HOST, nwsPort=server.port) as sleigh:
        found = sleigh.eachWorker(found_there)
        names = [each["name"] for each in sleigh.workerInfo()]
        assert not any(secret.encode() in words for words in commands())
    assert dict(zip(names, found, strict=True)) == {
        "a": (secret, "7", "it", str(folder)),
        "b": (None, None, None, os.getcwd()),
    }


def test_an_environment_that_does_not_come() -> None:
    """As with `rsh -n`, which hands no stdin on."""
    words = ["-m", "nws.sleigh.launch.script", "PythonSleighEnvironment=stdin"]
    done = subprocess.run(
        [sys.executable, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "the node's environment is to come on stdin" in done.stderr


def test_a_python_that_is_too_old() -> None:
    code = "import sys; sys.version_info = 3, 9; sys.version = '3.9.1 (x)'; import nws"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert f"nws needs Python 3.10 or later; {sys.executable} is 3.9.1\n" in done.stderr


def test_an_environment_that_is_too_long(server: Server) -> None:
    nodes = [Node("a", environment={"LONG": 2**20 * "x"})]
    with pytest.raises(SleighScriptException, match="bytes for its stdin are more than a pipe"):
        Sleigh(launch=here, nodeList=nodes, nwsHost=HOST, nwsPort=server.port)

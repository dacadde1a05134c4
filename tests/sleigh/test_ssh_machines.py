"""A sleigh on three machines: network namespaces, each with an sshd of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from nws.sleigh import Node, Sleigh
from tests.sleigh.functions import arrive
from tests.support.machines import HERE, plug, several_machines
from tests.support.processes import Aside, until
from tests.support.server import PATIENCE, Server, running
from tests.support.sshd import require_sshd, serving_on

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces of Linux")

SECRET = {"NWS_SECRET": "what-all-three-machines-know"}

LONG = 2 * PATIENCE
"""To notice a machine that is unplugged, or is there again, takes its time."""


class Impatient(Sleigh):
    lease_time: ClassVar[float] = 3.0


@contextmanager
def cluster(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Server, dict[str, str]]]:
    """Three machines, and a server that they reach."""
    require_sshd()
    with ExitStack() as stack:
        machines = stack.enter_context(several_machines(3))
        (folder / "ssh").mkdir()
        bin = stack.enter_context(serving_on(folder / "ssh", machines))
        monkeypatch.setenv("PATH", os.pathsep.join((str(bin), os.environ["PATH"])))
        monkeypatch.setenv("NWS_SECRET", SECRET["NWS_SECRET"])
        listen = f"tcp:0:interface={HERE}"
        server = stack.enter_context(running(folder, "--plain", listen=listen, env=SECRET))
        yield server, machines


def older_python(path: Path) -> str:
    """Return a program that is Python, but says of itself that it is an older one."""
    code = "import sys; sys.version_info = 3, 9; sys.version = '3.9.1 (x)'; import nws"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}"\n')
    path.chmod(0o755)
    return str(path)


def where(_: object) -> str:
    """Return the address of the machine that this runs on."""
    return os.environ["SSH_CONNECTION"].split()[2]


def said(caplog: pytest.LogCaptureFixture, sleigh: Sleigh, *words: str) -> bool:
    """Tell whether the master has logged something with all these words."""
    sleigh.status(timeout=0.1)
    texts = [record.getMessage() for record in caplog.records]
    return any(all(word in text for word in words) for text in texts)


def until_all_work(sleigh: Sleigh, *machines: str) -> None:
    """Wait until elements are done on all these machines."""
    until(
        lambda: {*machines} == {*sleigh.eachElem(where, range(60), chunkSize=1)}, "all work", LONG
    )


@pytest.mark.nightly
def test_one_is_late_and_one_has_an_older_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nws.sleigh.launch.processes._MAX_PAUSE_SECONDS", 1.0)
    with cluster(tmp_path, monkeypatch) as (server, machines):
        good, other, late = machines
        plug(machines[late], in_=False)
        older = Node(other, python=older_python(tmp_path / "python3"))
        nodes: list[str | Node] = [good, late, older]
        with Impatient(launch="ssh", nodeList=nodes, nwsHost=HERE, nwsPort=server.port) as sleigh:
            old = partial(said, caplog, sleigh, f"on {other} ", "needs Python 3.10 or later")
            until(old, "the older one", LONG)
            absent = partial(said, caplog, sleigh, f"on {late} ", "ssh: connect to host")
            until(absent, "the late one", LONG)
            assert sleigh.eachElem(where, range(6)) == 6 * [good]
            plug(machines[late], in_=True)
            until_all_work(sleigh, good, late)


@pytest.mark.nightly
def test_one_is_unplugged_and_plugged_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nws.sleigh.launch.processes._MAX_PAUSE_SECONDS", 1.0)
    with cluster(tmp_path, monkeypatch) as (server, machines):
        *stay, unplugged = machines
        options: dict[str, Any] = {"nwsHost": HERE, "nwsPort": server.port}
        with Impatient(launch="ssh", nodeList=list(machines), **options) as sleigh:
            until(lambda: sleigh.status(timeout=0.1) == (3, 1), "all have joined", LONG)
            call = Aside(partial(sleigh.eachElem, arrive, range(6), [tmp_path], chunkSize=1))
            until(lambda: {"0", "1", "2"} <= {*os.listdir(tmp_path)}, "all work")
            plug(machines[unplugged], in_=False)
            missed = partial(said, caplog, sleigh, f"on {unplugged} ", "nothing is heard of")
            until(missed, "it is missed", LONG)
            (tmp_path / "go").touch()
            assert call.result(LONG) == list(range(6))
            plug(machines[unplugged], in_=True)
            until_all_work(sleigh, *stay, unplugged)

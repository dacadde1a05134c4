"""All that a user runs, at once, on a server that speaks TLS: what others see, and how far they
get."""

from __future__ import annotations

import os
import signal
import socket
import traceback
import webbrowser
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from nws.client import NwsServer
from nws.connection_file import CONNECTION_FILE
from nws.errors import NwsConnectException
from nws.sleigh import Sleigh, sshcmd, sshforwardcmd
from nws.sleigh.launch.by_hand import RUN_ME
from nws.wire.login import LOCAL
from tests.sleigh.functions import server_address, worker
from tests.support import batch_stub
from tests.support.processes import (
    children,
    connections_of,
    descendants,
    processes_that_show,
    python,
    until,
    until_gone,
)
from tests.support.second_user import HELLOS, answers, as_second_user, require_second_user
from tests.support.secured import Secured, secured
from tests.support.server import LOOPBACK, PATIENCE
from tests.support.spaces import HOST
from tests.support.sshd import Ssh, held_port, require_sshd, serving
from tests.support.web import Browser

pytestmark = [pytest.mark.slow, pytest.mark.nightly]  # each by itself has a test of its own

PRIVATE = "private"
FORWARDS = "through ssh"
BY_HAND = "by hand"


class Busy(NamedTuple):
    """What runs."""

    folder: Path
    """Where each file is that something has written."""
    tls: Secured
    ssh: Ssh
    sleighs: dict[str, Sleigh]
    """By how their workers were started."""
    line: str
    """What a person pastes to start workers."""
    tunnel: int
    """The port that ssh forwards."""
    pages: list[int]
    """Ports of inspectors."""


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    require_second_user()
    require_sshd()
    folder = tmp_path_factory.mktemp("all")
    (folder / "ssh").mkdir()
    with ExitStack() as stack:
        start = stack.enter_context
        patch = start(pytest.MonkeyPatch.context())
        patch.setattr(webbrowser, "open", lambda _: True)
        ssh = start(serving(folder / "ssh"))
        patch.setenv("PATH", os.pathsep.join((str(ssh.bin), os.environ["PATH"])))
        jobs = batch_stub.install(folder, patch)
        stack.callback(until, lambda: not batch_stub.running_jobs(jobs), "the end of all jobs")
        tls = start(secured(folder, "--tls", "--web", LOOPBACK))
        patch.setenv(CONNECTION_FILE, str(tls.file))
        start(tls.connect())  # so this process speaks TLS with it from now on
        make = partial(Sleigh, nwsHost=HOST, nwsPort=tls.port, logDir=str(folder), workerCount=1)
        tunnel = start(held_port())
        remote: dict[str, Any] = {"nwsHostRemote": "localhost", "nwsPortRemote": tunnel}
        sleighs = {
            "here": start(make()),
            "over ssh": start(make(launch=sshcmd, nodeList=["node1"])),
            FORWARDS: start(make(launch=sshforwardcmd, nodeList=["node2"], **remote)),
            "by a batch system": start(make(launch="pbs")),
            BY_HAND: start(make(launch="web", workerCount=(1, 2))),
            PRIVATE: start(Sleigh(workerCount=1)),
        }
        line = sleighs[BY_HAND].nws.find(RUN_ME, timeout=PATIENCE)
        start(python("-c", line, cwd=folder, env={CONNECTION_FILE: str(tls.file)}))
        addresses = tls.server.addresses[-1], sleighs[PRIVATE].view()
        pages = [int(address.split(":")[2].partition("/")[0]) for address in addresses]
        yield Busy(folder, tls, ssh, sleighs, line, tunnel, pages)


def test_workers_of_all_kinds_know_the_server(busy: Busy) -> None:
    """By its certificate, wherever they speak TLS."""
    others = {
        FORWARDS: f"{HOST}:{busy.tunnel}",
        BY_HAND: LOCAL,  # who has found the file uses the socket that it names
        PRIVATE: LOCAL,
    }
    for kind, sleigh in busy.sleighs.items():
        expected = others.get(kind, busy.tls.content.certificate)
        assert sleigh.map(server_address, [0]) == [expected], kind


def test_a_tunnel_that_is_cut_is_made_again(busy: Busy) -> None:
    before = busy.sleighs[FORWARDS].eachWorker(worker)
    (connection,) = children(os.getpid(), running="-R localhost")
    os.kill(connection, signal.SIGKILL)
    until_gone([connection])
    assert before != busy.sleighs[FORWARDS].eachWorker(worker)


# What others see


def connect_in_vain(_: object) -> str:
    """Fail on a worker; return all that a traceback may show."""
    server = SleighNws.server  # type: ignore[name-defined]
    try:
        NwsServer(server.serverHost, 1)
    except NwsConnectException as error:
        found = traceback.TracebackException.from_exception(error, capture_locals=True)
        return "".join(found.format())
    return ""


def raise_with_the_server(_: object) -> None:
    raise ValueError(SleighNws.server.endpoint)  # type: ignore[name-defined]


def shown_by(sleigh: Sleigh) -> Iterator[object]:
    """Give what a sleigh tells of itself: by values, results, failures and texts."""
    yield sleigh, sleigh.workerInfo(), sleigh.nws, sleigh.nws.server, sleigh.nws.server.endpoint
    yield sleigh.map(connect_in_vain, [0])
    (failure,) = sleigh.eachElem(raise_with_the_server, [0])
    yield failure, vars(failure)
    for workspace in (sleigh.nws, sleigh.userNws):
        for variable in workspace.listVars(format="dict"):
            yield from workspace.ifindTry(variable)


def page_names(sleigh: Sleigh) -> Iterator[str]:
    ws = sleigh.nws.currentWs()
    yield from ("", "workspaces", "clients", "server", "metrics", "api/server", "api/clients")
    yield from (f"{page}?name={ws}" for page in ("workspace", "sleigh", "api/sleigh"))
    yield f"variable?ws={sleigh.userNws.currentWs()}&name=x"


def test_the_secret_is_nowhere_but_in_its_file(
    busy: Busy, caplog: pytest.LogCaptureFixture
) -> None:
    secret = busy.tls.content.secret
    for kind, sleigh in busy.sleighs.items():
        sleigh.userNws.store("x", sleigh.nws)
        for shown in shown_by(sleigh):
            assert secret not in repr(shown), kind
        for page in page_names(sleigh):
            port = busy.pages[kind == PRIVATE]
            assert secret not in Browser(port).get(f"/{page}").text, page
    assert processes_that_show("nws_babelfish")
    assert processes_that_show(secret) == []
    assert secret not in busy.line
    assert secret not in caplog.text
    files = [path for path in busy.folder.rglob("*") if path.is_file()]
    assert {*busy.folder.glob("jobs/*.script"), busy.folder / "log"} < {*files}
    with_it = [path for path in files if secret.encode() in path.read_bytes()]
    assert with_it == [busy.tls.file]


# How far they get


def listening_at(processes: set[int]) -> Iterator[Any]:
    """Find the addresses at which any of these processes can be reached."""
    for pid in processes:
        with suppress(psutil.NoSuchProcess):
            for each in connections_of(pid, "all"):
                if each.status == psutil.CONN_LISTEN and each.family == socket.AF_INET:
                    yield each.laddr[0], each.laddr[1]
                if each.family == socket.AF_UNIX and str(each.laddr).startswith("/"):
                    yield str(each.laddr)


def test_another_user_gets_nothing_at_any_port_or_socket(busy: Busy) -> None:
    """Of a server, a private one, a sleigh through ssh, a web launch, jobs and babelfishes."""
    ours = {*descendants(os.getpid()), *busy.ssh.processes()}
    doors, others = {*listening_at(ours)}, {busy.ssh.port, *busy.pages}
    ports = {door[1] for door in doors if isinstance(door, tuple)}
    assert ports == {busy.tls.port, busy.tunnel, *others}
    assert busy.tls.content.forwarded in doors
    doors -= {(HOST, port) for port in others}
    babelfishes = {pid for pid in processes_that_show("nws_babelfish") if pid in ours}
    assert {*listening_at(babelfishes)} == set()

    def heard_at(door: Any) -> set[str]:
        try:
            return {text for said in HELLOS.values() for text in answers(door, said)}
        except PermissionError:
            return {"no permission"}

    heard = as_second_user(lambda: [[door, *heard_at(door)] for door in doors])
    for door, *said in heard:
        if isinstance(door, str):
            assert said == ["no permission"], door
        else:
            assert {*said} - {"more"} == {"P000", "F000", ""}, door
    statuses = as_second_user(lambda: [Browser(port).get("/").status for port in busy.pages])
    assert statuses == [401, 401]


def test_another_user_gets_nothing_by_tls(busy: Busy) -> None:
    """Although whoever connects sees the certificate, and can have learned its fingerprint."""

    def answered() -> list[str]:
        door = (HOST, busy.tls.port)
        return [text for said in HELLOS.values() for text in answers(door, said, by_tls=True)]

    with busy.tls.connect() as server:
        before = server.status()["refused_logins"]
        assert {*as_second_user(answered)} - {"more"} == {"P000", "F000", ""}
        assert server.status()["refused_logins"] > before

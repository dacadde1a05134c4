"""Nodes: real ones on this machine, that work, die, and refuse."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import webbrowser
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from nws import pp
from nws.errors import SleighException
from nws.sleigh.master import worker_pool
from nws.sleigh.node import connections
from tests.cli.conftest import free_port
from tests.sleigh import functions
from tests.support import deadly
from tests.support.machines import ALSO_THERE, NETWORK, THERE, two_machines
from tests.support.ppnodes import SECRET, PpNode, ppnode
from tests.support.processes import descendants, python, until, until_file, until_gone
from tests.support.server import PATIENCE

SOON = 60.0

BOUND = 3.0
"""Seconds after which a node that is silent is lost; instead of 30."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder without any files."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def two(nothing_is_left: None, home: Path) -> Iterator[list[PpNode]]:
    """Two nodes with a worker each."""
    with ppnode("-w", "1", home=home) as one, ppnode("-w", "1", home=home) as other:
        yield [one, other]


@pytest.fixture(scope="module")
def cluster(two: list[PpNode]) -> Iterator[pp.Server]:
    """A server without workers of its own that is connected with both."""
    server = pp.Server(0, ppservers=tuple(node.name for node in two), secret=SECRET)
    server.wait_for_nodes(2, SOON)
    yield server
    server.destroy()


def test_jobs_run_on_both(cluster: pp.Server, two: list[PpNode], tmp_path: Path) -> None:
    names = [node.name for node in two]
    assert cluster.get_active_nodes() == {"local": 0, names[0]: 1, names[1]: 1}
    meeting = [cluster.submit(functions.meet_in, (tmp_path, n, 2)) for n in range(2)]
    assert [job() for job in meeting] == [0, 1]
    jobs = [cluster.submit(lambda n: n + len(names), (n,)) for n in range(100)]
    assert [job() for job in jobs] == list(range(2, 102))
    statistics = cluster.get_stats()
    assert sum(statistics[name].njobs for name in names) == 102
    assert all(statistics[name].njobs for name in names)


def test_output_and_failures_come_from_nodes(
    cluster: pp.Server, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.submit(functions.say, ("from afar",))()
    assert capfd.readouterr().out == "from afar\n"
    with pytest.raises(pp.SleighTaskException, match="no such station"):
        cluster.submit(functions.fail, (ValueError, "no such station"))()


def test_a_large_value(cluster: pp.Server) -> None:
    value = os.urandom(3_000_000)
    assert cluster.submit(functions.echo, (value,))() == (value,)


@pytest.fixture
def states(monkeypatch: pytest.MonkeyPatch) -> Callable[[pp.Server], dict[str, str]]:
    """Returns what the inspector of a server shows of its workers: host and state."""
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    browser = build_opener(HTTPCookieProcessor(CookieJar()))

    def look(server: pp.Server) -> dict[str, str]:
        address = server.view()
        browser.open(address).close()  # which gives a cookie for the key
        page = address.partition("&key=")[0].replace("/sleigh?", "/api/sleigh?")
        with browser.open(page) as data:
            return {each["host"]: each["state"] for each in json.load(data)["workers"]["rows"]}

    return look


def test_nodes_and_workers_in_the_inspector(
    cluster: pp.Server, two: list[PpNode], states: Callable[[pp.Server], dict[str, str]]
) -> None:
    shown = {node.name: "idle" for node in two}
    until(lambda: states(cluster) == shown, "the page shows the workers of both")


@pytest.mark.nightly  # test_jobs_run_on_both has their count
def test_the_statistics_of_a_node(home: Path) -> None:
    with ppnode("-w", "1", "-r", "-P", str(home / "pid"), home=home) as node:
        assert int((home / "pid").read_text()) == node.process.pid
        server = pp.Server(0, ppservers=(node.name,), secret=SECRET)
        assert len({server.submit(os.getpid)() for _ in range(3)}) == 3, "workers are fresh"
        stdout = node.process.stdout
        assert stdout is not None

        def printed() -> list[str]:
            node.process.send_signal(signal.SIGUSR1)
            return [stdout.readline(), stdout.readline()]

        done = f"         3 jobs for the job server that calls this node {node.name}\n"
        until(lambda: printed()[1] == done, "the report of the workers")
        assert printed()[0].startswith("1 worker, 1 job server, ")
        assert node.end()[0] == 0
        assert not (home / "pid").exists()
        assert "Traceback" not in "".join(node.lines)
        server.destroy()


@pytest.mark.slow
def test_a_node_that_is_killed(
    home: Path, tmp_path: Path, states: Callable[[pp.Server], dict[str, str]]
) -> None:
    with ppnode("-w", "1", home=home) as one, ppnode("-w", "1", home=home) as other:
        server = pp.Server(0, ppservers=(one.name, other.name), secret=SECRET)
        server.wait_for_nodes(2, SOON)
        jobs = [server.submit(functions.arrive, (n, tmp_path)) for n in range(6)]
        for n in range(2):
            until_file(tmp_path / f"{n}")
        workers = descendants(one.process.pid)
        one.end(signal.SIGKILL)
        until_gone(workers)
        (tmp_path / "go").touch()
        assert [job() for job in jobs] == list(range(6))
        assert server.get_active_nodes() == {"local": 0, other.name: 1}
        until(lambda: states(server)[one.name] == "gone", "the page shows that it is gone")
        with ppnode("-w", "1", home=home, port=one.port):
            server.wait_for_nodes(2, SOON)
            assert one.name in server.get_active_nodes()
        server.destroy()


def test_the_workers_of_a_node_end_with_their_server(two: list[PpNode], tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from nws import pp\n"
        "server = pp.Server(0, ppservers=(sys.argv[1],), secret=sys.argv[2])\n"
        "server.submit(open, (sys.argv[3], 'w'))\n"
        "job = server.submit(time.sleep, (600,))\n"
        "input()\n"
    )
    before = set(descendants(two[0].process.pid))
    note = tmp_path / "note"
    with python("-c", program, two[0].name, SECRET, str(note), cwd=tmp_path) as process:
        until(note.exists, "the first job")
        guests = set(descendants(two[0].process.pid)) - before
        assert guests
        process.send_signal(signal.SIGKILL)
        until_gone(guests)


@pytest.mark.slow
def test_nodes_that_are_found(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_RETRY_SECONDS", 0.1)
    port = free_port()
    server = pp.Server(0, ppservers=(f"127.*:{port}",), secret=SECRET)
    until(lambda: "no node has answered" in caplog.text, "a question")
    options = "-a", "-w", "1", "-b", "127.255.255.255"
    with (
        ppnode(*options, home=home, port=port) as one,
        ppnode(*options, "-i", "127.0.0.2", home=home, port=port) as other,
    ):
        server.wait_for_nodes(2, SOON)
        assert server.get_active_nodes() == {"local": 0, one.name: 1, other.name: 1}
        other.end(signal.SIGKILL)
        until(lambda: other.name not in server.get_active_nodes(), "the end of the other")
        assert server.submit(abs, (-1,))() == 1
        server.destroy()


DISCOVERY = f"""
from nws import pp
ppservers = ("*",)
job_server = pp.Server(0, ppservers=ppservers, secret={SECRET!r})
job_server.wait_for_nodes(2, {SOON})
print(sorted(job_server.get_active_nodes()))
f1 = job_server.submit(pow, (2, 10), (), ("math",))
r1 = f1()
print(r1)
"""
"""Waits for the nodes, unlike the quick start guide; see `test_guides.py`."""


@pytest.mark.nightly  # found and killed on this machine above
def test_nodes_on_other_machines_are_found_and_one_is_unplugged(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_pool, "_LEASE_SECONDS", BOUND)
    port = pp.Server.default_port
    options = ("-a", "-w", "1", "-i", "0.0.0.0", "-k", "3")
    with (
        two_machines() as (one, other),
        ppnode(*options, home=home, port=port, machine=one) as unplugged,
        ppnode(*options, home=home, port=port, machine=other),
    ):
        names = {f"{THERE}:{port}": 1, f"{ALSO_THERE}:{port}": 1}
        with python("-c", DISCOVERY, cwd=tmp_path, machine=other) as program:
            said, _ = program.communicate(timeout=PATIENCE)
            assert said == f"{[*names, 'local']}\n1024\n"
        server = pp.Server(0, ppservers=(f"{NETWORK}.*",), secret=SECRET)
        server.wait_for_nodes(2, SOON)
        assert server.get_active_nodes() == {"local": 0, **names}
        jobs = [server.submit(functions.arrive, (n, tmp_path)) for n in range(2)]
        for n in range(2):
            until_file(tmp_path / f"{n}")
        workers = descendants(unplugged.process.pid)
        subprocess.run(["ip", "link", "set", one, "down"], check=True)
        until(lambda: f"{THERE}:{port}" not in server.get_active_nodes(), "it is given up")
        until_gone(workers)
        (tmp_path / "go").touch()
        assert [job() for job in jobs] == [0, 1]
        server.destroy()


@pytest.mark.slow
def test_a_node_that_is_stopped_is_given_up_and_comes_back(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its system answers for it all the time."""
    monkeypatch.setattr(worker_pool, "_LEASE_SECONDS", BOUND)
    with ppnode("-w", "1", home=home) as node:
        server = pp.Server(0, ppservers=(node.name,), secret=SECRET)
        job = server.submit(functions.arrive, (0, tmp_path))
        until_file(tmp_path / "0")
        node.process.send_signal(signal.SIGSTOP)
        until(lambda: server.get_active_nodes() == {"local": 0}, "it is given up")
        assert f"the node {node.name} is not there: it has said nothing for 3 sec" in caplog.text
        (tmp_path / "go").touch()
        server.set_ncpus(1)
        assert job() == 0
        node.process.send_signal(signal.SIGCONT)
        server.wait_for_nodes(1, SOON)
        server.destroy()


@pytest.mark.slow
def test_jobs_wait_for_a_node_that_comes_back_after_its_workers_were_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("nws.sleigh.master.liveness._LOST_SECONDS", 0.0)
    with ppnode("-w", "1", home=home) as node:
        server = pp.Server(0, ppservers=(node.name,), secret=SECRET)
        assert server.submit(abs, (-1,))() == 1
        node.end(signal.SIGKILL)
        job = server.submit(abs, (-2,))
        until(lambda: "nobody listens there" in caplog.text, "a try to connect again")
        with ppnode("-w", "1", home=home, port=node.port):
            server.wait_for_nodes(1, SOON)
            assert job() == 2
        server.destroy()


# What goes wrong


def failure_of(server: pp.Server) -> str:
    """Return why a job cannot be run."""
    try:
        with pytest.raises(SleighException) as caught:
            server.submit(abs, (1,))()
    finally:
        server.destroy()
    return str(caught.value)


def test_a_wrong_secret(two: list[PpNode], caplog: pytest.LogCaptureFixture) -> None:
    node = two[0]
    said = failure_of(pp.Server(0, ppservers=(node.name,), secret="another"))
    assert said == (
        f"there are no workers, here or on a node: {node.name}: it refuses us: wrong secret"
    )
    assert f"the node {node.name} is not there: it refuses us: wrong secret" in caplog.text
    node.until_logged(r"the connection from 127\.0\.0\.1:\d+ has ended: wrong secret")


@pytest.mark.nightly  # as that of test_a_node_that_is_not_there_hinders_no_local_workers
def test_a_port_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nws.sleigh.node.roster._COME_SECONDS", 0.1)
    port = free_port()
    said = failure_of(pp.Server(0, ppservers=(f"127.0.0.1:{port}",), secret=SECRET))
    assert f"127.0.0.1:{port}: nobody listens there" in said


def test_a_port_where_somebody_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        name = f"127.0.0.1:{other.getsockname()[1]}"
        server = pp.Server(0, ppservers=(name,), secret=SECRET)
        connection, _ = other.accept()
        with connection:
            connection.sendall(b"220 mail.example.org ESMTP\r\n")
            assert "it is neither a node nor a job server" in failure_of(server)


def test_a_node_that_is_not_there_hinders_no_local_workers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = f"127.0.0.1:{free_port()}"
    server = pp.Server(1, ppservers=(name,), secret=SECRET)
    assert server.submit(deadly.times_ten, (1,))() == 10
    until(lambda: name in caplog.text, "the first try")
    with pytest.raises(TimeoutError, match=f"0 of 1 nodes .* {name}: nobody listens"):
        server.wait_for_nodes(1, 0.1)
    with pytest.raises(ValueError, match="2 nodes will never be there: ppservers has 1"):
        server.wait_for_nodes(2, 0.1)
    server.wait_for_nodes(0, 0.0)
    assert server.get_active_nodes() == {"local": 1}
    server.destroy()


def test_strangers_at_the_door(cluster: pp.Server, two: list[PpNode]) -> None:
    node = two[0]
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"x" * 200_000, b'{"nws-node": "0.1"}\n'):
        with socket.create_connection(("127.0.0.1", node.port)) as stranger:
            stranger.sendall(data)
            stranger.shutdown(socket.SHUT_WR)
            answers = b""
            while piece := _received(stranger):
                answers += piece
            assert b"workers" not in answers
    assert cluster.submit(abs, (-1,))() == 1


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(4096)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize(
    ("ppservers", "kind"),
    [
        (["node"], TypeError),
        ((3,), TypeError),
        (("",), ValueError),
        (("node:",), ValueError),
        (("node:x",), ValueError),
        (("node:0",), ValueError),
        (("node:65536",), ValueError),
        (("node-*",), ValueError),
        (("1.2.3.4.*",), ValueError),
    ],
)
def test_what_is_no_address(ppservers: tuple[str, ...], kind: type[Exception]) -> None:
    with pytest.raises(kind, match="ppservers"):
        pp.Server(0, ppservers=ppservers, secret=SECRET)


def test_a_node_logs_each_connection_if_it_is_told_to(home: Path) -> None:
    with ppnode("-d", "-a", "-b", "127.255.255.255", "-w", "1", home=home) as node:
        server = pp.Server(0, ppservers=(f"127.*:{node.port}",), secret=SECRET)
        assert server.submit(abs, (-1,))() == 1
        server.destroy()
        somebody = r"127\.0\.0\.1:\d+"
        node.until_logged(rf"DEBUG: {somebody} asks for nodes")
        node.until_logged(rf"DEBUG: {somebody} has connected")
        node.until_logged(rf"DEBUG: a worker for {node.name} connects to its space")
        node.until_logged(rf"DEBUG: the connection from {somebody} is over")


def test_a_node_without_servers_ends(home: Path) -> None:
    options = "-d", "-r", "-n", "2", "-k", "10", "-f", "[%(levelname)s] %(message)s", "-t", "0.1"
    with ppnode("-w", "1", *options, home=home) as node:
        status, _ = node.wait()
    assert status == 0
    assert node.lines == [
        f"[INFO] a node with 1 worker listens on 127.0.0.1:{node.port}",
        "[INFO] no job server for 0.1 seconds: the end",
    ]

"""Hosts that come and go, also while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import pytest

from nws.depalma.messages import JobOutcome, write
from tests.depalma.conftest import User, configuration, host, running_cluster
from tests.support.machines import HERE, another_machine
from tests.support.processes import descendants, runs, until, until_file, until_gone
from tests.support.server import PATIENCE, environment, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """A cluster of three hosts: ``a`` is used first, then ``b``. A silent host is lost late."""
    hosts = host("a", more="priority = 2") + host("b", more="priority = 1") + host("c")
    config = configuration(tmp_path_factory.mktemp("cluster"), hosts)
    with running_cluster(config) as user:
        yield user


@pytest.fixture
def three(cluster: User) -> User:
    """That cluster, with all its hosts there, whatever a test before has done to them."""
    until_joined(cluster, "a", "b", "c")
    return cluster


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[User]:
    """A cluster of two hosts, ``a`` used first, in which a silent host is lost soon."""
    hosts = host("a", more="priority = 1") + host("b")
    with running_cluster(configuration(tmp_path, hosts, lost_after=3.0)) as user:
        yield user


def until_joined(user: User, *names: str) -> None:
    """Wait until hosts are there."""
    until(lambda: {*names} <= {each["name"] for each in user.rpc.load()}, f"hosts {names} join")


def os_pid(user: User, name: str) -> int:
    """Return the process of a host."""
    (pid,) = [each["os_pid"] for each in user.rpc.load() if each["name"] == name]
    return int(pid)


def wait_for_go(user: User, folder: Path, **params: object) -> int:
    """Submit a job that notes each process in which it runs, and waits for the file ``go``."""
    program = (
        f"import os, time; from pathlib import Path; folder = Path({str(folder)!r});\n"
        "print('attempt', flush=True)\n"
        "with (folder / 'pids').open('a') as pids: print(os.getpid(), file=pids)\n"
        "while not (folder / 'go').exists(): time.sleep(0.01)\n"
    )
    return user.python(program, **params)


def pids_in(folder: Path, count: int) -> list[int]:
    """Wait until a job has run in so many processes."""

    def found() -> list[int]:
        path = folder / "pids"
        pids = [int(pid) for pid in path.read_text().split()] if path.exists() else []
        return pids if len(pids) == count else []

    return until(found, f"{count} attempts at a job")


def test_the_jobs_of_a_killed_host_run_elsewhere_and_are_reported_once(
    three: User, tmp_path: Path
) -> None:
    """Its processes end, and it is started again."""
    pid = wait_for_go(three, tmp_path, io=True, pickup=True)
    (first,) = pids_in(tmp_path, 1)
    assert three.until_running(pid)["host"] == "a"
    killed = os_pid(three, "a")
    os.kill(killed, signal.SIGKILL)
    assert len(pids_in(tmp_path, 2)) == 2
    until_gone([first])
    (tmp_path / "go").touch()
    outcome = three.end_of(pid)
    assert (outcome["host"], outcome["attempt"], outcome["status"]) == ("b", 2, 0)
    assert outcome["stdout"] == b"attempt\n"

    def started_again() -> bool:
        return any(each["name"] == "a" and each["os_pid"] != killed for each in three.rpc.load())

    until(started_again, "the host is started again")


def test_a_host_that_is_stopped_is_put_out_and_kills_its_jobs_when_it_goes_on(
    strict: User, tmp_path: Path
) -> None:
    """So it is with one whose network is silent: neither can renew its leases."""
    pid = wait_for_go(strict, tmp_path)
    (first,) = pids_in(tmp_path, 1)
    stopped = os_pid(strict, "a")
    os.kill(stopped, signal.SIGSTOP)
    try:
        pids_in(tmp_path, 2)
        assert runs(first)
    finally:
        os.kill(stopped, signal.SIGCONT)
    until_gone([stopped, first])
    (tmp_path / "go").touch()
    assert strict.end_of(pid)["attempt"] == 2


def test_a_job_that_costs_too_many_hosts_is_given_up(three: User) -> None:
    pid = three.python("import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    outcome = three.end_of(pid)
    assert "given up: 5 hosts were lost while they had it" in outcome["error"]
    assert (outcome["status"], outcome["attempt"]) == (-1, 5)


def test_hosts_and_groups_are_added_and_removed_while_jobs_run(three: User, tmp_path: Path) -> None:
    pid = wait_for_go(three, tmp_path, groups=["new"])
    assert three.described(pid)["state"] == "waiting"
    added = [{"name": name, "slots": 1, "groups": ["new"]} for name in ("x", "y")]
    assert three.rpc.add_hosts(added)
    (first,) = pids_in(tmp_path, 1)
    removed = three.until_running(pid)["host"]
    assert three.rpc.remove_hosts(removed) == [removed]
    until_gone([first])
    pids_in(tmp_path, 2)
    (tmp_path / "go").touch()
    assert three.end_of(pid)["host"] == ({"x", "y"} - {removed}).pop()
    assert three.rpc.remove_hosts("new")
    assert {"x", "y"}.isdisjoint(each["name"] for each in three.rpc.load())
    with pytest.raises(Fault, match="there is no host and no group 'new'"):
        three.rpc.remove_hosts("new")
    with pytest.raises(Fault, match="size: there is no such key"):
        three.rpc.add_hosts([{"name": "z", "size": 1}])


def test_a_host_that_is_said_to_be_gone_is_put_out_and_joins_again(
    three: User, tmp_path: Path
) -> None:
    former = os_pid(three, "a")
    assert three.rpc.callback("a", "gone")
    until_gone([former])
    assert three.rpc.callback("a", "ready")
    until_joined(three, "a")
    with pytest.raises(Fault, match="no host 'z'"):
        three.rpc.callback("z", "gone")
    with pytest.raises(Fault, match="'ready' or 'gone', not 'tired'"):
        three.rpc.callback("a", "tired")


def test_a_host_that_is_behind_is_put_out(strict: User) -> None:
    """One that does not read the codes within the bound, though it reports."""
    cluster = strict.master._started
    (id,) = [host for host in cluster._hosts if host.startswith("a ")]
    former = os_pid(strict, "a")
    report = write(cluster._hosts[id].report)
    with cluster._changed:
        cluster._codes.step += 1  # of which nobody is told
    until_gone([former])
    cluster._ws.store("report", report)  # as if it had been on its way
    strict.rpc.load_code("true", {})  # now all are told
    assert strict.run("true")["status"] == 0
    assert id not in cluster._hosts


def test_what_no_host_has_written_is_dropped(three: User) -> None:
    cluster = three.master._started
    ws = cluster._ws
    pid = three.start("true", groups=["nobody"])
    for junk in (b"\0", 17, "no JSON", "{}", '{"name": 1}', write(JobOutcome(pid, 7, "a"))):
        ws.store("report", junk)
    ws.store("report", write(JobOutcome(10**6, 1, "nobody 1", 0)))
    for id in list(cluster._hosts):
        for name in ("jobs", "control"):
            ws.store(f"{name} {id}", "no JSON")
    assert three.run("true")["status"] == 0
    assert not three.rpc.finished(pid)
    three.rpc.kill(pid)


def test_all_processes_end_with_a_master_that_is_killed(tmp_path: Path) -> None:
    config = configuration(tmp_path, host("a"), name="killed")
    command = [sys.executable, "-m", "nws", "depalma", "master", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as master:
        assert master.stdout is not None
        address = master.stdout.readline()
        assert master.stdout.readline() == "hosts: a\n"
        rpc: Any = ServerProxy(address.strip())
        pids = tmp_path / "pids"
        text = f"setsid sleep 1000 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait"
        rpc.exec_code(rpc.load_code(text, {}))
        rpc("close")()
        processes = [*map(int, until_file(pids).split()), *descendants(master.pid)]
        assert len(processes) >= 4
        master.kill()
    until_gone(processes)


def test_a_machine_that_is_unplugged_ends_its_jobs_and_they_run_elsewhere(tmp_path: Path) -> None:
    """In a network namespace. The machine says nothing, and hears nothing."""
    with (
        another_machine() as machine,
        running(tmp_path, listen=f"tcp:0:interface={HERE}") as server,
    ):
        lead = f'launch = ["ip", "netns", "exec", "{machine}"]\npriority = 1'
        hosts = host("far", more=lead) + host("near")
        config = configuration(tmp_path, hosts, lost_after=3.0, server=f"{HERE}:{server.port}")
        with running_cluster(config) as user:
            until_joined(user, "far", "near")
            pid = wait_for_go(user, tmp_path, io=True)
            (first,) = pids_in(tmp_path, 1)
            assert user.until_running(pid)["host"] == "far"
            subprocess.run(f"ip link set {machine} down".split(), check=True)
            assert len(pids_in(tmp_path, 2)) == 2
            until_gone([first])
            (tmp_path / "go").touch()
            assert user.rpc.finished(pid, PATIENCE)
            assert user.rpc.stdout(pid).data == b"attempt\n"
            outcome = user.end_of(pid)
            assert (outcome["host"], outcome["attempt"], outcome["status"]) == ("near", 2, 0)

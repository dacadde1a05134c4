"""Hosts that come and go, also while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xmlrpc.client import Fault, ServerProxy

import pytest

from nws.depalma.messages import (
    ENDED,
    JOINED,
    REQUESTS,
    JobOutcome,
    Queue,
    SubmittedJob,
    control_of,
    write,
)
from tests.depalma.conftest import Owner, User, configuration, host, running_cluster
from tests.support.machines import HERE, THERE, another_machine
from tests.support.processes import descendants, runs, until, until_file, until_gone
from tests.support.server import PATIENCE, environment, running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owner]:
    """A cluster of three hosts: ``a`` is used first, then ``b``. A silent host is lost late."""
    hosts = host("a", more="priority = 2") + host("b", more="priority = 1") + host("c")
    config = configuration(tmp_path_factory.mktemp("cluster"), hosts)
    with running_cluster(config) as user:
        yield user


@pytest.fixture
def three(cluster: Owner) -> Owner:
    """That cluster, with all its hosts there, whatever a test before has done to them."""
    until_idle(cluster, "a", "b", "c")
    return cluster


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Owner]:
    """A cluster of two hosts, ``a`` used first, for two jobs. A silent host is lost soon."""
    hosts = host("a", slots=2, more="priority = 1") + host("b")
    with running_cluster(configuration(tmp_path, hosts, lost_after=3.0)) as user:
        until_idle(user, "a", "b")
        yield user


def until_joined(user: User, *names: str) -> None:
    """Wait until hosts are there."""

    def ready() -> set[str]:
        return {each["name"] for each in user.rpc.load() if each["state"] == "ready"}

    until(lambda: {*names} <= ready(), f"hosts {names} join")


def until_idle(user: Owner, *names: str) -> None:
    """Wait until hosts are there and ask for jobs: the first one stands in line, the others look
    for what it leaves."""
    until_joined(user, *names)
    assert user.run("true")["status"] == 0  # so that there is a queue
    until_asking(user, names)


def until_asking(user: Owner, names: Sequence[str]) -> None:
    """Wait until hosts ask for jobs."""

    def asking() -> tuple[int, int]:
        listing = user.master._started._ws.listVars(format="dict")
        assert isinstance(listing, dict)
        queue = listing[Queue(0).variable]
        return queue.fetchers, queue.finders

    until(lambda: asking() == (1, len(names) - 1), f"hosts {names} ask")


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
    """Wait until a job has run in ``count`` processes."""

    def found() -> list[int]:
        path = folder / "pids"
        pids = [int(pid) for pid in path.read_text().split()] if path.exists() else []
        return pids if len(pids) == count else []

    return until(found, f"{count} attempts at a job")


def test_the_jobs_of_a_killed_host_run_elsewhere_and_are_reported_once(
    three: Owner, tmp_path: Path
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
    strict: Owner, tmp_path: Path
) -> None:
    """So it is with one whose network is silent: neither can renew its leases. It has asked for
    another job, which must not be the same one."""
    pid = wait_for_go(strict, tmp_path)
    (first,) = pids_in(tmp_path, 1)
    strict.until_running(pid)  # so that the lease of the job ends with that of the host
    until_asking(strict, "ab")
    stopped = os_pid(strict, "a")
    os.kill(stopped, signal.SIGSTOP)
    try:
        pids_in(tmp_path, 2)
        assert runs(first)
        (lost,) = [each for each in strict.rpc.load() if each["name"] == "a"]
        assert (lost["state"], lost["os_pid"], lost["jobs"]) == ("lost", stopped, 0)
        assert lost["problem"].startswith("no answer since 20")
    finally:
        os.kill(stopped, signal.SIGCONT)
    until_gone([stopped, first])
    (tmp_path / "go").touch()
    assert strict.end_of(pid)["attempt"] == 2


def test_a_job_that_costs_too_many_hosts_is_given_up(three: Owner) -> None:
    pid = three.python("import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    outcome = three.end_of(pid)
    assert "given up: 5 hosts were lost while they had it" in outcome["error"]
    assert (outcome["status"], outcome["attempt"]) == (-1, 5)


def test_hosts_and_groups_are_added_and_removed_while_jobs_run(
    three: Owner, tmp_path: Path
) -> None:
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
    with pytest.raises(Fault, match="unknown field `size`"):
        three.rpc.add_hosts([{"name": "z", "size": 1}])


def test_a_host_that_is_added_again_is_put_out_first(
    three: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    """So it ends at once: it was stopped without being told, which took five seconds."""
    former = os_pid(three, "a")
    again = {"name": "a", "slots": 1, "priority": 2}
    with pytest.raises(Fault, match="there are two hosts called 'a'"):
        three.rpc.add_hosts([again, again])
    assert os_pid(three, "a") == former
    assert three.rpc.add_hosts([again])
    assert "another one of its name takes its place" in caplog.text
    until_gone([former])
    until_joined(three, "a")


@pytest.mark.nightly  # as one that is stopped
def test_a_host_that_is_said_to_be_gone_is_put_out_and_joins_again(
    three: Owner, tmp_path: Path
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


class Unreadable:
    """Raises an exception where it is unpickled."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("no number",)


def test_what_no_host_has_written_is_dropped(three: Owner) -> None:
    cluster = three.master._started
    ws = cluster._ws
    pid = three.start("true", groups=["nobody"])
    for junk in (b"\0", 17, "no JSON", "[[[", "{}", '{"pid": 1}', Unreadable()):
        for name in (ENDED, JOINED, REQUESTS, Queue(0).variable):
            ws.store(name, junk)
        for id in cluster._hosts.ids:
            ws.store(control_of(id), junk)
    for wrong in (0, -1, 10**6):
        ws.store(ENDED, write(JobOutcome(SubmittedJob(wrong, 1, 1))))
    assert three.run("true")["status"] == 0
    assert not three.rpc.finished(pid)
    three.rpc.kill(pid)
    three.end_of(pid)


def test_a_host_of_higher_priority_is_first_as_long_as_it_has_room(three: Owner) -> None:
    blockers = [three.start("sleep 1000") for _ in range(3)]
    assert three.until_running(blockers[0])["host"] == "a"
    assert {three.until_running(pid)["host"] for pid in blockers} == {"a", "b", "c"}
    for pid in blockers:
        three.rpc.kill(pid)
        three.end_of(pid)


def test_a_host_without_room_asks_for_no_job(three: Owner) -> None:
    assert three.rpc.add_hosts([{"name": "low", "groups": ["low"], "min_memory": 2.0**60}])
    until_joined(three, "low")
    pid = three.start("true", groups=["low"])

    def reported() -> bool:
        (low,) = [each for each in three.rpc.load() if each["name"] == "low"]
        return bool(low["time"] > three.described(pid)["submitted"])

    until(reported, "the host has reported since")
    assert three.described(pid)["state"] == "waiting"
    three.rpc.remove_hosts("low")
    three.rpc.kill(pid)
    assert three.end_of(pid)["error"] == "it was killed before it ran"


def test_a_job_that_was_killed_does_not_run_again(three: Owner, tmp_path: Path) -> None:
    """It goes on in spite of the signal, until its host is lost."""
    begun = tmp_path / "begun"
    pid = three.start(f"trap '' TERM; echo > {begun}; while :; do sleep 0.1; done")
    until(begun.exists, "the job has begun")
    assert three.until_running(pid)["host"] == "a"
    three.rpc.kill(pid)
    os.kill(os_pid(three, "a"), signal.SIGKILL)
    outcome = three.end_of(pid)
    assert (outcome["signal"], outcome["attempt"]) == (signal.SIGTERM, 2)


DEPALMA = [sys.executable, "-m", "nws", "depalma"]


@contextmanager
def master_process(
    config: Path, hosts: str = "a", launcher: Sequence[str] = (), **env: str
) -> Iterator[tuple[subprocess.Popen[str], User]]:
    """Run a master as a process of its own; it is killed at the end."""
    command = [*launcher, *DEPALMA, "master", str(config)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment(env)
    ) as master:
        try:
            assert master.stdout is not None
            address = master.stdout.readline().strip()
            assert master.stdout.readline() == f"hosts: {hosts}\n"
            with ServerProxy(address) as rpc:
                yield master, User(rpc)
        finally:
            master.kill()


def test_all_processes_end_with_a_master_that_is_killed(tmp_path: Path) -> None:
    with master_process(configuration(tmp_path, host("a"), name="killed")) as (master, user):
        pids = tmp_path / "pids"
        user.start(f"setsid sleep 1000 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait")
        processes = [*map(int, until_file(pids).split()), *descendants(master.pid)]
        assert len(processes) >= 4
    until_gone(processes)


def test_a_master_that_was_killed_is_started_again_and_goes_on(tmp_path: Path) -> None:
    """Its server lives. The job that ran is run again; what has ended is there to be picked up."""
    with running(tmp_path) as server:
        config = configuration(tmp_path, host("a"), server=f"127.0.0.1:{server.port}")
        with master_process(config) as (_, user):
            ended = user.start(["echo", "ended"], pickup=True, io=True, label="echo")
            assert user.rpc.finished(ended, PATIENCE)
            assert user.rpc.stdout(ended).data == b"ended\n"  # it is kept, though it was read
            runs_now = wait_for_go(user, tmp_path, io=True, pickup=True)
            pids_in(tmp_path, 1)
            user.rpc.stdin(runs_now, "input", True)
            waits = user.rpc.exec_code("echo", ["waited"], {"priority": -1})
            killed = user.start("true", groups=["nobody"])
            user.rpc.kill(killed)
            assert user.rpc.finished(killed, PATIENCE)
        with master_process(config) as (_, user):
            pids_in(tmp_path, 2)
            until(lambda: {ended, killed} <= {*user.rpc.pickup_avail()}, "outcomes come")
            assert user.end_of(ended)["stdout"] == b"ended\n"
            assert user.end_of(killed)["error"] == "it was killed before it ran"
            assert {job["pid"] for job in user.rpc.ps()} == {runs_now, waits}
            (tmp_path / "go").touch()
            outcome = user.end_of(runs_now)
            assert (outcome["stdout"], outcome["attempt"]) == (b"attempt\n", 2)
            assert user.end_of(waits)["stdout"] == b"ended waited\n"
            assert user.rpc.pickup_avail() == []
            assert user.start("true") == killed + 1


@pytest.mark.nightly  # as from a host that is killed or stopped
def test_a_machine_that_is_unplugged_ends_its_jobs_and_they_run_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a network namespace. The machine says nothing, and hears nothing."""
    secret = "what-both-machines-know"
    monkeypatch.setenv("NWS_SECRET", secret)
    place = f"tcp:0:interface={HERE}"
    with (
        another_machine() as machine,
        running(tmp_path, "--plain", listen=place, env={"NWS_SECRET": secret}) as server,
    ):
        lead = f'launch = ["ip", "netns", "exec", "{machine}"]\npriority = 1'
        hosts = host("far", more=lead) + host("near") + host("third", slots=2)
        config = configuration(tmp_path, hosts, lost_after=3.0, server=f"{HERE}:{server.port}")
        with running_cluster(config) as user:
            until_idle(user, "far", "near", "third")
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
            assert (outcome["attempt"], outcome["status"]) == (2, 0)
            assert outcome["host"] in ("near", "third")


@pytest.mark.nightly  # as with a master that is killed
def test_a_host_ends_with_its_jobs_when_the_machine_of_the_master_is_unplugged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is on the machine of the host. It gives up the master after ``lost_after``."""
    secret = "what-both-machines-know"
    monkeypatch.setenv("NWS_SECRET", secret)
    with (
        another_machine() as machine,
        running(
            tmp_path, "--plain", listen=f"tcp:0:interface={HERE}", env={"NWS_SECRET": secret}
        ) as server,
    ):
        place = f"{HERE}:{server.port}"
        front = f'port = 0\ninterface = "{THERE}"'
        config = configuration(tmp_path, "", lost_after=3.0, server=place, front=front)
        lead = f"ip netns exec {machine}".split()
        command = [*DEPALMA, "run", "--server", place, "--cluster", "test", "--name", "a"]
        with (
            master_process(config, "none", lead, NWS_SECRET=secret) as (master, user),
            subprocess.Popen(
                command,
                stderr=subprocess.PIPE,
                text=True,
                env=environment({"NWS_SECRET": secret}),
            ) as far,
        ):
            wait_for_go(user, tmp_path)
            (job,) = pids_in(tmp_path, 1)
            subprocess.run(f"ip link set {machine} down".split(), check=True)
            until_gone([job, far.pid])
            assert far.stderr is not None
            said = far.stderr.read()
            assert "The host a has ended: the master is gone" in said
            assert "these jobs were killed as the host ended: [1]" in said
            assert master.wait(PATIENCE) == 1  # nor can it reach the server

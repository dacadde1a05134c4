"""Jobs of a cluster, as programs in any language use it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any
from xmlrpc.client import Binary, Fault

import pytest

from tests.depalma.conftest import Owner, User
from tests.support.processes import until, until_file, until_gone

pytestmark = pytest.mark.slow


def test_a_job_returns_its_output_and_exit_status(user: User) -> None:
    outcome = user.run(["sh", "-c", "echo to $0; echo oh >&2; exit 3"], "you", pickup=True)
    assert (outcome["stdout"], outcome["stderr"]) == (b"to you\n", b"oh\n")
    assert (outcome["status"], outcome["signal"], outcome["timed_out"]) == (3, 0, False)
    assert outcome["host"] in ("big", "small")
    assert outcome["attempt"] == 1
    assert outcome["started"] <= outcome["ended"]


def test_output_of_any_bytes_and_of_any_size_arrives(user: User) -> None:
    program = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 20000)"
    outcome = user.run([sys.executable, "-c", program], pickup=True)
    assert outcome["stdout"] == bytes(range(256)) * 20000


def test_output_is_returned_only_if_it_was_asked_for(user: User) -> None:
    for params, status, returned in [
        ({}, 1, False),
        ({"pickup": True}, 0, True),
        ({"error_pickup": True}, 0, False),
        ({"error_pickup": True}, 1, True),
    ]:
        outcome = user.run(f"echo text; exit {status}", **params)
        assert outcome["status"] == status
        assert outcome.get("stdout") == (b"text\n" if returned else None)


def test_a_label_is_as_good_as_a_job_code(user: User) -> None:
    code = user.rpc.load_code(["echo"], {"label": "calender", "pickup": True})
    assert user.end_of(user.rpc.exec_code("calender", [1]))["stdout"] == b"1\n"
    assert user.end_of(user.rpc.exec_code(code))["stdout"] == b"\n"
    with pytest.raises(Fault, match="another code has the label 'calender'"):
        user.rpc.load_code("true", {"label": "calender"})
    assert user.rpc.remove_code("calender")
    with pytest.raises(Fault, match="no code with the number or label 'calender'"):
        user.rpc.exec_code("calender")


def test_a_code_with_jobs_is_not_removed(user: User) -> None:
    code = user.rpc.load_code("sleep 1000", {})
    pid = user.rpc.exec_code(code)
    with pytest.raises(Fault, match=f"has jobs: \\[{pid}\\]"):
        user.rpc.remove_code(code)
    user.rpc.kill(pid)
    user.end_of(pid)
    assert user.rpc.remove_code(code)


def test_a_job_talks_while_it_runs(user: User) -> None:
    pid = user.start("cat; echo over >&2", io=True)
    user.rpc.stdin(pid, "one\n")
    until(lambda: user.rpc.stdout(pid).data == b"one\n", "what was written comes back")
    user.rpc.stdin(pid, Binary(b"\x00\xff\n"))
    until(lambda: user.rpc.stdout(pid, 4).data == b"\x00\xff\n", "bytes come back")
    assert not user.rpc.finished(pid)
    assert user.rpc.stdin(pid, "", True)
    with pytest.raises(Fault, match="stdin was closed"):
        user.rpc.stdin(pid, "more")
    assert user.rpc.finished(pid, 30)
    assert (user.rpc.stdout(pid).data, user.rpc.stderr(pid).data) == (b"one\n\x00\xff\n", b"over\n")
    assert "stdout" not in user.end_of(pid)


def test_stdin_may_be_written_before_a_job_runs_and_not_be_read(user: User, tmp_path: Path) -> None:
    pid = user.start("true", io=True, groups=["nobody"])
    user.rpc.stdin(pid, "early")
    user.rpc.kill(pid)
    assert user.end_of(pid)["error"] == "it was killed before it ran"
    go = tmp_path / "go"
    pid = user.start(f"until test -e {go}; do sleep 0.02; done", io=True)
    user.rpc.stdin(pid, Binary(b"x" * 200_000))
    go.touch()
    assert user.end_of(pid)["status"] == 0


def test_streams_of_a_job_without_io_cannot_be_used(user: User) -> None:
    pid = user.start("true", pickup=True)
    for use in (user.rpc.stdin, user.rpc.stdout, user.rpc.stderr):
        with pytest.raises(Fault, match="io"):
            use(pid)
    user.end_of(pid)


def test_kill_reaches_the_process_group(user: User, tmp_path: Path) -> None:
    for kill, expected in [(user.rpc.kill, signal.SIGTERM), (user.rpc.kill_9, signal.SIGKILL)]:
        pids = tmp_path / kill._Method__name
        pid = user.start(f"sleep 1000 & echo $! > {pids}.new; mv {pids}.new {pids}; wait")
        child = int(until_file(pids))
        assert kill(pid)
        outcome = user.end_of(pid)
        assert (outcome["status"], outcome["signal"]) == (-1, expected)
        until_gone([child])


def test_a_job_that_ignores_the_polite_signal_goes_on(user: User, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    pid = user.start(
        f"trap 'echo no > {begun}.no' TERM; echo > {begun}; while :; do sleep 0.1; done"
    )
    until(begun.exists, "the job has begun")
    user.rpc.kill(pid)
    until_file(tmp_path / "begun.no")
    assert not user.rpc.finished(pid)
    user.rpc.kill_9(pid)
    assert user.end_of(pid)["signal"] == signal.SIGKILL


def test_environment_folder_and_limits_go_with_the_job(user: User, tmp_path: Path) -> None:
    code = user.rpc.load_code("echo $A $(pwd -P) $(ulimit -v)", {"pickup": True, "env": {"A": "1"}})
    options = {"env": {"A": "2"}, "cwd": str(tmp_path), "memory": 2.0**32}
    outcome = user.end_of(user.rpc.exec_code(code, [], options))
    assert outcome["stdout"].decode().split() == ["2", str(tmp_path.resolve()), str(2**22)]


def test_a_job_whose_time_is_over_is_retried_as_often_as_it_says(user: User) -> None:
    outcome = user.run("sleep 1000", timeout=0.05, retries=2)
    assert (outcome["timed_out"], outcome["signal"], outcome["attempt"]) == (True, 9, 3)


def test_a_job_that_fails_once_is_run_again_with_the_same_input(user: User, tmp_path: Path) -> None:
    """What the first attempt wrote is not returned."""
    again = tmp_path / "again"
    pid = user.start(f"cat; test -e {again} || {{ touch {again}; exit 1; }}", io=True, retries=1)
    user.rpc.stdin(pid, "input", True)
    assert user.rpc.finished(pid, 30)
    assert user.rpc.stdout(pid).data == b"input"
    assert (user.end_of(pid)["attempt"]) == 2


def test_what_cannot_be_started_says_where_and_why(user: User) -> None:
    outcome = user.run(["no-such-program"])
    assert outcome["status"] == 127
    assert "on host" in outcome["error"]
    assert "No such file or directory: 'no-such-program'" in outcome["error"]
    assert "/no/such/folder" in user.run("true", cwd="/no/such/folder")["error"]


def test_jobs_run_where_their_groups_are_and_by_priority(user: User, tmp_path: Path) -> None:
    """Three jobs hold all slots; then the one with the highest priority is first."""
    blockers = [user.start("sleep 1000") for _ in range(3)]
    hosts = {pid: user.until_running(pid)["host"] for pid in blockers}
    order = tmp_path / "order"
    code = user.rpc.load_code(f"echo $A >> {order}", {"groups": ["big"]})
    low = user.rpc.exec_code(code, [], {"env": {"A": "low"}})
    high = user.rpc.exec_code(code, [], {"env": {"A": "high"}, "priority": 7})

    assert {user.described(pid)["state"] for pid in (low, high)} == {"waiting"}
    user.rpc.kill(next(pid for pid, host in hosts.items() if host == "big"))
    assert [user.end_of(pid)["host"] for pid in (high, low)] == ["big", "big"]
    assert order.read_text() == "high\nlow\n"
    for pid in blockers:
        user.rpc.kill(pid)
        user.end_of(pid)


def test_pickup_forgets_and_pickup_avail_lists(user: User) -> None:
    pid, waiting = user.start("true"), user.start("true", groups=["nobody"])
    with pytest.raises(Fault, match=f"job {waiting} has not ended: it is waiting"):
        user.rpc.pickup(waiting)
    assert user.rpc.finished(pid, 30)
    assert user.rpc.pickup_avail() == [pid]
    user.rpc.pickup(pid)
    assert user.rpc.pickup_avail() == []
    for use in (user.rpc.pickup, user.rpc.finished, user.rpc.kill):
        with pytest.raises(Fault, match=f"there is no job {pid}, or it was picked up") as caught:
            use(pid)
        assert caught.value.faultCode == 2
    user.rpc.kill(waiting)
    user.end_of(waiting)


def test_ps_shows_what_the_system_knows_of_a_job(user: User) -> None:
    pid = user.python("import time; b = b'x' * 50_000_000; time.sleep(1000)", label="fat")
    user.until_running(pid)

    def fat_and_asleep() -> dict[str, Any]:
        described = user.described(pid)
        has_all = described.get("memory", 0) > 50e6 and described["os_state"] == "sleeping"
        return described if has_all else {}

    job = until(fat_and_asleep, "its memory and its state are reported")
    assert (job["label"], job["processes"]) == ("fat", 1)
    os.kill(job["os_pid"], signal.SIGKILL)
    assert user.end_of(pid)["signal"] == signal.SIGKILL


def test_load_shows_hosts_and_their_machines(user: User) -> None:
    hosts = {host["name"]: host for host in user.rpc.load()}
    assert {(name, host["slots"]) for name, host in hosts.items()} == {("small", 1), ("big", 2)}
    big = hosts["big"]
    assert (big["groups"], big["priority"], big["state"]) == (["big"], 1, "ready")
    assert big["cores"] == os.cpu_count()
    assert 0 < big["memory_used"] < big["memory"]
    assert 0 <= big["cpu"] <= 100
    assert big["load"] >= 0


@pytest.mark.parametrize("count", [50, pytest.param(200, marks=pytest.mark.nightly)])
def test_many_short_jobs_run_once_each(user: User, tmp_path: Path, count: int) -> None:
    done = tmp_path / "done"
    code = user.rpc.load_code(["sh", "-c", f"echo $0 >> {done}"], {})
    pids = [user.rpc.exec_code(code, [number]) for number in range(count)]
    assert [user.end_of(pid)["status"] for pid in pids] == [0] * count
    assert sorted(map(int, done.read_text().split())) == list(range(count))


def test_a_long_job_behind_short_ones_does_not_hold_up_others(user: User) -> None:
    """Hosts are given short jobs ahead. When the next ones turn out to be long, they give back
    what they have not begun, and others run it."""
    for _ in range(5):
        user.run("true")
    blockers = [user.start("sleep 1000", groups=["big"]) for _ in range(4)]
    short = user.start("true")
    assert user.end_of(short)["host"] == "small"
    for pid in blockers:
        user.rpc.kill(pid)
    assert {user.end_of(pid)["signal"] for pid in blockers} == {signal.SIGTERM}


def test_nothing_of_ended_jobs_stays_in_the_workspace(user: Owner) -> None:
    pid = user.start("cat", io=True, pickup=True, groups=["nobody"])
    assert user.rpc.stdout(pid).data == b""
    user.rpc.kill(pid)
    assert user.end_of(pid)["stdout"] == b""
    pid = user.start("cat; echo x; echo y >&2", io=True, pickup=True)
    user.rpc.stdin(pid, "z", True)
    assert user.end_of(pid)["stdout"] == b"zx\n"
    user.run("echo x", error_pickup=True)
    assert user.rpc.ps() == []
    cluster = user.master._started
    names = {name.split()[0] for name in cluster._ws.listVars(format="dict")}
    of_hosts = {"joined", "host", "control", "wake", "gone"}
    assert names <= {"absent", "cluster", "jobs", "ended", "requests", "last", "master", *of_hosts}

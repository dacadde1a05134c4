"""Masters and slaves as processes: in one script and in two, killed, silent and interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nws.masterslave import TaskManager, TaskRaisedException, initializeMasterProcess
from tests.support.machines import HERE, another_machine
from tests.support.processes import children, connections_of, python, until, until_file, until_gone
from tests.support.server import PATIENCE, Server, environment, running
from tests.support.spaces import HOST

Popen = subprocess.Popen[str]

PROGRAMS = Path(__file__).parent / "programs"
JOB = PROGRAMS / "job.py"
HANDLERS = PROGRAMS / "handlers.py"


@pytest.fixture
def env(server: Server) -> dict[str, str]:
    """Of programs that use the server."""
    return {"NWS_SERVER_HOST": HOST, "NWS_SERVER_PORT": str(server.port)}


@pytest.fixture(autouse=True)
def for_children(monkeypatch: pytest.MonkeyPatch, env: dict[str, str]) -> None:
    """Slaves that a master of this process launches use it too."""
    for name, value in environment(env).items():
        monkeypatch.setenv(name, value)


@contextmanager
def job(label: str, what: str, launched: int, cwd: Path, period: float = 120.0) -> Iterator[Popen]:
    """Run master and slaves in one script."""
    with python(JOB, label, what, str(launched), str(period), cwd=cwd, env=os.environ) as process:
        yield process


@contextmanager
def slave_by_hand(label: str, cwd: Path, *options: str) -> Iterator[Popen]:
    """Run `nws task_manager slave`."""
    command = ("-c", "from nws.cli import main; main()", "task_manager", "slave", label)
    with python(*command, *options, cwd=cwd, env=os.environ) as process:
        yield process


def end_of(process: Popen, status: int = 0) -> str:
    """Wait for its end, and return what it wrote."""
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status, f"{out}\n{err}"
    return out + err


@pytest.mark.nightly  # as the example in tests/examples/test_master_slave.py
def test_one_script(label: str, tmp_path: Path) -> None:
    with job(label, "roots", 1, tmp_path) as master:
        # In any order: the slave takes the next task while the master looks at one.
        assert sorted(end_of(master).splitlines()) == [
            "sqrt_0 raised math domain error",
            "sqrt_1 sqrt 0.0",
            "sqrt_2 sqrt 1.0",
            "sqrt_3 sqrt 1.4142135623730951",
            "sqrt_4 sqrt 1.7320508075688772",
        ]


def test_two_scripts(label: str, tmp_path: Path) -> None:
    master = initializeMasterProcess(label)
    with python(HANDLERS, label, cwd=tmp_path, env=os.environ) as slave:
        for number in range(5):
            master.requestTask("sqrt", float(number - 1))
        with pytest.raises(TaskRaisedException, match="in do_sqrt"):
            master.retrieveResult("sqrt")
        results = [master.retrieveResult("sqrt")[2] for _ in range(4)]
        assert [round(root * root) for _, root in results] == [0, 1, 2, 3]
        master.shutdown()
        assert end_of(slave) == ""


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("form", ["slave_script", "slave_module"])
def test_the_code_of_slaves_is_stored(
    label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.chdir(PROGRAMS)
    script, module = ("handlers.py", None) if form == "slave_script" else (None, "handlers")
    master = initializeMasterProcess(label, script, module)
    with slave_by_hand(label, tmp_path) as slave:
        master.requestTask("arguments")
        expected = str(HANDLERS) if form == "slave_script" else "handlers"
        assert master.retrieveResult()[2] == [expected]
        if form == "slave_module":
            master.launchSlaveJobs(2)
            manager = master.task_manager
            until(lambda: manager.numberOfActiveProcesses() == 4, "all are there")
        master.shutdown()
        assert end_of(slave) == ""
    assert children(os.getpid(), running="nws.masterslave.launched") == []


def test_launched_slaves_find_the_master_s_own_server(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROGRAMS)
    master = initializeMasterProcess(
        label, slave_module="handlers", use_name_server=False, master_host=f"{HOST}:0"
    )
    master.launchSlaveJobs()
    master.requestTask("sqrt", 4.0)
    assert master.retrieveResult() == ("sqrt_0", "sqrt", (4.0, 2.0))
    master.shutdown()


def test_the_master_and_slaves_that_it_launches_use_a_socket_of_its_own_server(
    label: str, tmp_path: Path
) -> None:
    script = tmp_path / "slave.py"
    script.write_text(
        "from nws.masterslave import startSlaveProcess\n"
        "def do_host():\n"
        "    return SLAVE_PROCESS_MASTER_HOST\n"
        "startSlaveProcess()\n"
    )
    master = initializeMasterProcess(
        label, str(script), use_name_server=False, master_host=f"{HOST}:0"
    )
    master.launchSlaveJobs()
    master.requestTask("host")
    _, _, host = master.retrieveResult()
    assert Path(host.removeprefix("unix:")).is_socket()
    port = int(str(master.master_host).rpartition(":")[2])
    connections = connections_of(os.getpid(), "tcp")
    assert port not in [each.raddr.port for each in connections if each.status == "ESTABLISHED"]
    master.shutdown()


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_another_slave_does_the_task_of_one_that_is_gone(
    label: str, tmp_path: Path, how: signal.Signals
) -> None:
    """One that was killed is noticed whatever its period; one that is silent, by its period."""
    period = 1000.0 if how == signal.SIGKILL else 0.5
    with job(label, "lost", 2, tmp_path, period) as master:
        slave = int(until_file(tmp_path / "begun"))
        os.kill(slave, how)
        assert end_of(master) == "slow_0 slow the second one\n"
    until_gone([slave])


@pytest.mark.slow
@pytest.mark.nightly  # as of one that is gone
def test_another_slave_does_the_task_of_one_whose_machine_is_unplugged(
    label: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server notices it within its bound, whatever the slave's period. So does the slave."""
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    secret = {"NWS_SECRET": "what-both-machines-know"}
    options = ("--peer-timeout", "3", "--plain")
    with (
        another_machine() as machine,
        running(tmp_path, *options, listen=f"tcp:0:interface={HERE}", env=secret) as server,
    ):
        settings = {
            **secret,
            "NWS_SERVER_HOST": HERE,
            "NWS_SERVER_PORT": str(server.port),
            "NWS_PEER_TIMEOUT": "3",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        master = initializeMasterProcess(label)
        master.requestTask("wait", str(tasks))
        with python(HANDLERS, label, cwd=tmp_path, env=settings, machine=machine) as far:
            until((tasks / str(far.pid)).exists, "the task begins")
            subprocess.run(["ip", "link", "set", machine, "down"], check=True)
            with python(HANDLERS, label, cwd=tmp_path, env=settings) as near:
                until((tasks / str(near.pid)).exists, "the task begins again")
                (tasks / "go").touch()
                assert master.retrieveResult() == ("wait_0", "wait", near.pid)
                assert "has ended without a shutdown" in end_of(far, 1)
                master.shutdown()
                assert end_of(near) == ""


@pytest.mark.slow
def test_a_task_that_kills_three_slaves_has_failed(label: str, tmp_path: Path) -> None:
    with job(label, "killer", 4, tmp_path) as master:
        assert end_of(master).splitlines() == [
            str(float(sum(range(20)))),
            "task die_0 was given up: 3 processes were lost while they ran it",
        ]


def test_forks_are_neither_masters_nor_slaves(label: str, tmp_path: Path) -> None:
    with job(label, "forks", 1, tmp_path) as master:
        assert end_of(master) == "fork_0 fork 0\n2\n"


def test_ctrl_c_in_a_slave(label: str, tmp_path: Path) -> None:
    manager = TaskManager(label, create=True)
    task_id = manager.addTaskRequest("sleep", ())
    with job(label, "roots", 0, tmp_path) as refused:
        assert "there is a master of the label" in end_of(refused, 1)
    code = (JOB.read_text(), str(JOB), [str(JOB), label, "sleep", "0"])
    manager.storeData(slave_code=code, cwd=str(tmp_path))
    with slave_by_hand(label, tmp_path) as slave:
        assert int(until_file(tmp_path / "begun")) == slave.pid
        slave.send_signal(signal.SIGINT)
        end_of(slave, 130)
    assert manager.getAnyTask()[0] == task_id
    assert manager.numberOfActiveProcesses() == 0
    manager.close()


def test_slaves_end_with_their_master(label: str, tmp_path: Path) -> None:
    """Also one that C code does not let run anything else."""
    with job(label, "hang", 1, tmp_path) as master:
        launched = int(until_file(tmp_path / "begun"))
        with python(HANDLERS, label, cwd=tmp_path, env=os.environ) as slave:  # it cannot sleep
            manager = TaskManager(label)
            until(lambda: manager.numberOfActiveProcesses() == 3, "the slave by hand is there")
            master.kill()
            assert "has ended without a shutdown" in end_of(slave, 1)
            manager.close()
        until_gone([launched])


@pytest.mark.slow
def test_a_second_ctrl_c_ends_a_master_that_waits_for_its_slaves(
    label: str, tmp_path: Path
) -> None:
    with job(label, "sleep", 1, tmp_path) as master:
        launched = int(until_file(tmp_path / "begun"))
        master.send_signal(signal.SIGINT)
        assert master.stderr is not None
        said = master.stderr.readline()
        assert "waits up to 30 s for 1 slaves: 1 tasks run, 0 wait for them; Ctrl-C ends" in said
        master.send_signal(signal.SIGINT)
        assert "KeyboardInterrupt" in end_of(master, -signal.SIGINT)
        until_gone([launched])

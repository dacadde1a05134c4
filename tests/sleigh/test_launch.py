"""Workers elsewhere, started by commands, over a real ssh; and all that can go wrong."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws.client import NwsServer
from nws.errors import NwsConnectException
from nws.sleigh import (
    LaunchOptions,
    Line,
    Sleigh,
    SleighIllegalValueException,
    SleighJoinException,
    SleighScriptException,
    envcmd,
    scriptcmd,
    sshcmd,
    sshforwardcmd,
)
from nws.sleigh.shared.exit_status import TOO_LATE
from tests.sleigh.functions import speak, worker
from tests.support.deadly import times_ten, wait_the_first_time
from tests.support.processes import (
    Aside,
    children,
    processes_that_show,
    python,
    runs,
    until,
    until_file,
    until_gone,
    write_at_once,
)
from tests.support.server import PATIENCE, ROOT, Client, Server
from tests.support.sleighs import LongLeased
from tests.support.spaces import HOST
from tests.support.sshd import Ssh, held_port, require_sshd, serving

NODES = ["node1", "node2"]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """A server to which every host name leads, shared by the tests of this module."""
    require_sshd()
    with serving(tmp_path_factory.mktemp("sshd")) as sshd:
        yield sshd


@pytest.fixture
def ssh(sshd: Ssh, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ssh]:
    """That server, and the way there. Nothing that it has started may be left."""
    monkeypatch.setenv("PATH", os.pathsep.join((str(sshd.bin), os.environ["PATH"])))
    yield sshd
    until_nothing_runs(sshd)


def until_nothing_runs(ssh: Ssh) -> None:
    until(lambda: not ssh.processes(), "the end of what was started over ssh")


Elsewhere = Callable[..., Sleigh]


@pytest.fixture
def elsewhere(server: Server) -> Elsewhere:
    """Makes a sleigh of two workers that use the tests' server, over ssh by default."""

    def make(**options: Any) -> Sleigh:
        given = {"launch": sshcmd, "nodeList": NODES, "nwsHost": HOST, **options}
        return LongLeased(nwsPort=server.port, **given)

    return make


# Over ssh


def test_over_ssh(ssh: Ssh, elsewhere: Elsewhere, tmp_path: Path) -> None:
    """Also where workers are killed."""
    with elsewhere() as sleigh:
        assert sleigh.eachElem(times_ten, range(100)) == list(range(0, 1000, 10))
        pids = sleigh.eachWorker(worker)
        assert len(set(pids)) == 2
        assert ssh.processes() > set(pids)
        workers = sleigh.workerInfo()
        assert [info["pid"] for info in workers] == pids
        assert sorted(info["name"] for info in workers) == NODES
        assert sleigh.status() == (2, 1)
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(2), [tmp_path]))
        for element in range(2):
            os.kill(int(until_file(tmp_path / str(element))), signal.SIGKILL)
        assert call.result() == [0, 10]
    until_nothing_runs(ssh)


def test_where_workers_are_what_they_find_and_what_they_write(
    ssh: Ssh, elsewhere: Elsewhere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Line] = []
    written = tmp_path / "logs"
    written.mkdir()
    folder = tmp_path / "it's a folder; with $HOME and ä"
    folder.mkdir()
    (folder / "hidden.py").write_text("import os\ndef where(_): return __file__, os.getcwd()\n")
    monkeypatch.syspath_prepend(str(tmp_path / "only the master has this folder"))
    monkeypatch.syspath_prepend(str(folder))
    from hidden import where  # type: ignore[import-not-found]

    options = {"workingDir": str(folder), "modulePath": str(tmp_path), "logDir": str(written)}
    with elsewhere(**options, output=lines.extend) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        assert sleigh.eachElem(where, [0]) == [(str(folder / "hidden.py"), str(folder))]
        (path,) = sleigh.eachElem("__import__('sys').path", [0])
        assert lines == []
        sleigh.eachElem(speak, range(2))
        assert {(line.element, line.stream, line.text) for line in lines} == {
            (element, stream, f"element {element} {what}")
            for element in range(2)
            for stream, what in (("stdout", "is here"), ("stderr", "complains"))
        }
        logs = [Path(info["logfile"]) for info in sleigh.workerInfo()]
    assert path[:2] == [str(tmp_path), str(folder)], "those of modulePath= come first, then ours"
    assert all(map(os.path.exists, path[: path.index(str(ROOT))]))
    assert sorted(logs) == sorted(written.iterdir())
    logged = "".join(log.read_text() for log in logs)
    assert sorted(logged.splitlines()) == sorted(
        f"[{line.rank}:{line.element}] {line.text}" for line in lines
    )


KILLED = """
import sys
from pathlib import Path
from nws.sleigh import sshcmd
from tests.support.deadly import note_and_wait
from tests.support.sleighs import LongLeased

sleigh = LongLeased(
    launch=sshcmd, nodeList=["node1", "node2"], nwsHost="127.0.0.1", nwsPort=int(sys.argv[2]),
)
sleigh.eachElem(note_and_wait, [0, 1], [Path(sys.argv[1])])
"""


@pytest.mark.nightly  # with local workers in tests/faults/test_lost_ends.py
def test_the_master_is_killed(ssh: Ssh, server: Server, tmp_path: Path) -> None:
    arguments = ("-c", KILLED, str(tmp_path), str(server.port))
    with python(*arguments, cwd=tmp_path) as master:
        for element in range(2):
            assert runs(int(until_file(tmp_path / str(element))))
        master.kill()
        until_nothing_runs(ssh)
        assert master.communicate() == ("", "")


@pytest.mark.slow
@pytest.mark.nightly  # supervisors are lost below, and their elements in test_crashes.py
def test_machines_are_lost(ssh: Ssh, elsewhere: Elsewhere, tmp_path: Path) -> None:
    """The commands are run again, and the elements that waited are done again. Lost between two
    calls, they are missed by the next one."""
    with elsewhere() as sleigh:
        call = Aside(partial(sleigh.eachElem, wait_the_first_time, range(2), [tmp_path]))
        before = {int(until_file(tmp_path / str(element))) for element in range(2)}
        ssh.end()
        assert call.result() == [0, 10]
        after = sleigh.eachWorker(worker)
        assert before.isdisjoint(after)
        assert [info["rank"] for info in sleigh.workerInfo()] == [0, 1]
        ssh.end()
        assert set(after).isdisjoint(sleigh.eachWorker(worker))


def test_a_connection_is_lost_but_not_its_worker(
    ssh: Ssh, elsewhere: Elsewhere, impatient: None
) -> None:
    """No second worker comes into its place."""
    with elsewhere() as sleigh:
        pids = sleigh.eachWorker(worker)
        (connection,) = children(os.getpid(), running="node1")
        os.kill(connection, signal.SIGKILL)
        until_gone([connection])
        assert sleigh.eachWorker(worker) == pids
        assert children(os.getpid(), running="node1") == []


@pytest.mark.slow
@pytest.mark.nightly  # test_one_never_comes has a command that always fails
def test_ssh_is_lost_for_good(
    tmp_path: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_sshd()
    monkeypatch.setattr("nws.sleigh.launch.processes._FIRST_PAUSE_SECONDS", 0.0)
    with ExitStack() as later:
        ssh = later.enter_context(serving(tmp_path))
        monkeypatch.setenv("PATH", os.pathsep.join((str(ssh.bin), os.environ["PATH"])))
        with elsewhere() as sleigh:
            sleigh.eachWorker(worker)
            later.close()
            call = Aside(partial(sleigh.eachElem, times_ten, range(10)))
            with pytest.raises(SleighJoinException, match=r"255: ssh: .*Connection refused"):
                call.result()


@pytest.mark.slow
@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"scriptName": "nonsense"},
            r"exit status 127: .*nonsense.*[Nn]o such file",
        ),
        ({"logDir": "/nowhere"}, r"exit status 1: .*cannot join: .*'/nowhere/"),
        ({"nwsPortRemote": 1}, r"exit status 1: .*from .* 127\.0\.0\.1:1: .*refused.*--interface"),
    ],
)
def test_workers_that_cannot_start(
    ssh: Ssh, elsewhere: Elsewhere, impatient: None, options: dict[str, Any], said: str
) -> None:
    options = {"launch": here, **options}
    with elsewhere(nodeList=["node1"], **options) as sleigh:
        call = Aside(partial(sleigh.eachWorker, worker))
        with pytest.raises(SleighJoinException, match=said):
            call.result()


# Through a tunnel


def test_through_a_tunnel(ssh: Ssh, elsewhere: Elsewhere) -> None:
    """Two workers on one machine, where one port leads to the server, and lets in nobody else."""
    with held_port() as port:
        remote = {"nwsHostRemote": "localhost", "nwsPortRemote": port}
        with elsewhere(launch=sshforwardcmd, **remote) as sleigh:
            assert sleigh.eachElem(times_ten, range(10)) == list(range(0, 100, 10))
            pids = set(sleigh.eachWorker(worker))
            assert ssh.processes() > pids
            assert set(sleigh.eachWorker(os.getenv, "PythonSleighNwsPort")) == {str(port)}
            with Client.to(port) as stranger:
                stranger.write(b"1112")
                assert stranger.at_end()
            with pytest.raises(NwsConnectException, match="must know its secret"):
                NwsServer("localhost", port)
            login = sleigh.nws.server.endpoint.login
            assert login is not None
            assert processes_that_show(login.secret) == []
        until_nothing_runs(ssh)


# Commands


def here(machine: str, options: LaunchOptions) -> list[str]:
    """Lead nowhere else."""
    return []


def own_script(machine: str, variables: Sequence[str], options: LaunchOptions) -> list[str]:
    code = "from nws.sleigh.launch.script import main; main()"
    return [*envcmd(machine, variables, options)[:-1], sys.executable, "-c", shlex.quote(code)]


@pytest.mark.parametrize(
    ("launch", "script"),
    [
        (here, scriptcmd),
        pytest.param(sshcmd, own_script, marks=pytest.mark.nightly),
        # The first is the usual one, as in test_over_ssh.
        pytest.param(sshcmd, envcmd, marks=pytest.mark.nightly),
        pytest.param(sshcmd, scriptcmd, marks=pytest.mark.nightly),
    ],
)
def test_ways_to_run_the_script(
    ssh: Ssh, elsewhere: Elsewhere, tmp_path: Path, launch: Any, script: Any
) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    options = {"launch": launch, "scriptExec": script, "workingDir": str(folder)}
    with elsewhere(nodeList=["node1"], **options) as sleigh:
        assert sleigh.eachWorker(os.getcwd) == [str(folder)]
        assert [info["name"] for info in sleigh.workerInfo()] == ["node1"]


@pytest.mark.nightly  # told as others in test_workers_that_cannot_start
def test_a_working_folder_that_is_not_there(elsewhere: Elsewhere, impatient: None) -> None:
    """One that the user has named; it may be there on other machines only."""
    with (
        elsewhere(nodeList=["node1"], launch=here, workingDir="/nowhere") as sleigh,
        pytest.raises(SleighJoinException, match=r"workingDir='/nowhere' cannot be used on"),
    ):
        sleigh.eachWorker(worker)


def test_a_command_that_is_not_there(elsewhere: Elsewhere) -> None:
    with pytest.raises(SleighScriptException, match="no such program"):
        elsewhere(launch=lambda *_: ["no such program"])


# Some come late, or never


def when_told(folder: Path, machine: str, options: LaunchOptions) -> list[str]:
    """Run at once on node1, and elsewhere as soon as there is a file."""
    if machine == "node1":
        return []
    waiting = f"until test -e {shlex.quote(str(folder / 'go'))}; do sleep 0.01; done"
    noting = f'"$@"; status=$?; echo $status >{shlex.quote(str(folder / "status"))}; exit $status'
    return ["sh", "-c", f"{waiting}; {noting}", "sh"]


def test_one_comes_late(elsewhere: Elsewhere, tmp_path: Path) -> None:
    with elsewhere(launch=partial(when_told, tmp_path)) as sleigh:
        assert sleigh.eachElem(times_ten, range(10)) == list(range(0, 100, 10))
        assert sleigh.status() == (1, 0)
        call = Aside(partial(sleigh.eachWorker, worker))
        (tmp_path / "go").touch()
        assert len(set(call.result())) == 2
        assert sleigh.status() == (2, 1)


def test_one_comes_too_late(elsewhere: Elsewhere, impatient: None, tmp_path: Path) -> None:
    """It is told so, and is not started again."""
    with elsewhere(launch=partial(when_told, tmp_path)) as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]
        assert sleigh.status(closeGroup=True) == (1, 1)
        (tmp_path / "go").touch()
        assert len(sleigh.eachWorker(worker)) == 1
        until(lambda: not children(os.getpid(), running=str(tmp_path)), "the end of the command")
        assert int((tmp_path / "status").read_text()) == TOO_LATE
        assert sleigh.eachElem(times_ten, [1]) == [10]
        assert children(os.getpid(), running=str(tmp_path)) == []


def test_the_group_is_closed_before_anybody_has_come(elsewhere: Elsewhere, tmp_path: Path) -> None:
    with elsewhere(launch=partial(when_told, tmp_path), nodeList=["node2"]) as sleigh:
        assert sleigh.status(closeGroup=True) == (0, 1)
        with pytest.raises(SleighJoinException, match="before any worker had joined"):
            sleigh.eachElem(times_ten, [1])
        (tmp_path / "go").touch()


@pytest.mark.nightly  # lost between calls in test_scale.py
def test_workers_are_lost_as_soon_as_they_have_joined(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=4) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (4, 1)
        (supervisor,) = children(os.getpid(), running="nws.sleigh.supervisor.supervisor")
        os.kill(supervisor, signal.SIGKILL)
        assert len(set(sleigh.eachWorker(worker))) == 4
        assert [info["rank"] for info in sleigh.workerInfo()] == [0, 1, 2, 3]


def test_one_is_lost_and_calls_are_short(elsewhere: Elsewhere, impatient: None) -> None:
    with elsewhere(launch=here) as sleigh:
        assert sleigh.status(timeout=PATIENCE) == (2, 1)
        supervisors = children(os.getpid(), running="PythonNWSSleighWorker")
        os.kill(supervisors[0], signal.SIGKILL)
        until_gone(supervisors[:1])

        def is_replaced() -> bool:
            assert sleigh.eachElem(times_ten, [1]) == [10]
            return len(children(os.getpid(), running="PythonNWSSleighWorker")) == 2

        until(is_replaced, "another one")


def unless_it_fails(folder: Path, machine: str, options: LaunchOptions) -> list[str]:
    """Run on node1, and note elsewhere that it was tried."""
    if machine == "node1":
        return []
    return ["sh", "-c", f"echo again >>{shlex.quote(str(folder / 'tries'))}; exit 9"]


@pytest.mark.slow
def test_one_never_comes(elsewhere: Elsewhere, impatient: None, tmp_path: Path) -> None:
    """The others go on, however long their elements take. But there is no `eachWorker`."""
    with elsewhere(launch=partial(unless_it_fails, tmp_path)) as sleigh:
        call = Aside(partial(sleigh.eachElem, until_file, [tmp_path / "go"]))
        until(lambda: len(until_file(tmp_path / "tries").split()) > 5, "it is tried on and on")
        write_at_once(tmp_path / "go", "done")
        assert call.result() == ["done"]
        with pytest.raises(SleighJoinException, match="exit status 9: it said nothing"):
            sleigh.eachWorker(worker)
        assert sleigh.status(closeGroup=True) == (1, 1)
        assert len(sleigh.eachWorker(worker)) == 1


# What is asked for


def test_a_server_that_the_environment_names(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PythonSleighNwsHost", HOST)
    monkeypatch.setenv("PythonSleighNwsPort", str(server.port))
    with Sleigh(workerCount=1) as sleigh:
        assert f"{HOST}:{server.port}" in str(sleigh)
        assert sleigh.eachElem(times_ten, [1]) == [10]


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(("host", "port"), [("", ""), ("nowhere.invalid", "1")])
def test_the_environment_names_no_server(
    server: Server, monkeypatch: pytest.MonkeyPatch, host: str, port: str
) -> None:
    """It is empty, or not what the program says."""
    monkeypatch.setenv("PythonSleighNwsHost", host)
    monkeypatch.setenv("PythonSleighNwsPort", port)
    with Sleigh(workerCount=1, nwsHost=host and HOST, nwsPort=server.port) as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]


def test_no_port_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PythonSleighNwsPort", "a port")
    with pytest.raises(SleighIllegalValueException, match="PythonSleighNwsPort=a port"):
        Sleigh(nwsHost=HOST)


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"launch": "service"}, "launch='service': there is no such launcher, but local, ssh"),
        ({"launch": ["ssh"]}, r"launch=\['ssh'\] is neither"),
        ({"launch": None}, "launch=None is neither"),
        *(
            (
                {"launch": sshcmd, "nodeList": machines},
                "nodeList=.*: a sleigh needs a list of the names",
            )
            for machines in ([], "node1", 3, iter(["node1"]), ["node1", 2], b"node1", None)
        ),
        ({"nodeList": 3}, "nodeList=3 is for workers on other machines"),
        ({"workerCount": 0}, "workerCount=0: "),
        ({"workerCount": 2.0}, "workerCount=2.0 is not a whole number"),
        ({"workerCount": "2"}, "workerCount='2' is not a whole number"),
        ({"workingDir": "/nowhere"}, "workingDir='/nowhere': there is no such folder on this"),
        ({"workingDir": __file__}, "workingDir=.*: there is no such folder on this machine"),
        ({"nodeList": ["node1"]}, r"nodeList=\['node1'\] is for .* such as launch=sshcmd"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], said: str, short: Path) -> None:
    with pytest.raises(SleighIllegalValueException, match=said):
        Sleigh(**options)


# Open files


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"workerCount": 100}, "workerCount=100: .* 416 files .* 256; `ulimit -n 416`"),
        ({"launch": sshcmd, "nodeList": 300 * ["x"]}, "300 machines: .* 316 files .* is 256"),
    ],
)
def test_more_workers_than_open_files(
    few_files: None, options: dict[str, Any], numbers: str
) -> None:
    with pytest.raises(SleighIllegalValueException, match=numbers):
        Sleigh(**options)


@pytest.mark.nightly  # the refusal above has the same bound
def test_as_many_workers_as_open_files(on_server: dict[str, Any], few_files: None) -> None:
    with Sleigh(**on_server, workerCount=60) as sleigh:
        assert sleigh.eachWorker("SleighRank") == list(range(60))


def test_a_count_that_is_no_int_but_a_whole_number(on_server: dict[str, Any]) -> None:
    with Sleigh(**on_server, workerCount=np.int64(1)) as sleigh:
        assert sleigh.eachWorker("7") == [7]

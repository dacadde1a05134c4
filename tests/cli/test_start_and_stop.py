"""`nws server start` and `nws server stop`."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nws.client import NwsConnectionDroppedException, NwsServer
from nws.connection_file import CONNECTION_FILE, read_connection_file
from nws.version import __version__
from tests.cli.conftest import Nws, free_port
from tests.support.processes import children, run_python, runs, until_gone
from tests.support.server import PATIENCE, environment, running
from tests.support.spaces import HOST


def test_version(nws: Nws) -> None:
    assert nws("--version").stdout == f"nws, version {__version__}\n"


def test_help(nws: Nws) -> None:
    text = nws("server", "--help").stdout
    for command in ("start", "stop", "status"):
        assert command in text


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nws]:
    """The command, and a server that tests of this module share: they leave it as it is."""
    command = Nws(tmp_path_factory.mktemp("lasting") / "nws", free_port())
    command.server("start")
    yield command
    command.server("stop")


@pytest.mark.parametrize("command", ["start", "stop", "status"])
def test_a_command_without_its_group(nws: Nws, command: str) -> None:
    said = nws(command, "--port", str(nws.port), status=2).stderr
    assert f"No such command '{command}'. There is `nws server {command}`." in said
    assert "There is" not in nws("begin", status=2).stderr


def test_there_is_a_command_of_that_name(tmp_path: Path) -> None:
    text = (
        "from importlib.metadata import entry_points\n"
        "(found,) = entry_points(group='console_scripts', name='nws')\n"
        "print(found.value)"
    )
    assert run_python("-c", text, cwd=tmp_path).stdout == "nws.__main__:run\n"


@pytest.mark.slow
def test_the_command_as_a_user_runs_it(nws: Nws, tmp_path: Path) -> None:
    env = {"XDG_STATE_HOME": str(tmp_path), "NWS_SERVER_PORT": str(nws.port)}
    for command, says in (
        ("start", "The server serves on"),
        ("status", "workspaces"),
        ("stop", "has stopped"),
    ):
        code = "from nws.cli import main; main(prog_name='nws')"
        done = run_python("-c", code, "server", command, cwd=tmp_path, env=env)
        assert says in done.stdout
        assert done.stderr == ""


# Start


@pytest.mark.nightly
def test_start_where_python_prints_as_it_starts(nws: Nws, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('[1]')\n")
    path = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    nws.env.update(PYTHONPATH=path, PYTHONIOENCODING="utf-16")
    assert f"{HOST}:{nws.port}" in nws.server("start").output
    nws.open().server.close()


@pytest.mark.nightly
def test_start_without_standard_streams(nws: Nws) -> None:
    command = [sys.executable, "-m", "nws", "server", "start", "--port", str(nws.port)]
    env = environment({"XDG_STATE_HOME": str(nws.folder.parent)})
    closed = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command]
    subprocess.run(closed, env=env, timeout=PATIENCE, check=False)
    nws.open().server.close()


def test_start_returns_when_the_server_serves(nws: Nws) -> None:
    done = nws.server("start")
    with nws.open() as ws:
        ws.store("x", 1)
        status = ws.server.status()
        assert status["pid"] == nws.pid
    assert done.stdout.splitlines() == [
        f"The server serves on 127.0.0.1:{nws.port} (process {nws.pid}).",
        f"Its inspector is at http://localhost:{status['web']}/.",
        f"Its log is {nws.folder / str(nws.port)}.log.",
    ]
    assert done.stderr == ""
    assert f"serves on 127.0.0.1:{nws.port}" in nws.log


def test_the_server_is_on_its_own(lasting: Nws) -> None:
    assert os.getsid(lasting.pid) == lasting.pid, "the terminal's end is not the server's"
    assert os.readlink(f"/proc/{lasting.pid}/fd/0") == os.devnull


def test_only_this_user_sees_its_files(lasting: Nws) -> None:
    assert stat.S_IMODE(lasting.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((lasting.folder / f"{lasting.port}.log").stat().st_mode) == 0o600


def test_the_state_folder_of_a_user_without_settings(nws: Nws, tmp_path: Path) -> None:
    """Files that others could read are closed to them."""
    nws.env = {"XDG_STATE_HOME": "", "HOME": str(tmp_path / "home")}
    nws.folder = tmp_path / "home" / ".local" / "state" / "nws"
    nws.folder.mkdir(mode=0o755, parents=True)
    log = nws.folder / f"{nws.port}.log"
    log.touch(mode=0o644)
    nws.server("start")
    assert runs(nws.pid)
    assert stat.S_IMODE(nws.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert nws.server("stop").stdout == f"The server on port {nws.port} has stopped.\n"


def test_a_second_start_is_refused(lasting: Nws) -> None:
    pid = lasting.pid
    done = lasting.server("start", status=1)
    assert f"a server runs on port {lasting.port} already: use it, stop it" in done.stderr
    assert f"`nws server stop --port {lasting.port}`), or choose another --port" in done.stderr
    assert lasting.pid == pid
    assert runs(pid)


def test_two_servers_on_two_ports(lasting: Nws) -> None:
    other = Nws(lasting.folder, free_port())
    other.server("start")
    assert str(other.pid) in other.server("status").stdout
    other.server("stop")
    assert str(lasting.pid) in lasting.server("status").stdout


@pytest.mark.slow
def test_an_option_that_the_server_does_not_have(nws: Nws) -> None:
    for _ in range(2):
        done = nws.server("start", "--", "--no-such-option", status=1)
        assert done.stderr.startswith("Error: the server did not start:\n")
        assert "nws_server: option --no-such-option not recognized" in done.stderr
        assert done.stderr.count("not recognized") == 1, "what the log had before is not repeated"
    assert "Traceback" not in done.stderr
    assert not nws.pidfile.exists()


@pytest.mark.nightly  # refused as an option that it does not have
def test_a_setting_that_the_server_cannot_use(nws: Nws) -> None:
    nws.env = {"NWS_MEMORY_LIMIT": "a lot"}
    assert "NWS_MEMORY_LIMIT='a lot'" in nws.server("start", status=1).stderr


@pytest.mark.nightly  # what the server says is shown as above
def test_the_servers_own_help(nws: Nws) -> None:
    done = nws.server("start", "--", "--help", status=1)
    assert "--memory-limit" in done.stderr
    assert "default: 10000" in done.stderr
    assert "docs/" not in done.stderr, "an installed wheel has none"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_port_that_something_else_uses(nws: Nws) -> None:
    with socket.socket() as other:
        other.bind((HOST, nws.port))
        other.listen()
        done = nws.server("start", status=1)
        assert "did not start" in done.stderr
        assert str(nws.port) in done.stderr
        assert "Address already in use" in done.stderr
        assert "Traceback" not in done.stderr
    assert not nws.pidfile.exists()


def test_a_server_that_takes_too_long(nws: Nws) -> None:
    before = children(os.getpid())
    done = nws.server("start", "--timeout", "0.001", status=1)
    assert "it did not answer within 0.001 seconds" in done.stderr
    assert children(os.getpid()) == before
    nws.server("status", status=3)


def test_no_place_for_the_log(nws: Nws) -> None:
    nws.folder.write_text("a file")
    done = nws.server("start", status=1)
    assert done.stderr.startswith("Error: cannot make the folder for the log")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 cannot be told")
def test_the_working_folder_may_have_any_files(nws: Nws, tmp_path: Path) -> None:
    """Or else a server that is started in a folder of somebody else's would run their code."""
    for name in ("json", "twisted", "select"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a trap')\n")
    code = "import sys; sys.path.remove(''); from nws.cli import main; main()"
    arguments = ("server", "start", "--port", str(nws.port))
    run_python("-c", code, *arguments, cwd=tmp_path, env={"XDG_STATE_HOME": str(tmp_path)})
    assert runs(nws.pid)


# Stop


def test_stop_returns_when_the_process_is_gone_and_start_starts_again(started: Nws) -> None:
    pid = started.pid
    done = started.server("stop")
    assert not runs(pid)
    assert done.stdout == f"The server on port {started.port} has stopped.\n"
    assert not started.pidfile.exists()
    assert "NetWorkSpaces has stopped" in started.log
    assert "Traceback" not in started.log
    assert started.server("stop").stdout == f"No server runs on port {started.port}.\n"
    started.server("start")
    assert started.log.count("serves on") == 2


def test_stop_is_graceful_and_options_reach_the_server(nws: Nws, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    nws.server("start", "--", "--tmp-dir", str(spool), "--long-value-size", "64")
    with nws.open() as ws:
        ws.store("x", "long" * 1000)
        assert [path for path in spool.rglob("*") if path.is_file()]
        nws.server("stop")
        assert list(spool.iterdir()) == []
        with pytest.raises(NwsConnectionDroppedException):
            ws.find("x")


def test_a_server_that_encrypts(nws: Nws, tmp_path: Path) -> None:
    """Its connection file says by which certificate."""
    file = tmp_path / "connection.json"
    nws.env[CONNECTION_FILE] = str(file)
    nws.server("start", "--", "--tls")
    found = read_connection_file(file)
    assert found is not None
    login = f"{found.secret}@{found.certificate}"
    with NwsServer(HOST, nws.port, login=login) as server, server.openWs("test") as ws:
        ws.store("x", 1)
        assert ws.fetch("x") == 1
    assert f"pid                  {nws.pid}\n" in nws.server("status").stdout


def test_stop_of_a_server_that_does_not_speak_our_extensions(nws: Nws) -> None:
    nws.server("start", "--", "--no-extensions")
    pid = nws.pid
    nws.server("stop")
    assert not runs(pid)


def test_stop_of_a_server_that_is_stuck(started: Nws) -> None:
    pid = started.pid
    os.kill(pid, signal.SIGSTOP)
    done = started.server("stop", "--timeout", "0.3", status=1)
    assert done.stderr == f"Error: process {pid} has not ended after 0.3 seconds\n"
    os.kill(pid, signal.SIGCONT)
    until_gone([pid])
    assert started.server("stop").stdout == f"No server runs on port {started.port}.\n"


# A server that was killed, and what its files tell


def kill(nws: Nws) -> int:
    """Kill the server; return its process id."""
    pid = nws.pid
    os.kill(pid, signal.SIGKILL)
    until_gone([pid])
    return pid


def test_start_and_stop_after_a_kill(started: Nws) -> None:
    killed = kill(started)
    started.server("status", status=3)
    started.server("start")
    assert started.pid != killed
    kill(started)
    assert started.server("stop").stdout == f"No server runs on port {started.port}.\n"
    assert not started.pidfile.exists()


def test_another_process_with_the_recorded_number_is_left_alone(nws: Nws) -> None:
    nws.folder.mkdir()
    waits = [sys.executable, "-c", "input()", "nws_server"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as other:
        nws.pidfile.write_text(f"{other.pid}\n")
        assert nws.server("stop").stdout == f"No server runs on port {nws.port}.\n"
        assert other.poll() is None
        assert not nws.pidfile.exists()


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("option", ["--no-extensions", "--memory-limit=1000000"])
def test_stop_of_a_server_that_was_started_in_another_way(
    nws: Nws, tmp_path: Path, option: str
) -> None:
    """Nor is another process ended that has the recorded number."""
    nws.folder.mkdir()
    waits = [sys.executable, "-c", "input()"]
    with (
        running(tmp_path, option) as server,
        subprocess.Popen(waits, stdin=subprocess.PIPE) as other,
    ):
        nws.port = server.port
        for recorded in ("", f"{other.pid}\n", f"{server.pid}\n"):
            if recorded:
                nws.pidfile.write_text(recorded)
            done = nws.server("stop", status=1)
            assert "was not started by `nws server start`" in done.stderr
        assert other.poll() is None
        assert runs(server.pid)


@pytest.mark.parametrize("text", ["", "\n", "abc\n", "99999999999\n", "-1\n", "0\n"])
def test_a_damaged_pid_file(nws: Nws, text: str) -> None:
    nws.folder.mkdir()
    nws.pidfile.write_text(text)
    assert nws.server("stop").stdout == f"No server runs on port {nws.port}.\n"
    assert not nws.pidfile.exists()


def test_a_damaged_pid_file_of_a_server_that_lives(lasting: Nws) -> None:
    pid = lasting.pid
    for text in ("", "abc\n", "99999999999\n", "1\n", "\xff"):
        lasting.pidfile.write_text(text, "latin-1")
        said = lasting.server("stop", status=1).stderr
        assert f"runs as process {pid}" in said
        assert str(lasting.pidfile) in said
        assert lasting.pidfile.read_text("latin-1") == text
        assert runs(pid)
    lasting.pidfile.write_text(f"{pid}\n")


# Settings


def test_port_and_interface_from_the_environment(nws: Nws) -> None:
    nws.env = {"NWS_SERVER_PORT": str(nws.port), "NWS_INTERFACE": "127.0.0.2"}
    assert f"serves on 127.0.0.2:{nws.port} " in nws("server", "start").stdout
    assert str(nws.pid) in nws("server", "status").stdout
    nws.server("status", "--host", "127.0.0.2")
    assert f"port {nws.port} has stopped" in nws("server", "stop").stdout


@pytest.mark.nightly
def test_options_come_before_the_environment(nws: Nws) -> None:
    nws.env = {"NWS_SERVER_PORT": "1", "NWS_INTERFACE": "127.0.0.2"}
    done = nws.server("start", "--interface", "127.0.0.3")
    assert f"serves on 127.0.0.3:{nws.port} " in done.stdout


@pytest.mark.parametrize("port", ["0", "65536", "-1", "abc"])
def test_what_is_no_port(nws: Nws, port: str) -> None:
    for command in ("start", "stop", "status"):
        assert "--port" in nws("server", command, "--port", port, status=2).stderr

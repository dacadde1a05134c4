"""Real servers: how they start, what they say, how they end."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
import twisted
from twisted.logger import Logger

from nws.version import __version__
from nws_server.__main__ import main
from nws_server.log_format import log_observer
from nws_server.open_files import open_files
from tests.support.frames import KINDS
from tests.support.server import PATIENCE, ROOT, Client, environment, running, starting

unix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs Unix signals and sockets")

MODULE: Final = [sys.executable, "-m", "nws_server"]
LISTEN: Final = ["--listen", "tcp:0:interface=127.0.0.1"]


def run(command: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def messages(lines: list[str]) -> list[str]:
    """Cut the times off lines of a log."""
    return [line.split("] ", 1)[1] for line in lines]


def serves(place: str, clients: int) -> str:
    """Return the first line of a log."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = open_files(clients).connections
    return f"NetWorkSpaces 0.1.0 serves on {place}, up to {most} clients ({files} open files)"


# Starts and ends


def test_it_announces_serves_and_ends_with_its_parent(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert server.addresses == [f"127.0.0.1:{server.port}"]
        with server.client(ws="ws") as client:
            client.store("x", "v")
            assert client.get("fetch", "ws", "x").payload == b"v"
        assert server.stop() == 0
        assert messages(server.log()) == [
            serves(f"127.0.0.1:{server.port}", 10_000),
            "NetWorkSpaces has stopped",
        ]
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_its_parent_need_not_listen(tmp_path: Path) -> None:
    """Who has read the announcement may close the pipe that it came through."""
    with running(tmp_path) as server:
        assert server.process.stdout is not None
        server.process.stdout.close()
        with server.client(ws="ws") as client:
            client.store("x", "v")


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_nobody_reads(tmp_path: Path, option: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*MODULE, option],
        cwd=tmp_path,
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.nightly(but_each=2)
@unix_only
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(tmp_path: Path, how: signal.Signals) -> None:
    with running(tmp_path, "--pidfile", "pid") as server:
        assert (tmp_path / "pid").read_text() == f"{server.pid}\n"
        with server.client(ws="ws") as client, server.client(ws="ws") as waiting:
            waiting.send("fetch", "ws", "x")
            client.until_waiting("ws", 1)
            assert server.stop(how) == 0
            assert client.at_end()
        assert messages(server.log())[-1] == "NetWorkSpaces has stopped"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.nightly(but_each=2)
@unix_only
@pytest.mark.parametrize(("option", "mode"), [("", 0o600), (":mode=660", 0o660)])
def test_a_unix_socket_is_for_this_user_only(tmp_path: Path, option: str, mode: int) -> None:
    path = tmp_path / "socket"
    with running(tmp_path, listen=f"unix:{path}{option}") as server:
        assert server.addresses == [str(path)]
        assert stat.S_IMODE(path.stat().st_mode) == mode
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        with Client(sock) as client:
            client.shake_hands(KINDS["extended"])
            client.open_ws()
            client.store("x", "v")
            assert client.get("list wss", "ws").payload == b">ws\tlocal (4711)\tFalse\t1\tx\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_it_listens_in_several_places(tmp_path: Path) -> None:
    with running(tmp_path, *LISTEN, *LISTEN) as server:
        assert len(server.addresses) == 3
        for address in server.addresses:
            port = int(address.rpartition(":")[2])
            with Client(socket.create_connection(("127.0.0.1", port))) as client:
                client.shake_hands(KINDS["cookie"])
        assert len(server.log()) == 1


def test_the_environment_says_where_and_how(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    folder.mkdir()
    env = {
        "NWS_SERVER_PORT": "0",
        "NWS_TMP_DIR": str(folder),
        "NWS_LONG_VALUE_SIZE": "1000",
        "NWS_MAX_VALUE_SIZE": "5000",
        "NWS_MAX_CONNECTIONS": "1",
    }
    command = [*MODULE, "--announce", "--until-eof"]
    with starting(command, tmp_path, env) as server:
        server.hear()
        assert server.addresses[0].startswith("127.0.0.1:")
        (spool,) = folder.glob("nws-spool-*")
        with server.client(ws="ws") as client:
            client.store("x", 999 * "v")
            assert [path.name for path in spool.iterdir()] == ["lock"]
            client.store("x", 1000 * "v")
            assert sorted(path.name for path in spool.iterdir()) == ["1", "lock"]
            assert client.ask("store", "ws", "x", "0", 5001 * "v").status == 1
            with server.client() as second:
                assert second.ask("use ws", "ws", "", "no").status == 1
                assert second.at_end()
        assert server.stop() == 0
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("kind", ["fast", "plain"])
def test_values_of_any_size_with_and_without_the_shortcuts(tmp_path: Path, kind: str) -> None:
    with running(tmp_path, "--io", kind, "--long-value-size", "2000000") as server:
        for size in (1, 1_000_000, 5_000_000):
            with server.client("extended", ws="ws") as client, server.client(ws="ws") as waiting:
                waiting.send("find", "ws", "x")
                client.store("x", size * b"v")
                assert waiting.long().payload == size * b"v"
                assert client.get("fetch", "ws", "x").payload == size * b"v"
                client.send("ack")


def test_all_interfaces_are_served_only_when_asked_for(tmp_path: Path) -> None:
    env = {"NWS_SERVER_PORT": "0", "NWS_INTERFACE": ""}
    command = [*MODULE, "--announce", "--until-eof", "--plain"]
    with starting(command, tmp_path, env) as server:
        server.hear()
        assert server.addresses[0].startswith("0.0.0.0:")


# Starts that fail


@pytest.mark.parametrize(
    ("options", "env", "message"),
    [
        (["--nonsense"], {}, "option --nonsense not recognized"),
        (["--max-value-size", "1M"], {}, "--max-value-size='1M' is not a whole number"),
        (["--listen", "8765"], {}, "it cannot listen on '8765': Unknown endpoint type: '8765'"),
        ([], {"NWS_SERVER_PORT": "http"}, "NWS_SERVER_PORT='http' is not a whole number from 0"),
        ([], {"NWS_TMP_DIR": "/no/such"}, "the folder for long values, '/no/such', does not exist"),
    ],
)
def test_a_wrong_setting_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    env: dict[str, str],
    message: str,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main(options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"nws_server: {message}")


def test_a_port_in_use_is_one_line_and_status_1(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        listen = f"tcp:{port}:interface=127.0.0.1"
        done = run([*MODULE, "--listen", listen, "--announce"], tmp_path, NWS_TMP_DIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"nws_server: cannot start: it cannot listen on '{listen}': ")
    assert "in use" in line
    assert list(tmp_path.iterdir()) == []


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("Usage: python -m nws_server [--listen=ENDPOINT] ")
    for option in ("--listen", "--announce", "--until-eof", "--long-value-size", "--no-extensions"):
        assert option in said


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("arguments", [["-m", "nws_server"], ["-m", "twisted", "nws"]])
def test_its_version(tmp_path: Path, arguments: list[str]) -> None:
    done = run([sys.executable, *arguments, "--version"], tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"NetWorkSpaces {__version__} with Twisted {twisted.__version__}\n"


# Twistd


def twistd(*arguments: str) -> list[str]:
    """Form a command of twistd."""
    program = "import sys; from twisted.scripts.twistd import run; sys.exit(run())"
    return [sys.executable, "-c", program, "--nodaemon", "--pidfile=", *arguments]


def test_the_plugin_of_twistd(tmp_path: Path) -> None:
    done = run(twistd("nws", "--help"), tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: twistd -n nws [--listen=ENDPOINT] ")
    assert "[options]" not in done.stdout
    assert "--long-value-size" in done.stdout


@pytest.mark.nightly(but_each=2)
@unix_only
@pytest.mark.parametrize("arguments", [["-y", str(ROOT / "nws.tac")], ["nws"]])
def test_twistd_serves_until_sigterm(tmp_path: Path, arguments: list[str]) -> None:
    env = {"NWS_SERVER_PORT": "0", "NWS_TMP_DIR": str(tmp_path)}
    logged = [*twistd("--logfile=-"), *arguments]
    with starting(logged, tmp_path, env) as server:
        assert server.process.stdout is not None
        for line in server.process.stdout:
            found = re.search(rb" serves on (\S+:\d+)", line)
            if found:
                server.addresses = [found[1].decode()]
                break
        with server.client(ws="ws") as client:
            client.store("x", "v")
        # Once all is shut down, twistd ends by the signal, for whoever sent it to see.
        assert server.stop(signal.SIGTERM) == -signal.SIGTERM
        assert b"NetWorkSpaces has stopped" in server.process.stdout.read()
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.slow
def test_under_twistd_a_start_that_fails_is_no_success(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
        done = run(twistd("nws", "--listen", listen), tmp_path, NWS_TMP_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "the server cannot start: it cannot listen on" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    wrong = run(twistd("nws", "--listen", "garbage"), tmp_path)  # old versions of twistd return 0
    assert wrong.stderr == ""
    assert wrong.stdout.splitlines()[-1].endswith("Unknown endpoint type: 'garbage'")


# The spool of a server that was killed


@pytest.mark.slow
@unix_only
def test_the_next_server_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    options = ("--long-value-size", "1000")
    with running(tmp_path, *options) as server, server.client(ws="ws") as client:
        client.store("x", 5000 * "v")
        (folder,) = tmp_path.glob("nws-spool-*")
        assert (folder / "1").stat().st_size == 5000
        assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    assert folder.is_dir()
    with running(tmp_path, *options) as server:
        assert not folder.exists()
        (folder,) = tmp_path.glob("nws-spool-*")
        assert server.stop(signal.SIGTERM) == 0
        assert not folder.exists()


@pytest.mark.nightly
@unix_only
def test_two_servers_share_a_folder(tmp_path: Path) -> None:
    first_folder, second_folder = tmp_path / "1", tmp_path / "2"
    first_folder.mkdir()
    second_folder.mkdir()
    env = {"NWS_TMP_DIR": str(tmp_path), "NWS_LONG_VALUE_SIZE": "1000"}
    with running(first_folder, env=env) as first, first.client(ws="ws") as client:
        client.store("x", 5000 * "v")
        with running(second_folder, env=env) as second, second.client(ws="ws") as other:
            other.store("x", 5000 * "v")
            assert len(list(tmp_path.glob("nws-spool-*"))) == 2
        assert client.get("fetch", "ws", "x").payload == 5000 * b"v"


# The log


def test_the_log_has_a_line_for_each_thing_that_matters(tmp_path: Path) -> None:
    """And none that strangers have forged."""
    with running(tmp_path, "--max-connections", "2") as server:
        with server.client("extended", ws="ws") as client, server.client("metadata") as stranger:
            for n in range(100):
                client.store("x", n)
                client.get("fetch", "ws", "x")
                client.ask("nonsense")
                client.get("find", "nowhere", "x")
            with server.client("extended") as third:
                assert third.ask("use ws", "ws", "", "no").status != 0
                assert third.at_end()
            stranger.write(b"0000a\n1] this is not the protocol")
            assert stranger.at_end()
            with server.client(None) as uninvited:
                uninvited.write(b"X000")
                assert uninvited.read(4) == b"P000"
                uninvited.read_dict()
                uninvited.write(b"what?")
                assert uninvited.at_end()
            with server.client(None) as browser:
                browser.write(b"11120001 / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
                assert browser.at_end()
            with server.client(None) as browser:
                browser.write(b"GET / HTTP/1.1\r\n\r\n")
                assert browser.at_end()
        assert server.stop() == 0
        lines = messages(server.log())
    assert lines == [
        serves(server.addresses[0], 2),
        "refused 127.0.0.1: 2 clients are connected already, and the server takes no more; "
        "--max-connections and the limit of its open files (ulimit -n) set how many",
        r"refused 127.0.0.1: expected a number, got b'a\n1]'",
        "refused 127.0.0.1: it did not answer the server's offers",
        "refused 127.0.0.1: it went on before the server had answered, as web browsers do",
        "refused 127.0.0.1: it speaks HTTP; browsers are served by the inspector, on a port of its "
        "own",
        "NetWorkSpaces has stopped",
    ]


def test_the_log_as_json(tmp_path: Path) -> None:
    with running(tmp_path, "--log-format=json") as server:
        with server.client(None) as browser:
            browser.write(b"GET / HTTP/1.1\r\n\r\n")
            assert browser.at_end()
        assert server.stop() == 0
        begin, refusal, end = map(json.loads, server.log())
    assert begin["message"] == serves(f"127.0.0.1:{server.port}", 10_000)
    assert begin["level"] == "info"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", begin["time"])
    assert (refusal["level"], refusal["logger"]) == ("warn", begin["logger"])
    assert end["message"] == "NetWorkSpaces has stopped"


def test_an_error_in_the_log_as_json_has_its_traceback() -> None:
    file = io.StringIO()
    try:
        raise ValueError("line one\nline two")
    except ValueError:
        Logger(observer=log_observer("json", file)).failure("it failed for {who}", who="a\nb")
    (line,) = file.getvalue().splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("critical", "it failed for a\nb")
    assert "ValueError: line one\nline two" in said["traceback"]


def test_its_status_is_told_as_json(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.client("extended", ws="ws") as client:
        status = json.loads(client.get("server status").payload)
        assert status["pid"] == server.pid
        assert status["version"] == "0.1.0"
        assert status["connections"] == 1
        assert status["uptime"] >= 0
        assert os.getpid() != server.pid

"""The OpenSSH server for tests: what tests of remote workers rely on, and that nothing is left."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.processes import descendants, runs
from tests.support.server import PATIENCE
from tests.support.sshd import Ssh, held_port, missing, require_sshd, serving

pytestmark = pytest.mark.nightly

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    """A server, shared by the tests of the module."""
    require_sshd()
    with serving(tmp_path_factory.mktemp("sshd")) as ssh:
        yield ssh


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of the test, to which forwards lead."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener


@contextmanager
def connected(ssh: Ssh, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Stay logged in until the end of the block; forwards that were asked for are there."""
    command = [*ssh.command, "-o", "ExitOnForwardFailure=yes", *options, "node1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "echo ready && cat"], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as client:
        try:
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n", client.communicate()[1]
            yield client
        finally:
            client.kill()


def assert_carries(near: socket.socket, listener: socket.socket) -> None:
    """Check that what goes in at a forward's near end comes out at the listener, and back."""
    with near, listener.accept()[0] as far:
        for sender, receiver, word in ((near, far, b"ping"), (far, near, b"pong")):
            receiver.settimeout(PATIENCE)
            sender.sendall(word)
            assert receiver.recv(100) == word


@pytest.mark.parametrize("host", ["node1", "node2.example.com"])
def test_a_command_runs_on_any_host(ssh: Ssh, host: str) -> None:
    done = subprocess.run(
        [*ssh.command, host, "echo hello; cat; exit 3"],
        input="world\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello\nworld\n", "")


def test_a_plain_ssh_leads_there_too(ssh: Ssh) -> None:
    env = {**os.environ, "PATH": os.pathsep.join((str(ssh.bin), os.environ["PATH"]))}
    command = ["ssh", "node1", "echo", "'two  words'"]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True, timeout=PATIENCE)
    assert done.stdout == b"two  words\n"


def test_a_forward_from_a_given_port_carries_bytes(ssh: Ssh, listener: socket.socket) -> None:
    target = f"{HOST}:{listener.getsockname()[1]}"
    with held_port() as port, connected(ssh, "-R", f"{port}:{target}"):
        assert_carries(socket.create_connection((HOST, port), PATIENCE), listener)


def test_a_forward_from_a_unix_socket_carries_bytes(
    ssh: Ssh, listener: socket.socket, tmp_path: Path
) -> None:
    path = tmp_path / "socket"
    path.touch()  # as a server that was killed leaves it
    with connected(ssh, "-R", f"{path}:{HOST}:{listener.getsockname()[1]}"):
        near = socket.socket(socket.AF_UNIX)
        near.connect(str(path))
        assert_carries(near, listener)


def test_nothing_outlives_it(tmp_path: Path) -> None:
    require_sshd()
    background = "nohup sleep 1000 >/dev/null 2>&1 </dev/null & echo $!"
    with ExitStack() as later:
        with serving(tmp_path) as ssh:
            later.enter_context(connected(ssh))
            sleep = subprocess.check_output([*ssh.command, "node2", background], timeout=PATIENCE)
            pids = ssh.processes()
            assert int(sleep) in pids
            assert set(descendants(ssh.pid)) < pids
        assert not any(map(runs, {ssh.pid, *pids}))


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert re.match(r"not installed: ssh, ssh-keygen\b", missing())


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_only_ci_fails_without_it(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="not installed"):
        require_sshd()

"""The commands `nws depalma`."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import HTTPCookieProcessor, build_opener
from xmlrpc.client import ServerProxy

import pytest
from click.testing import CliRunner, Result

from nws.cli import main
from nws.depalma.config import HostConfig
from nws.depalma.host_launcher import command_for, command_on
from tests.depalma.conftest import configuration, host, running_cluster
from tests.support.processes import descendants, runs, until, until_file, until_gone
from tests.support.server import PATIENCE, Server, environment
from tests.support.sshd import require_sshd, serving

STRAY = f"stray {os.getpid()}"
"""A cluster that no other process of the tests has: all of it is killed."""

NWS = [sys.executable, "-m", "nws", "depalma"]


@contextmanager
def started(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Run a command beside the test; it is killed if it is there at the end."""
    with subprocess.Popen(
        [*NWS, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run_host(server: Server, cluster: str, *more: str) -> Any:
    address = f"127.0.0.1:{server.port}"
    return started("run", "--server", address, "--cluster", cluster, "--slots", 1, *more)


def run_here(*arguments: object, status: int = 0) -> Result:
    """Run a command to its end in this process."""
    done = CliRunner().invoke(main, ["depalma", *map(str, arguments)], prog_name="nws")
    assert done.exit_code == status, done.output
    return done


@pytest.mark.slow
def test_a_master_prints_its_addresses_and_hosts_and_ends_on_sigterm(tmp_path: Path) -> None:
    hosts = host("a") + host("b", more='launch = ["no-such-launcher"]')
    with started("master", "--page", configuration(tmp_path, hosts)) as master:
        assert master.stdout is not None
        assert master.stderr is not None
        address = master.stdout.readline().strip()
        assert master.stdout.readline() == "hosts: a\n"
        page = master.stdout.readline().strip()
        with build_opener(HTTPCookieProcessor()).open(page, timeout=PATIENCE) as reply:
            assert "<title>Cluster depalma test" in reply.read().decode()
        with ServerProxy(address) as rpc:
            code = rpc.load_code("sleep 1000")
            rpc.exec_code(code)
        left = descendants(master.pid)
        master.send_signal(signal.SIGTERM)
        assert master.wait(PATIENCE) == 0
        assert "host b is not there: its command cannot be started: " in master.stderr.read()
        until_gone(left)


@pytest.mark.slow
def test_what_commands_print_for_programs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with started("master", "--json", "--page", configuration(tmp_path, host("a"))) as master:
        assert master.stdout is not None
        address, hosts, page = (json.loads(master.stdout.readline()) for _ in range(3))
        with ServerProxy(address["address"]) as rpc:
            assert rpc.pickup_avail() == []
        assert hosts == {"hosts": ["a"]}
        assert page["page"].startswith("http://")
    there = configuration(tmp_path, host("b", more='launch = ["echo"]'), name=f"json {STRAY}")
    done = run_here("kill_cluster", "--json", there)
    assert json.loads(done.output) == {"machine": platform.node(), "killed": 0}
    assert "--json" in capfd.readouterr().out, "hosts elsewhere are asked for the same"


@pytest.mark.slow
@pytest.mark.nightly
def test_a_program_shuts_a_master_down(tmp_path: Path) -> None:
    with started("master", "--idle", configuration(tmp_path, "")) as master:
        assert master.stdout is not None
        with ServerProxy(master.stdout.readline().strip()) as rpc:
            assert rpc.init_server() == []
            assert rpc.shutdown()
        assert master.wait(PATIENCE) == 0


@pytest.mark.slow
def test_a_master_ends_with_its_server(tmp_path: Path) -> None:
    with started("master", configuration(tmp_path, "")) as master:
        assert master.stdout is not None
        assert master.stderr is not None
        for _ in range(2):
            master.stdout.readline()
        (server,) = descendants(master.pid)
        os.kill(server, signal.SIGKILL)
        assert master.wait(PATIENCE) == 1
        assert "the cluster is over: its server is gone" in master.stderr.read()


@pytest.mark.slow
def test_hosts_join_by_hand_and_a_cluster_has_one_master(server: Server, tmp_path: Path) -> None:
    config = configuration(tmp_path, "", name="hand", server=f"127.0.0.1:{server.port}")
    with running_cluster(config) as user:
        second = run_here("master", config, status=1)
        assert (
            f"another master of the cluster 'hand' is at 127.0.0.1:{server.port}:" in second.output
        )
        with run_host(server, "hand", "--name", "me", "--group", "new") as process:
            assert user.run("true", groups=["new"])["host"] == "me"
            process.send_signal(signal.SIGTERM)
            assert "The host me has ended: it got SIGTERM\n" in process.communicate()[1]
        with run_host(server, "hand", "--name", "me") as process:
            until(
                lambda: [each.get("os_pid") for each in user.rpc.load()] == [process.pid],
                "it joins again",
            )
            user.master.close()
            assert "the master is gone, or has put it out" in process.communicate()[1]


@pytest.mark.slow
def test_a_host_without_a_master_or_a_server_says_so(server: Server) -> None:
    with run_host(server, "none") as process:
        said = process.communicate()[1]
        assert f"no master of the cluster 'none' is at 127.0.0.1:{server.port}: start it" in said
        assert process.returncode == 1
    nowhere = run_here("run", "--server", "here", status=2)
    assert "server: it has to be HOST:PORT or unix:/PATH" in nowhere.output
    with started("run", "--server", "unix:/no/such/socket") as process:
        assert "/no/such/socket" in process.communicate()[1]
        assert process.returncode == 1


@pytest.mark.slow
def test_kill_cluster_kills_hosts_and_jobs_of_one_cluster(server: Server, tmp_path: Path) -> None:
    address = f"127.0.0.1:{server.port}"
    config = configuration(tmp_path, "", name=STRAY, server=address)
    with running_cluster(config) as user, run_host(server, STRAY, "--name", "me") as process:
        pids = tmp_path / "pids"
        user.start(f"setsid sleep 1000 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait")
        jobs = [int(pid) for pid in until_file(pids).split()]
        other = configuration(tmp_path, "", name=f"other than {STRAY}")
        assert run_here("kill_cluster", other).output.startswith("0 processes were killed")
        assert all(map(runs, jobs))
        assert "processes were killed" in run_here("kill_cluster", "--here", STRAY).output
        until_gone([process.pid, *jobs])


def test_kill_cluster_says_which_hosts_cannot_be_reached(tmp_path: Path) -> None:
    hosts = host("x", more='launch = ["false"]') + host("y", more='launch = ["no-such-program"]')
    done = run_here("kill_cluster", configuration(tmp_path, hosts, name=f"far {STRAY}"), status=1)
    assert "these hosts could not be reached: x, y" in done.output
    assert "no-such-program" in done.output
    assert "either the file CONF or --here" in run_here("kill_cluster", status=2).output


def test_a_wrong_configuration_is_one_line(tmp_path: Path) -> None:
    config = configuration(tmp_path, "[[host]]\nslots = 1")
    for command in ("master", "kill_cluster"):
        done = run_here(command, config, status=1)
        assert (
            done.output
            == f"Error: {config}, line 7: host[0].name: Object missing required field `name`\n"
        )


def test_commands_lead_to_hosts_by_ssh_or_any_words() -> None:
    near = HostConfig("near", slots=2, groups=["a b"], priority=3)
    assert command_for(near, "c", "unix:/s") == [
        *(sys.executable, "-m", "nws", "depalma", "run"),
        *("--server", "unix:/s", "--cluster", "c", "--name", "near"),
        *("--slots", "2", "--priority", "3", "--group", "a b"),
    ]
    far = HostConfig("far", launch="ssh", user="ann", python="/opt/my python")
    *ssh, target, text = command_for(far, "it's", "unix:/s")
    assert target == "far"
    assert ssh[0] == "ssh"
    assert ssh[-4:-1] == ["-o", "ExitOnForwardFailure=yes", "-R"]
    assert ssh[-1].endswith(".sock:/s")
    assert ssh[ssh.index("-l") + 1] == "ann"
    assert text.startswith("'/opt/my python' -m nws depalma run --server unix:/tmp/nws-depalma-")
    assert "--cluster 'it'\"'\"'s'" in text
    assert "-R" not in command_for(HostConfig("far", launch="ssh"), "c", "h:1")
    box = HostConfig("box", launch=["docker", "exec", "my-{name}"], server="gate:9")
    assert command_for(box, "c", "h:1")[:3] == ["docker", "exec", "my-box"]
    assert "gate:9" in command_for(box, "c", "h:1")
    assert command_on(box, ["x"])[-1] == "x"


@pytest.mark.slow
@pytest.mark.nightly  # the command for it is above
def test_hosts_are_reached_by_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The private server listens on no port: hosts there reach it through ssh."""
    require_sshd()
    with serving(tmp_path) as ssh:
        monkeypatch.setenv("PATH", str(ssh.bin), prepend=":")
        config = configuration(tmp_path, host("far.example", more='launch = "ssh"'), name=STRAY)
        with running_cluster(config) as user:
            outcome = user.run('echo "$SSH_CONNECTION"', pickup=True)
            assert outcome["host"] == "far.example"
            assert f" {ssh.port}\n".encode() in outcome["stdout"]
            assert "0 processes" not in run_here("kill_cluster", config).output

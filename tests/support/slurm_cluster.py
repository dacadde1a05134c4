"""A Slurm of a few nodes on loopback: its daemons, and all that they write, in one folder."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from tests.support.processes import until

PROGRAMS: Final = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")

_SETTINGS: Final = """\
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={port}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
KillWait=2
"""


class SlurmCluster:
    """A running one.

    Attributes:
        config: path of its configuration, which commands find in ``SLURM_CONF``.
    """

    def __init__(self, folder: Path, nodes: int) -> None:
        self.config = folder / "slurm.conf"
        self._folder = folder
        self._nodes: dict[str, subprocess.Popen[bytes]] = {}
        ports = _free_ports(nodes + 1)
        lines = [
            _SETTINGS.format(user=getpass.getuser(), port=ports[0], folder=folder),
            *(
                f"NodeName=n{number} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=2 "
                "RealMemory=2000\n"
                for number, port in enumerate(ports[1:], 1)
            ),
            "PartitionName=tests Nodes=ALL Default=YES MaxTime=60\n",
        ]
        self.config.write_text("".join(lines))
        (folder / "state").mkdir()

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a daemon in the foreground."""
        return subprocess.Popen(
            command,
            env={**os.environ, "SLURM_CONF": str(self.config)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start_node(self, name: str) -> subprocess.Popen[bytes]:
        """Start the daemon of a node."""
        self._nodes[name] = self.start("slurmd", "-D", "-N", name)
        return self._nodes[name]

    def fail_node(self, name: str) -> None:
        """Kill all that runs on a node, and let Slurm know: by itself it finds out in minutes."""
        daemon = self._nodes[name]
        steps = [each for each in psutil.process_iter(["cmdline"]) if self._is_step(each, name)]
        below = [child for step in steps for child in step.children(recursive=True)]
        for each in (*steps, *below):
            with suppress(psutil.NoSuchProcess):
                each.kill()
        daemon.kill()
        daemon.wait()
        self.ask("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=test")

    def _is_step(self, process: psutil.Process, node: str) -> bool:
        """Tell whether a process looks after a job on a node."""
        with suppress(psutil.Error):
            log = str(self._folder / f"slurmd-{node}.log")
            return process.name() == "slurmstepd" and log in (
                file.path for file in process.open_files()
            )
        return False

    def ask(self, *command: str) -> str:
        """Run a command of Slurm, and return what it prints."""
        env = {**os.environ, "SLURM_CONF": str(self.config)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.stdout

    def end_nodes(self) -> None:
        """End the daemons of all nodes."""
        for daemon in self._nodes.values():
            _end(daemon)

    def is_idle(self) -> bool:
        """Tell whether all nodes are up, and have no jobs."""
        states = self.ask("sinfo", "-h", "-N", "-o", "%T").split()
        return states == ["idle"] * len(self._nodes)

    def jobs(self) -> list[str]:
        """Return the states of the jobs that have not ended."""
        return self.ask("squeue", "--noheader", "--array", "-o", "%T").split()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as opened:
        sockets = [opened.enter_context(closing(socket.socket())) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def running_slurm(folder: Path, nodes: int = 2) -> Iterator[SlurmCluster]:
    """Run one until the end of the block."""
    cluster = SlurmCluster(folder, nodes)
    with ExitStack() as later:
        # The daemons of the nodes end first: they would wait for the other one.
        later.callback(_end, controller := cluster.start("slurmctld", "-D", "-i"))
        for number in range(1, nodes + 1):
            (folder / f"spool-n{number}").mkdir()
            cluster.start_node(f"n{number}")
        later.callback(cluster.end_nodes)
        until(lambda: controller.poll() is not None or cluster.is_idle(), "the nodes of Slurm")
        assert controller.poll() is None, (folder / "slurmctld.log").read_text()
        yield cluster
        cluster.ask("scancel", "--user", getpass.getuser())


def _end(daemon: subprocess.Popen[bytes]) -> None:
    daemon.send_signal(signal.SIGTERM)
    try:
        daemon.wait(15)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()


def is_there() -> bool:
    """Tell whether Slurm is installed."""
    return all(map(shutil.which, PROGRAMS))

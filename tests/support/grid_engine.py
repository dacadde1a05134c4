"""A Grid Engine of one host on loopback: its daemons, and all that they write, in one folder."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from tests.support.processes import until

PROGRAMS: Final = ("sge_qmaster", "sge_execd", "qsub", "qstat", "qdel", "qconf")

_LIBRARY: Final = Path("/usr/lib/gridengine")
_SHARED: Final = Path("/usr/share/gridengine")
_INSTALLED: Final = Path("/var/lib/gridengine")

_BOOTSTRAP: Final = """\
Version: 6.2
admin_user              none
default_domain          none
ignore_fqdn             false
spooling_method         classic
spooling_lib            libspoolc
spooling_params         {folder}/default/common;{folder}/qmaster
binary_path             /usr/sbin
qmaster_spool_dir       {folder}/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
"""

_QUEUE: Final = {
    "qname": "all.q",
    "slots": "8",
    "load_thresholds": "NONE",  # else a busy machine gets no jobs
    "shell": "/bin/sh",
    "tmpdir": "/tmp",
    "pe_list": "NONE",
}

_SCHEDULER: Final = {
    "schedule_interval": "0:0:1",
    "flush_submit_sec": "1",
    "flush_finish_sec": "1",
}


class GridEngineHost:
    """A running one.

    Attributes:
        environment: variables by which commands find it.
    """

    def __init__(self, folder: Path) -> None:
        self.environment = {
            "SGE_ROOT": str(folder),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(_free_port()),
            "SGE_EXECD_PORT": str(_free_port()),
        }
        self.host = socket.gethostname()
        self._folder = folder

    def ask(self, *command: str | Path) -> str:
        """Run a command of it, and return what it prints."""
        env = {**os.environ, **self.environment}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        return done.stdout

    def start(self, program: str) -> subprocess.Popen[bytes]:
        """Start a daemon in the foreground."""
        return subprocess.Popen(
            [program],
            env={**os.environ, **self.environment, "SGE_ND": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def jobs(self) -> list[str]:
        """Return the states of the jobs that have not ended."""
        return re.findall("<state>(.*)</state>", self.ask("qstat", "-xml", "-g", "d"))

    def prepare(self) -> None:
        """Write what the daemons read."""
        folder = self._folder
        common = folder / "default/common"
        for path in (common, *(folder / name for name in ("qmaster/job_scripts", "execd"))):
            path.mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (folder / name).symlink_to(_INSTALLED / name)
        (common / "host_aliases").write_text(f"{self.host} localhost\n")
        (common / "act_qmaster").write_text(f"{self.host}\n")
        (common / "bootstrap").write_text(_BOOTSTRAP.format(folder=folder))
        settings = {
            "execd_spool_dir": f"{folder}/execd",
            "administrator_mail": "none",
            "mailer": "/bin/true",
            "gid_range": "50700-50800",
            "load_report_time": "00:00:02",
            "shell_start_mode": "unix_behavior",
            "min_uid": "0",
            "min_gid": "0",
        }
        usual = (_SHARED / "default-configuration").read_text()
        (folder / "configuration").write_text(_changed(usual, settings))
        place = f"{common};{folder}/qmaster"
        self.ask(_LIBRARY / "spoolinit", "classic", "libspoolc", place, "init")
        spool = _LIBRARY / "spooldefaults"
        self.ask(spool, "configuration", folder / "configuration")
        self.ask(spool, "complexes", _SHARED / "util/resources/centry")
        self.ask(spool, "usersets", _SHARED / "util/resources/usersets")
        self.ask(spool, "managers", getpass.getuser())

    def configure(self) -> None:
        """Tell the running master of this host and its queue."""
        self.ask("qconf", "-ah", self.host)
        self.ask("qconf", "-as", self.host)
        scheduler = self._folder / "scheduler"
        scheduler.write_text(_changed(self.ask("qconf", "-ssconf"), _SCHEDULER))
        self.ask("qconf", "-Msconf", scheduler)

    def add_queue(self) -> None:
        """Add the queue, and wait until it takes jobs."""
        queue = self._folder / "queue"
        queue.write_text(_changed(self.ask("qconf", "-sq"), {**_QUEUE, "hostlist": self.host}))
        self.ask("qconf", "-Aq", queue)
        ready = re.compile(rf"all\.q@{re.escape(self.host)}\s+\S+\s+0/0/8\s+[\d.]+\s+\S+\s*$", re.M)
        until(lambda: ready.search(self.ask("qstat", "-f")), "the queue of Grid Engine")


def _changed(text: str, settings: Mapping[str, str]) -> str:
    for name, value in settings.items():
        text = re.sub(rf"^{name}\s.*(\\\n.*)*$", f"{name} {value}", text, flags=re.MULTILINE)
    return text


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running_grid_engine(folder: Path) -> Iterator[GridEngineHost]:
    """Run one until the end of the block. Only root can."""
    engine = GridEngineHost(folder)
    engine.prepare()
    with ExitStack() as later:
        master = engine.start("sge_qmaster")
        later.callback(_end, master, 0)  # it takes eight seconds to end by itself
        until(lambda: engine.ask("qconf", "-sh"), "the master of Grid Engine")
        engine.configure()
        daemon = engine.start("sge_execd")
        later.callback(_end, daemon, 5)
        later.callback(engine.ask, "qconf", "-ke", "all")
        engine.add_queue()
        yield engine
        engine.ask("qdel", "-f", "-u", getpass.getuser())


def _end(daemon: subprocess.Popen[bytes], grace: float) -> None:
    with suppress(subprocess.TimeoutExpired):
        daemon.wait(grace)
    daemon.kill()
    daemon.wait()


def is_there() -> bool:
    """Tell whether Grid Engine is installed, and we may run it."""
    return os.geteuid() == 0 and all(map(shutil.which, PROGRAMS))

"""The machine of the master is switched off: workers on another one end within `lease_time`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.support.machines import HERE, THERE, another_machine
from tests.support.processes import until_file, until_gone
from tests.support.server import ROOT, environment, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="network namespaces of Linux")

MASTER = """
import sys
from pathlib import Path
from nws.sleigh import Sleigh, envcmd
from tests.support.deadly import note_and_wait

class Impatient(Sleigh):
    lease_time = 3.0

_, folder, host, port, network, root, script_folder = sys.argv
sleigh = Impatient(
    launch=lambda *_: ["nsenter", f"--net={network}"], nodeList=["here"], nwsHost=host,
    nwsPort=int(port), modulePath=root, scriptDir=script_folder,
)
sleigh.eachElem(note_and_wait, [0], [Path(folder)])
"""

SECRET = {"NWS_SECRET": "what-both-machines-know"}
PATIENT = {"NWS_PEER_TIMEOUT": "600", **SECRET}
"""All else that could notice does not, while a test is patient."""


@contextmanager
def master_on(link: str, *arguments: object) -> Iterator[None]:
    """Run a master on another machine, whose workers are here."""
    command = ["ip", "netns", "exec", link, sys.executable, "-c", MASTER, *map(str, arguments)]
    with subprocess.Popen(command, env=environment(PATIENT)) as master:
        try:
            yield
        finally:
            master.kill()


@pytest.mark.slow
@pytest.mark.parametrize(
    "takes_the_server_along",
    [True, pytest.param(False, marks=pytest.mark.nightly)],  # a private server goes along
)
def test_workers_end_with_a_master_that_vanishes(
    tmp_path: Path, takes_the_server_along: bool
) -> None:
    with ExitStack() as stack:
        link = stack.enter_context(another_machine())
        prefix = ["ip", "netns", "exec", link] if takes_the_server_along else []
        host = THERE if takes_the_server_along else HERE
        options = ("--peer-timeout", "600", "--plain")
        server = stack.enter_context(
            running(tmp_path, *options, listen="tcp:0", prefix=prefix, env=SECRET)
        )
        network = f"/proc/{os.getpid()}/ns/net"
        scripts = Path(sys.executable).parent
        stack.enter_context(master_on(link, tmp_path, host, server.port, network, ROOT, scripts))
        worker = int(until_file(tmp_path / "0"))
        subprocess.run(["ip", "link", "set", link, "down"], check=True)
        until_gone([worker])

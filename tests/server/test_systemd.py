"""A server whose sockets systemd holds, started as the page says."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from nws.client import NetWorkSpace
from tests.support.server import PATIENCE, ROOT, environment
from tests.support.spaces import HOST

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

AS_SYSTEMD = """
import fcntl, os, sys
*fds, command = sys.argv[1:]
for place, fd in enumerate([fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in fds], 3):
    os.dup2(fd, place)
variables = {"LISTEN_FDS": "2", "LISTEN_FDNAMES": "nws.socket:nws.socket"}
os.environ.update(variables, LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *command.split()])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has systemd")
def test_the_units_of_the_page(tmp_path: Path) -> None:
    assert re.findall(r"^ListenStream=127\.0\.0\.1:(\d+)$", PAGE, re.MULTILINE) == ["8765", "8766"]
    (command,) = re.findall(r"^ExecStart=\S+/python (.*)$", PAGE, re.MULTILINE)
    with socket.create_server((HOST, 0)) as nws, socket.create_server((HOST, 0)) as web:
        fds = nws.fileno(), web.fileno()
        with subprocess.Popen(
            [sys.executable, "-c", AS_SYSTEMD, *map(str, fds), command],
            cwd=tmp_path,
            env=environment(),
            pass_fds=fds,
        ) as process:
            try:
                with NetWorkSpace("x", HOST, nws.getsockname()[1]) as ws:
                    ws.store("x", 1)
                    assert ws.fetch("x") == 1
                page = f"http://{HOST}:{web.getsockname()[1]}/health"
                with urlopen(page, timeout=PATIENCE) as reply:
                    assert reply.status == 200
                process.send_signal(signal.SIGTERM)
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()

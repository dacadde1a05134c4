"""The words of the commands that start workers on other machines."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import pytest

from nws.sleigh import LaunchOptions, envcmd, rshcmd, scriptcmd, sshcmd, sshforwardcmd

SSH = "ssh -x -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15"
OPTIONS = LaunchOptions("server", 8765, "localhost", 9999, "/the scripts/", "script.sh", "")
AS_SANTA = OPTIONS._replace(user="santa")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (sshcmd("node1", OPTIONS), f"{SSH} node1"),
        (sshcmd("node1", AS_SANTA), f"{SSH} -l santa node1"),
        (
            sshforwardcmd("node1", AS_SANTA),
            f"{SSH} -R localhost:9999:server:8765 -l santa node1",
        ),
        (
            sshforwardcmd("node1", OPTIONS._replace(forwarded="/tmp/nws-x/forwarded")),
            f"{SSH} -R localhost:9999:/tmp/nws-x/forwarded node1",
        ),
        (rshcmd("node1", OPTIONS), "rsh node1 -n"),
        (rshcmd("node1", AS_SANTA), "rsh node1 -l santa -n"),
        (envcmd("node1", ["A=1", "B=b c"], OPTIONS), "env A=1 'B=b c' '/the scripts/script.sh'"),
        (
            scriptcmd("node1", ["A=1", "B=b c"], OPTIONS),
            f"{shlex.quote(sys.executable)} '/the scripts/script.sh' A=1 'B=b c'",
        ),
        (envcmd("node1", [], OPTIONS._replace(scriptDir="")), "env script.sh"),
    ],
)
def test_words_of_commands(words: Sequence[str], expected: str) -> None:
    """The second part is quoted for a shell; the first is not."""
    assert " ".join(words) == expected

"""A client whose memory does not suffice for a value: the value is back, at once."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing

import pytest

from tests.support.server import Server, environment
from tests.support.spaces import Opener

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits its memory as Linux does")

MEBI = 1024 * 1024
SIZE = 60 * MEBI

CLIENT = """
import resource, sys
from nws.client import NetWorkSpace
ws = NetWorkSpace(sys.argv[1], "127.0.0.1", int(sys.argv[2]), useUse=True)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = used + int(sys.argv[4])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    getattr(ws, sys.argv[3])("x", *([5] if sys.argv[3] == "fetch_many" else []))
except MemoryError:
    print("no memory", flush=True)
sys.stdin.read()
print(ws.fetchTry("small", "nothing"), flush=True)
"""


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    ("call", "kind", "room"),
    [
        ("fetch", "bytes", MEBI),
        ("fetch", "pickle", 70 * MEBI),  # for its bytes, and not for what they hold
        ("fetchTry", "bytes", MEBI),
        ("fetch_many", "bytes", MEBI),
        ("fetch_many", "pickle", 70 * MEBI),
        pytest.param("fetch", "bytes", 40 * MEBI, marks=pytest.mark.nightly),
        pytest.param("fetch", "pickle", MEBI, marks=pytest.mark.nightly),
    ],
)
def test_the_value_is_back(opened: Opener, server: Server, call: str, room: int, kind: str) -> None:
    ws = opened()
    value: object = bytes(SIZE) if kind == "bytes" else ["pickled", "v" * SIZE]
    ws.store("x", value)
    name = ws.currentWs()
    command = [sys.executable, "-c", CLIENT, name, str(server.port), call, str(room)]
    with subprocess.Popen(
        command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert client.stdin is not None
        with closing(client.stdin):
            assert client.stdout.readline() == b"no memory\n"
            assert ws.fetch("x", timeout=20) == value
        assert client.stdout.readline() == b"nothing\n", "the client goes on"

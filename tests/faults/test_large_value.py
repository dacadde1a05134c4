"""Promise 8: a large value passes through client and server in small pieces."""

from __future__ import annotations

import filecmp
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import run_python
from tests.support.server import running

SIZE: Final = 1 << 27
MAX_GROWTH_BYTES: Final = SIZE // 10
PROGRAM: Final = """
import sys
from pathlib import Path
from nws.client import NetWorkSpace

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

port, source, target = sys.argv[1:]
with NetWorkSpace("large", serverPort=int(port)) as ws:
    before = peak()
    with open(source, "rb") as file:
        print(ws.storeFile("x", file))
    with open(target, "wb") as file:
        print(ws.findFile("x", file))
    print(peak() - before)
"""


def peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.slow
def test_it_needs_little_memory_at_both_ends(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.truncate(SIZE)
        for place in (0, 12_345, SIZE // 2, SIZE - 7):
            file.seek(place)
            file.write(b"\x01\xff value"[: SIZE - place])
    with running(tmp_path) as server:
        before = peak(server.pid)
        done = run_python("-c", PROGRAM, str(server.port), source, target, cwd=tmp_path)
        grown = peak(server.pid) - before
        assert not list(tmp_path.glob("nws-spool-*/[0-9]*")), "it went with its workspace"
    stored, found, client_grown = map(int, done.stdout.split())
    assert (stored, found) == (SIZE, SIZE)
    assert grown < MAX_GROWTH_BYTES
    assert client_grown < MAX_GROWTH_BYTES
    assert filecmp.cmp(source, target, shallow=False)
    target.unlink()

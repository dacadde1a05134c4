"""What the open files of a server are for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nws_server.open_files import divide, open_files
from tests.support.server import ROOT, environment


@pytest.mark.parametrize("limit", [32, 64, 128, 256, 1024, 4096, 20_000, 2**20])
def test_not_all_are_for_clients(limit: int) -> None:
    used = 12
    files = divide(limit, used, 10**9)
    assert files.connections >= (limit - used) // 2
    assert min(files.reserved, files.browsers) >= (2 if limit == 32 else 6)
    left = limit - used - files.connections - files.reserved - files.browsers
    assert left >= min(files.reserved, files.browsers)


def test_no_more_clients_than_are_wanted() -> None:
    assert divide(20_000, 12, 10_000).connections == 10_000
    assert divide(1024, 12, 10_000).connections == 886


def test_there_is_one_client_at_least() -> None:
    assert divide(14, 12, 100).connections == 1


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_a_server_raises_its_limit_to_what_the_system_allows() -> None:
    """Only its own process: a program that has a server within it decides for itself."""
    program = """
import resource
from twisted.internet.testing import MemoryReactorClock
from nws_server.config import Config
from nws_server.service import make_service
for reactor in (MemoryReactorClock(), None):
    make_service(Config(), reactor)
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    command = ["sh", "-c", 'ulimit -Sn 100; ulimit -Hn 200; exec "$@"', "sh", sys.executable]
    done = subprocess.run(
        [*command, "-c", program], cwd=ROOT, env=environment(), capture_output=True, check=True
    )
    assert done.stdout.split() == [b"100", b"200", b"200", b"200"]


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_what_is_open_already_is_counted() -> None:
    before = open_files(10**9)
    with open("/dev/null") as _, open("/dev/null") as _:
        assert open_files(10**9).connections <= before.connections
    assert open_files(5).connections == 5

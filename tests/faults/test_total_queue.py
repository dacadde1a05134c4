"""Promise 3, in bulk: what was stored is fetched once, whatever happens to those who fetch.

In the words of those who test databases this is a total queue: of 100,000 values none may be lost,
doubled or invented, while consumers are killed, time out and are interrupted.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from nws.client import NetWorkSpace
from tests.support.server import PATIENCE, Server, environment, running

PROGRAM: Final = Path(__file__).parent / "programs" / "total_queue.py"
PRODUCERS: Final = 8
CONSUMERS: Final = 8
VALUES: Final = 100_000
VICTIMS: Final = 24


@contextmanager
def program(server: Server, role: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(PROGRAM), role, str(server.port), *map(str, arguments)]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def strike(server: Server, folder: Path, rng: random.Random, number: int) -> None:
    """Let a consumer begin, and end it at a random moment."""
    role, blow = rng.choice([("be_killed", signal.SIGKILL), ("be_interrupted", signal.SIGINT)])
    with program(server, role, number, folder / f"v{number}") as victim:
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        threading.Event().wait(rng.random() * 0.05)  # the moment of the blow
        victim.send_signal(blow)
        victim.wait(PATIENCE)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    rng = random.Random(42)
    share = VALUES // PRODUCERS
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path))
        ws = stack.enter_context(NetWorkSpace("total queue", serverPort=server.port))
        logs = [tmp_path / f"c{n}" for n in range(CONSUMERS)]
        producers = [
            stack.enter_context(program(server, "produce", n, n * share, share))
            for n in range(PRODUCERS)
        ]
        consumers = [
            stack.enter_context(program(server, "consume", n, log)) for n, log in enumerate(logs)
        ]
        for number in range(VICTIMS):
            strike(server, tmp_path, rng, number)
        for producer in producers:
            assert producer.wait(2 * PATIENCE) == 0
        ws.store("done", True)
        for consumer in consumers:
            assert consumer.wait(2 * PATIENCE) == 0
        left = ws.fetchTry("values", "nothing")
    victims = [path for path in tmp_path.glob("v*") if path.is_file()]
    fetched = Counter(
        int(line) for path in [*logs, *victims] for line in path.read_text().splitlines()
    )
    assert left == "nothing"
    assert max(fetched.values()) == 1, "doubled"
    assert set(fetched) <= set(range(VALUES)), "invented"
    # A victim may have been struck between the acknowledgement of a value and its line in the file.
    lost = VALUES - len(fetched)
    assert lost <= len(victims)
    assert sum(len(path.read_text().splitlines()) for path in victims) > 0, "they took part"

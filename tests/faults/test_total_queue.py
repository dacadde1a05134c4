"""Promise 3, in bulk: what was stored is fetched once, whatever happens to those who fetch.

In the words of those who test databases this is a total queue: of all values none may be lost,
doubled or invented, while consumers are killed, time out and are interrupted. A consumer that is
killed may have been struck between the return of its last call and its next line in its file, so
the values of that one call may be missing there, and no others.
"""

from __future__ import annotations

import random
import signal
import subprocess
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from nws.client import NetWorkSpace
from tests.support.processes import until
from tests.support.programs import started
from tests.support.server import PATIENCE, Server, running
from tests.support.spaces import HOST

PROGRAM: Final = "faults/programs/total_queue.py"
INTERRUPTED: Final = 3


@dataclass
class Log:
    """What a consumer wrote down.

    Attributes:
        values: that it fetched.
        in_doubt: how many it may have fetched in its last call without writing them down.
    """

    values: list[int] = field(default_factory=list)
    in_doubt: int = 0

    @classmethod
    def read(cls, path: Path) -> Log:
        log = cls()
        for line in path.read_text().splitlines():
            if line.startswith("call "):
                log.in_doubt = int(line[5:])
            else:
                log.values.append(int(line))
                log.in_doubt = 0
        return log


class Crowd:
    """The processes around one server."""

    def __init__(self, stack: ExitStack, server: Server, folder: Path) -> None:
        self.folder = folder
        self.victims: list[Path] = []
        self._stack = stack
        self._server = server
        self._random = random.Random(42)
        self._ws = stack.enter_context(NetWorkSpace("total queue", HOST, server.port))

    def start(self, role: str, seed: int, *arguments: object) -> subprocess.Popen[str]:
        """Start a process."""
        process = started(PROGRAM, role, self._server.port, seed, *arguments)
        return self._stack.enter_context(process)

    def consumer(self, name: str, role: str = "consume") -> subprocess.Popen[str]:
        """Start a consumer that writes to a file of this name."""
        return self.start(role, len(name), self.folder / name)

    def wait_for_values(self) -> None:
        """Wait until producers have begun."""
        self._ws.find("begun", timeout=PATIENCE)

    def let_pass(self, most: int) -> None:
        """Let a random time pass, which is as long as the server needs for some requests."""
        for _ in range(self._random.randrange(most)):
            self._ws.findTry("nothing")

    def victim(self) -> subprocess.Popen[str]:
        """Start a consumer that is to be killed."""
        path = self.folder / f"victim {len(self.victims)}"
        self.victims.append(path)
        return self.consumer(path.name)

    def strike(
        self, victim: subprocess.Popen[str], interrupted: list[subprocess.Popen[str]]
    ) -> None:
        """Kill a consumer at a random moment, and interrupt others meanwhile."""
        for _ in range(10):
            self.let_pass(20)
            self._random.choice(interrupted).send_signal(signal.SIGINT)
        self.let_pass(100)
        victim.kill()
        victim.wait(PATIENCE)

    def end(self, consumers: int) -> None:
        """Tell the consumers to end, once the server knows of the victims' deaths."""
        until(
            lambda: self._ws.server.status()["connections"] == consumers + 1,
            "what the victims had in hand to come back",
        )
        self._ws.store("done", True)

    def left(self) -> int:
        """Return how many values nobody has fetched."""
        return len(list(self._ws.ifetchTry("values")))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "crowd_size", "victims"),
    [(5_000, 4, 4), pytest.param(40_000, 8, 16, marks=pytest.mark.nightly)],
)
def test_nothing_is_lost_or_doubled(
    tmp_path: Path, values: int, crowd_size: int, victims: int
) -> None:
    share = values // crowd_size
    with ExitStack() as stack:
        server = stack.enter_context(running(tmp_path))
        crowd = Crowd(stack, server, tmp_path)
        consumers = [crowd.consumer(f"consumer {number}") for number in range(crowd_size)]
        interrupted = [
            crowd.consumer(f"interrupted {number}", "be_interrupted")
            for number in range(INTERRUPTED)
        ]
        killed = [crowd.victim() for _ in range(victims)]
        for process in interrupted + killed:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        producers = [crowd.start("produce", n, n * share, share) for n in range(crowd_size)]
        crowd.wait_for_values()
        for victim in killed:
            crowd.strike(victim, interrupted)
        for process in producers:
            assert process.wait(2 * PATIENCE) == 0
        crowd.end(len(consumers) + len(interrupted))
        for process in consumers + interrupted:
            assert process.wait(2 * PATIENCE) == 0
        assert crowd.left() == 0
    steady = [Log.read(path) for path in tmp_path.glob("[ci]*") if path.is_file()]
    struck = [Log.read(path) for path in crowd.victims]
    fetched = Counter(value for log in steady + struck for value in log.values)
    assert max(fetched.values()) == 1, "doubled"
    assert set(fetched) <= set(range(values)), "invented"
    lost = values - len(fetched)
    assert lost <= sum(log.in_doubt for log in struck), "lost"
    assert sum(len(log.values) for log in struck) > 0, "they took part"

"""Producers and consumers of one variable, for ``test_total_queue.py``.

Called with a role, the port, a seed and, for consumers, a file that is given each value once it was
fetched, one a line.
"""

from __future__ import annotations

import random
import signal
import sys
from pathlib import Path
from types import FrameType

from nws.client import NetWorkSpace, NwsTimeoutException

VARIABLE = "values"
BATCH = 100


def produce(ws: NetWorkSpace, rng: random.Random, first: str, count: str) -> None:
    """Store numbers, some one by one and some together."""
    numbers = list(range(int(first), int(first) + int(count)))
    while numbers:
        size = rng.choice((1, 1, BATCH))
        ws.store_many(VARIABLE, numbers[:size]) if size > 1 else ws.store(VARIABLE, numbers[0])
        del numbers[:size]


def consume(ws: NetWorkSpace, rng: random.Random, path: str) -> None:
    """Fetch, in every way, until the producers are done and nothing has come for a time."""
    with Path(path).open("a", buffering=1) as log:
        while True:
            done = ws.findTry("done")
            try:
                if rng.random() < 0.3:
                    values = [ws.fetch(VARIABLE, timeout=0.3)]
                else:
                    values = ws.fetch_many(VARIABLE, rng.randrange(1, BATCH), timeout=0.3)
            except NwsTimeoutException:
                if done:
                    return
                continue
            log.write("".join(f"{value}\n" for value in values))


def be_killed(ws: NetWorkSpace, rng: random.Random, path: str) -> None:
    """Fetch one by one until somebody kills us."""
    with Path(path).open("a", buffering=1) as log:
        print("ready", flush=True)
        while True:
            log.write(f"{ws.fetch(VARIABLE)}\n")


def be_interrupted(ws: NetWorkSpace, rng: random.Random, path: str) -> None:
    """Fetch one by one; an interruption costs no value, but that of a fetch that was over."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    with Path(path).open("a", buffering=1) as log:
        print("ready", flush=True)
        while True:
            try:
                log.write(f"{ws.fetch(VARIABLE)}\n")
            except KeyboardInterrupt:
                return


def main(role: str, port: str, seed: str, *arguments: str) -> None:
    with NetWorkSpace("total queue", serverPort=int(port), useUse=True) as ws:
        globals()[role](ws, random.Random(int(seed)), *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Producers and consumers of one variable, for ``test_total_queue.py``.

Called with a role, the port, a seed and, for consumers, a file. A consumer appends ``call N`` to it
before it asks for at most N values, and each value once it was fetched; every time in one write,
which the system does whole even when the process is killed.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from functools import partial
from types import FrameType
from typing import Any

from nws.client import NetWorkSpace, NwsTimeoutException
from tests.support.strikes import inside

VARIABLE = "values"
BATCH = 100


def produce(ws: NetWorkSpace, rng: random.Random, first: str, count: str) -> None:
    """Store numbers, some one by one and some together."""
    numbers = list(range(int(first), int(first) + int(count)))
    ws.store(VARIABLE, numbers.pop(0))
    ws.store("begun", True)
    while numbers:
        size = rng.choice((1, 1, BATCH))
        ws.store_many(VARIABLE, numbers[:size]) if size > 1 else ws.store(VARIABLE, numbers[0])
        del numbers[:size]


def consume(ws: NetWorkSpace, rng: random.Random, path: str) -> None:
    """Fetch, in every way, until the producers are done and nothing has come for a time."""
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    print("ready", flush=True)
    while True:
        done = ws.findTry("done")
        limit = rng.choice((1, 1, 2, BATCH // 10, BATCH))
        timeout = 0.3 if done else rng.choice((0, 0.001, 0.01, 0.3))
        os.write(log, b"call %d\n" % limit)
        got: list[Any] = []
        try:
            # Between the return of the call and the list nothing can strike.
            if limit == 1:
                got.extend(map(partial(ws.fetch, timeout=timeout), [VARIABLE]))
            else:
                got.extend(map(partial(ws.fetch_many, limit=limit, timeout=timeout), [VARIABLE]))
                got = got[0]
        except NwsTimeoutException:
            if done:
                return
        except KeyboardInterrupt:
            pass
        os.write(log, b"".join(b"%d\n" % value for value in got))


def be_interrupted(ws: NetWorkSpace, rng: random.Random, path: str) -> None:
    """Fetch, and be interrupted again and again."""

    def interrupt(_: int, frame: FrameType | None) -> None:
        fetching = frame
        while fetching is not None and fetching.f_code.co_name not in ("fetch", "fetch_many"):
            fetching = fetching.f_back
        if fetching is not None and inside(frame):
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    consume(ws, rng, path)


def main(role: str, port: str, seed: str, *arguments: str) -> None:
    with NetWorkSpace("total queue", "127.0.0.1", int(port), useUse=True) as ws:
        globals()[role](ws, random.Random(int(seed)), *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Ping and pong: two processes that wait for each other, a thousand times.

Teaches: a blocking fetch is all the synchronization that two programs need.
Run it with a server (`nws server start`):  python examples/ping_pong.py [host [port]]
"""

import multiprocessing
import sys
import time

from nws.client import NetWorkSpace

ROUNDS = 1000


def pong(host: str, port: int) -> None:
    with NetWorkSpace("ping pong", host, port, useUse=True) as ws:
        for _ in range(ROUNDS):
            ws.store("pong", ws.fetch("ping"))


def main(host: str = "localhost", port: str = "8765") -> None:
    with NetWorkSpace("ping pong", host, int(port)) as ws:
        process = multiprocessing.get_context("spawn").Process(target=pong, args=(host, int(port)))
        process.start()
        ws.store("ping", 0)
        started = time.perf_counter()
        for ball in range(ROUNDS):
            assert ws.fetch("pong") == ball
            if ball + 1 < ROUNDS:
                ws.store("ping", ball + 1)
        seconds = time.perf_counter() - started
        process.join()
    print(f"{ROUNDS} rounds, {1e6 * seconds / ROUNDS:.0f} microseconds each")


if __name__ == "__main__":
    main(*sys.argv[1:])

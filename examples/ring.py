"""A ring: processes pass a token round, each to its neighbor.

Teaches: a variable for each process is a mailbox; a workspace belongs to who opens it, and others
use it.
Run it with a server (`nws server start`):  python examples/ring.py [host [port]]
"""

import multiprocessing
import sys

from nws.client import NetWorkSpace

PROCESSES = 4
ROUNDS = 100


def member(rank: int, host: str, port: int) -> None:
    with NetWorkSpace("ring", host, port, useUse=True) as ws:
        for _ in range(ROUNDS):
            token = ws.fetch(f"mailbox {rank}")
            ws.store(f"mailbox {(rank + 1) % PROCESSES}", [*token, rank][-PROCESSES:])


def main(host: str = "localhost", port: str = "8765") -> None:
    context = multiprocessing.get_context("spawn")
    with NetWorkSpace("ring", host, int(port)) as ws:
        members = [
            context.Process(target=member, args=(rank, host, int(port)))
            for rank in range(PROCESSES)
        ]
        for process in members:
            process.start()
        ws.store("mailbox 0", [])
        for process in members:
            process.join()
        print(f"after {ROUNDS} rounds the token was last held by", ws.fetch("mailbox 0"))


if __name__ == "__main__":
    main(*sys.argv[1:])

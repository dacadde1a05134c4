"""A ring of workers: a token goes from the master to each of them and back, some rounds.

Teaches: eachWorker runs a function on all workers at once, and blocking=False leaves the master
free; they meet in the user workspace, which is SleighUserNws in a worker and userNws in the master.
    python examples/worker_ring.py [--workers N] [--rounds N]
"""

import argparse

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh

# Workers find these as global names.
SleighRank: int
SleighWorkerCount: int
SleighUserNws: NetWorkSpace


def barrier() -> None:
    """Wait until all workers are here."""
    SleighUserNws.store("arrived", SleighRank)
    SleighUserNws.fetch(f"go {SleighRank}")


def open_barrier(ws: NetWorkSpace, workers: int) -> None:
    """Wait until all workers are there, then let each of them go."""
    for rank in [ws.fetch("arrived") for _ in range(workers)]:
        # A variable for each: a fast worker, already back, could take the leave of a slow one.
        ws.store(f"go {rank}", None)


def pass_on(rounds: int) -> str:
    """Pass the token to the next worker, the last one to the master, once in a round."""
    after = "master" if SleighRank == SleighWorkerCount - 1 else SleighRank + 1
    for _ in range(rounds):
        barrier()
        token = SleighUserNws.fetch(f"mailbox {SleighRank}")
        SleighUserNws.store(f"mailbox {after}", [*token, SleighRank])
    return f"worker {SleighRank} of {SleighWorkerCount} passed it on to {after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Pass a token round a ring of workers.")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Sleigh(workerCount=options.workers) as sleigh:
        ws = sleigh.userNws
        pending = sleigh.eachWorker(pass_on, options.rounds, blocking=False)
        for number in range(1, options.rounds + 1):
            open_barrier(ws, options.workers)
            ws.store("mailbox 0", ["master"])
            print(f"round {number}:", *ws.fetch("mailbox master"))
        print(*pending.wait(), sep="\n")


if __name__ == "__main__":
    main()

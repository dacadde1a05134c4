"""Stores, fetches and leases while a timer's handler raises exceptions at random moments.

Usage: storm.py PORT SEED ROUNDS. Prints as JSON what was stored, fetched and left.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from types import FrameType
from typing import Any, TypeVar

from nws.client import NetWorkSpace, NwsLeaseLostException, NwsTimeoutException
from tests.support.strikes import Strike, inside

T = TypeVar("T")
R = TypeVar("R")

_SOON = 20e-6
"""Seconds. The timer tries again after this when it has not hit the client."""


class Storm:
    """Strikes at random moments while `during` runs something."""

    def __init__(self, random: Random) -> None:
        self.strikes = 0
        self._random = random
        self._left = 0
        signal.signal(signal.SIGALRM, self._strike)

    def during(self, act: Callable[[T], R], argument: T) -> tuple[list[R], bool]:
        """Act; return what the act returned, if it did, and whether it was not struck."""
        returned: list[R] = []
        self._left = self._random.choice((1, 1, 1, 2, 3))
        # An interval of such a kind that every moment has its turn, on a slow machine too.
        signal.setitimer(signal.ITIMER_REAL, 10 ** self._random.uniform(-5.3, -3))
        try:
            # Nothing can strike between the return of the act and the list.
            returned.extend(map(act, [argument]))
            return returned, True
        except NwsTimeoutException:
            return returned, True
        except (Strike, TimeoutError):
            return returned, False
        finally:
            self._left = 0

    def _strike(self, _: int, frame: FrameType | None) -> None:
        if not self._left:
            return
        if not inside(frame):
            signal.setitimer(signal.ITIMER_REAL, _SOON)
            return
        self._left -= 1
        self.strikes += 1
        if self._left:
            signal.setitimer(signal.ITIMER_REAL, 10 ** self._random.uniform(-5.3, -3.5))
        raise self._random.choice((Strike(), TimeoutError("the alarm went off")))


class Client:
    """One client in the storm, and its books.

    Attributes:
        stored: numbers whose store came to its end.
        doubtful: numbers whose store was interrupted.
        got: numbers that were fetched, or leased and settled.
    """

    def __init__(self, ws: NetWorkSpace, storm: Storm, random: Random) -> None:
        self.ws = ws
        self.stored: list[int] = []
        self.doubtful: list[int] = []
        self.got: list[int] = []
        self._storm = storm
        self._random = random
        self._number = 0

    def act(self) -> None:
        """Do one operation in the storm."""
        if self._random.random() < 0.4:
            self._store()
        else:
            self._random.choice((self._fetch, self._fetch_many, self._iterate, self._lease))()

    def _store(self) -> None:
        number = self._number = self._number + 1
        value = (number, bytes(400_000 if number % 20 == 0 else 10))
        _, done = self._storm.during(partial(self.ws.store, "x"), value)
        (self.stored if done else self.doubtful).append(number)

    def take(self, values: list[Any]) -> None:
        """Enter values into the books."""
        for number, filling in values:
            assert filling == bytes(len(filling))
            assert len(filling) in (10, 400_000)
            self.got.append(number)

    def _fetch(self) -> None:
        timeout = self._random.choice((0, 0.001))
        values, _ = self._storm.during(partial(self.ws.fetch, timeout=timeout), "x")
        self.take(values)

    def _fetch_many(self) -> None:
        batches, _ = self._storm.during(partial(self.ws.fetch_many, limit=3, timeout=0), "x")
        for batch in batches:
            self.take(batch)

    def _iterate(self) -> None:
        values, _ = self._storm.during(partial(next, self.ws.ifetchTry("x")), None)
        self.take([value for value in values if value is not None])

    def _lease(self) -> None:
        leases, _ = self._storm.during(partial(self.ws.lease, timeout=0), "x")
        for lease in leases:
            _, done = self._storm.during(lease.settle, ())
            try:
                if not done:
                    lease.release(blame=False)  # had it been settled?
                    continue
            except NwsLeaseLostException:
                pass
            self.take([lease.value])


def main(port: int, seed: int, rounds: int) -> None:
    """Run the storm."""
    random = Random(seed)
    storm = Storm(random)
    ws = NetWorkSpace("storm", "127.0.0.1", port)
    client = Client(ws, storm, random)
    ws.store("constant", "unchanged")
    for number in range(rounds):
        client.act()
        if number % 50 == 0:
            assert ws.find("constant") == "unchanged"
    # The last alarm may be late: when Python ends, there is no handler any more.
    signal.setitimer(signal.ITIMER_REAL, 0)
    left: list[int] = []
    with suppress(NwsTimeoutException):
        while True:
            left += [number for number, _ in ws.fetch_many("x", 100, timeout=0)]
    status = ws.server.status()
    print(
        json.dumps(
            {
                "stored": client.stored,
                "doubtful": client.doubtful,
                "got": client.got,
                "left": left,
                "strikes": storm.strikes,
                "status": {name: status[name] for name in ("leases", "waiting", "connections")},
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

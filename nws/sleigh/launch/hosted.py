"""A supervisor that lives in a process of somebody else's cluster, such as a worker of Dask.

It is a process of its own below that one, and tied to it by its stdin: first a line with what it
needs to know comes there, then its end. There may be more of them than the sleigh wants. So each
leases a *place*, and with it the id of a supervisor, from the sleigh's workspace. Those that get
none wait. When one ends, however that came about, its lease does too, and another takes its place.
"""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from nws.client import Lease, NetWorkSpace, NwsServer
from nws.errors import NwsException, NwsTimeoutException
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.reachable import reachable_host
from nws.sleigh.shared.exit_status import LEFT
from nws.sleigh.shared.settings import Settings
from nws.sleigh.supervisor.supervisor import main as supervise

__all__ = ["HostedSupervisor", "main", "offer_places"]

_log = logging.getLogger("nws")

_PLACES: Final = "places"

_LOOK_SECONDS: Final = 1.0
"""Between looks whether the process above is there, while it waits for a place."""

_LIFE_SECONDS: Final = 1e8
"""Of the lease of a place: it ends with its session."""

_GRACE_SECONDS: Final = 3.0
"""For it to end by itself."""

_FIRST_PAUSE_SECONDS: Final = 0.5
"""Before one that has failed is started again; each further pause is twice as long."""

_MAX_PAUSE_SECONDS: Final = 30.0


def offer_places(workspace: NetWorkSpace, places: Sequence[tuple[str, int]]) -> None:
    """Store the places of a sleigh: the id of each supervisor, and how many workers it starts."""
    for place in places:
        workspace.store(_PLACES, json.dumps(place))


class HostedSupervisor:
    """In the process above: keeps one running until the sleigh is over."""

    def __init__(self, order: JobOrder) -> None:
        """Start it."""
        self._line = json.dumps(order).encode() + b"\n"
        self._stopped = threading.Event()
        self._changing = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="nws supervisor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stopped.set()
        with self._changing:
            process = self._process
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(_GRACE_SECONDS)

    def _keep(self) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while status := self._run():
            if status != LEFT:  # it was told to leave: perhaps we are, too
                _log.warning("a supervisor of workers has ended with status %d", status)
            if self._stopped.wait(pause):
                return
            pause = min(2 * pause, _MAX_PAUSE_SECONDS)

    def _run(self) -> int:
        """Run one to its end, and return its exit status; 0 if none is wanted any more."""
        with self._changing:
            if self._stopped.is_set():
                return 0
            command = [sys.executable, "-m", "nws.sleigh.launch.hosted"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=os.path.sep)
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(OSError):  # it has ended
            stdin.write(self._line)
            stdin.flush()
        status = self._process.wait()
        with suppress(OSError):  # the line was not read
            stdin.close()
        return status


def main() -> None:
    """Wait for a place, and run workers there until the sleigh is over or stdin ends."""
    order = _read_order()
    if order is None:
        return
    where = order.settings.where
    try:
        host = reachable_host(order.hosts, where.port)
        server = NwsServer(host, where.port, peer_timeout=where.lease_time, login=where.login)
        workspace = server.useWs(where.workspace, create=False)
    except (OSError, NwsException) as error:
        sys.exit(f"nws: a worker cannot join: {error}")
    try:
        place = _wait_for_place(workspace)
    except NwsException:
        return  # the sleigh is over
    if place is not None:
        id, workers = json.loads(place.value)
        settings = order.settings._replace(
            where=where._replace(host=host),
            id=id,
            workers=workers,
            neighbours=workers,
            life_line=True,
        )
        sys.exit(supervise(settings))


def _read_order() -> JobOrder | None:
    line = sys.stdin.buffer.readline()
    if not line:
        return None
    settings, hosts, first_index, jobs = json.loads(line)
    return JobOrder(Settings.from_plain(settings), hosts, first_index, jobs)


def _wait_for_place(workspace: NetWorkSpace) -> Lease | None:
    """Lease a place; return None if stdin ends before there is one.

    Raises:
        NwsException: the sleigh is over.
    """
    while True:
        try:
            return workspace.lease(_PLACES, timeout=_LOOK_SECONDS, duration=_LIFE_SECONDS)
        except NwsTimeoutException:
            ended, _, _ = select.select([0], [], [], 0)
            if ended:
                return None


if __name__ == "__main__":
    main()

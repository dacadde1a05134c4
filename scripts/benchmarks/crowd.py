"""The program of a crowd (see `cluster`): many machines of a sleigh, in one process that has no
worker processes.

What a machine says to the server is what a supervisor and its workers say, by their own code: it
joins, appears, watches, and each worker has a session with two connections and waits for tasks. The
function of a task is not run: its argument is its result. Like other contenders it answers lines.
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Final

from nws.client import NwsServer
from nws.session.endpoint import find_endpoint
from nws.session.transport import Transport
from nws.sleigh.shared.messages import (
    CONTROL,
    NO_ELEMENT,
    RESULT,
    TASK,
    Results,
    message_to_wire,
    task_from_wire,
)
from nws.sleigh.shared.settings import Settings, Where
from nws.sleigh.shared.spans import SHOWN, Spans
from nws.sleigh.supervisor.supervisor import Supervisor
from nws.sleigh.supervisor.worker_process import WorkerProcess
from nws.values import Encoder, decode
from nws.wire.requests import Field
from nws.workspace.presence import Presence
from scripts.benchmarks.peers import SPACE
from scripts.benchmarks.processes import HOST

JOIN: Final = "join"
REPORT: Final = "report"
FUNCTION: Final = "function"

WORKERS_PER_MACHINE: Final = 10
FUNCTION_VARIABLE: Final = "function of the crowd"

_SPACE: Final = SPACE.encode()
_ENCODER: Final = Encoder()
_LEASE_SECONDS: Final = 600.0
_MAX_LEASED_TASKS: Final = 64
_LINES: Final = 20
_LINE: Final = "what a worker says when it has done some of its work"


class _Worker:
    """A worker's session, and the connection on which it waits for tasks."""

    def __init__(self, process: WorkerProcess, where: Where) -> None:
        self._rank = process.rank
        process.pid = os.getpid()
        self._server = NwsServer(where.host, where.port, peer_timeout=where.lease_time)
        self._server.useWs(where.workspace, create=False)
        self._transport = Transport(find_endpoint(where.host, where.port))
        self._transport.run([b"attach", self._server.session.encode()])
        duration = b"%d" % (_LEASE_SECONDS * 1000)
        limit = b"%d" % _MAX_LEASED_TASKS
        self._lease: list[Field] = [b"lease", _SPACE, TASK.encode(), limit, b"", duration]
        self._ask()

    def _ask(self) -> None:
        self._exchange = self._transport.pending = self._transport.prepare(self._lease)
        self._transport.send(self._exchange)

    def fileno(self) -> int:
        """Return the number of the socket on which tasks come."""
        return self._transport.socket.fileno()

    def do_tasks(self) -> None:
        """Do the tasks that have come, and ask for more."""
        items = self._transport.end(self._exchange).items
        self._transport.pending = None  # or they would go back
        fields: list[Field] = [b"settle", b" ".join(b"%d" % item.lease for item in items)]
        for item in items:
            task = task_from_wire(decode(item.descriptor, item.payload))
            assert task is not None
            results = Results(task.call.number, self._rank, task.first, task.elements, 0.0)
            fields += (_SPACE, RESULT.encode(), *_ENCODER.encode(message_to_wire(results)))
        self._transport.run(fields)
        self._ask()


class _Machine(Supervisor):
    """A supervisor that starts no processes."""

    def appear(self) -> list[_Worker]:
        """Do what a supervisor does once it has joined, and open the sessions of the workers."""
        where, ranks = self._settings.where, [worker.rank for worker in self._workers]
        self._presence = Presence(self._workspace, self._settings.id, ranks, where.lease_time)
        self._control = self._workspace.watch(CONTROL)
        workers = [_Worker(process, where) for process in self._workers]
        self.report()
        return workers

    def report(self) -> None:
        """Publish reports as long as they get, all of them news."""
        now = time.monotonic_ns()
        for process in self._workers:
            process.cells.tasks_done += 1
            report = self._reports.of(process.rank)
            report.note_lines([(1, NO_ELEMENT, "stdout", _LINE)] * _LINES)
            spans = Spans(process.cells)
            for number in range(SHOWN):
                begin = now + number * 1_000_000_000
                spans.add(1, number, 1, begin, begin + 500_000_000)
        self._reports.due = 0.0
        self._reports.look(time.monotonic())

    def find_function(self) -> None:
        """Get the function of a call."""
        self._workspace.find(FUNCTION_VARIABLE)


class _Crowd:
    """All machines of this process."""

    def __init__(self, port: int) -> None:
        self._where = Where(HOST, port, SPACE, SPACE, _LEASE_SECONDS, logging.INFO)
        self._ids = (f"crowd-{os.getpid()}-{number}" for number in count())
        self._machines: list[_Machine] = []
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Do tasks, and what stdin says, until that ends."""
        pieces: dict[str, Callable[[int], None]] = {
            JOIN: self._join,
            REPORT: self._report,
            FUNCTION: self._find_function,
        }
        self._selector.register(sys.stdin, selectors.EVENT_READ)
        print(json.dumps({}), flush=True)
        while True:
            for key, _ in self._selector.select():
                if key.data is not None:
                    key.data()
                    continue
                line = sys.stdin.readline()
                if not line:
                    return
                piece, amount = json.loads(line)
                start = time.perf_counter()
                pieces[piece](amount)
                print(json.dumps({"measured": time.perf_counter() - start}), flush=True)

    def _join(self, machines: int) -> None:
        for id, _ in zip(self._ids, range(machines), strict=False):
            settings = Settings(self._where, id, WORKERS_PER_MACHINE, neighbours=1)
            machine = _Machine(settings)
            self._machines.append(machine)
            for worker in machine.appear():
                self._selector.register(worker, selectors.EVENT_READ, worker.do_tasks)
                self._workers.append(worker)

    def _report(self, _: int) -> None:
        for machine in self._machines:
            machine.report()

    def _find_function(self, machines: int) -> None:
        with ThreadPoolExecutor(machines) as threads:
            list(threads.map(_Machine.find_function, self._machines[:machines]))


if __name__ == "__main__":
    _Crowd(int(sys.argv[1])).run()

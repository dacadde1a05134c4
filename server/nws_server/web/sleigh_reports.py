"""The reports of a sleigh in its workspace, and what is kept of them when it has ended."""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from twisted.logger import Logger

from nws_server.web.inspector import Inspector
from nws_server.web.kept_runs import KeptRun
from nws_server.web.names import DisplayName, shorten
from nws_server.web.not_found import NotFound
from nws_server.web.reports import Report, parse, read_last_texts, read_text

__all__ = [
    "FoundSleigh",
    "SleighReports",
    "find_sleigh",
    "is_sleigh",
    "keep_sleigh",
    "kept_reports",
    "read_sleigh",
]

TASKS: Final = b"task"
RESULTS: Final = b"result"
CALLS: Final = b"calls"
JOBS: Final = b"jobs"
WORKER: Final = b"worker "
FAILURES: Final = b"failures "
_OUTPUT: Final = b"output "
GONE: Final = b"gone "
WORKER_COUNT: Final = b"workerCount"
RUN_ME: Final = b"runMe"
_NAME: Final = b"name"
WAITS_FOR_WORKERS: Final = b"deleteMeWhenAllWorkersStarted"

_SLEIGH_VARIABLES: Final = (TASKS, RESULTS, b"rankCount", WORKER_COUNT)
_MAX_NAME_CHARS: Final = 64
MAX_GROUP_CHARS: Final = 64
_MAX_WORKERS: Final = 5000
_MAX_FAILURES: Final = 100
"""Of each worker, as many as it keeps."""

_MAX_WORKER_BYTES: Final = 20_000_000
"""Bytes that are read of the reports of all workers. That takes half a second."""

_MAX_FAILURE_BYTES: Final = 4_000_000
"""Bytes that are read of all failures."""

_MAX_OUTPUT_BYTES: Final = 1_100_000
"""Bytes that are read of the output of all workers: a little more than they keep."""

_MAX_BLOCKS: Final = 1000
"""Of the output of each worker."""


_COMPRESSION_LEVEL: Final = 1
"""The quickest. Reports become a tenth as long."""

_log = Logger()


class SleighReports(NamedTuple):
    """What a sleigh says of itself, as texts, and what is in its queues."""

    calls_text: str | None
    worker_texts: Sequence[str | None]
    """By rank."""
    failure_texts: Sequence[Sequence[str]]
    """By rank, those of each, oldest first."""
    gone: Collection[str]
    """Ids of supervisors that are gone."""
    queued: Mapping[str, int]
    """Tasks that nobody does, by the groups of workers that they wait for; empty for anybody."""
    running: int
    """Tasks that workers do."""
    unread: int
    """Results that the master has not read."""
    closed: bool
    """Whether no more workers can join."""
    jobs_text: str | None = None
    name: str = ""
    """What its user calls it."""
    output_texts: Sequence[Sequence[str]] = ()
    """By rank, the blocks of what each has written, oldest first."""
    ended: bool = False
    """Whether they are what it said last."""

    def calls(self) -> Iterator[Report]:
        """Walk the reports about calls, oldest first."""
        content = parse(self.calls_text)
        return iter(()) if content is None else Report(content).parts("calls")

    def batch_system(self) -> str:
        """Return the name of the batch system in which its workers are jobs; empty if in none."""
        content = parse(self.jobs_text)
        return "" if content is None else Report(content).text("system")

    def jobs(self) -> Iterator[Report]:
        """Walk the jobs of a batch system."""
        content = parse(self.jobs_text)
        return iter(()) if content is None else Report(content).parts("jobs")

    def workers(self) -> dict[int, Report]:
        """Return the reports about all workers, by rank; see `worker`."""
        return dict(self.each_worker())

    def each_worker(self) -> Iterator[tuple[int, Report]]:
        """Read the reports about all workers one at a time, each with its rank; see `worker`."""
        for rank in range(len(self.worker_texts)):
            if (report := self.worker(rank)) is not None:
                yield rank, report

    def worker(self, rank: int) -> Report | None:
        """Return the report about a worker; None if there is none. What it says is out of date if
        its supervisor is gone: then its state is ``gone``, and ``ended`` if the sleigh has."""
        content = parse(self.worker_texts[rank])
        if content is None:
            return None
        report = Report(content)
        if self.ended:
            return report.updated(state="ended", current=None)
        if report.text("id") in self.gone:
            return report.updated(state="gone", current=None)
        return report

    def failures(self) -> Iterator[tuple[int, Report]]:
        """Walk the last failures of all workers, each with the worker's rank."""
        for rank, texts in enumerate(self.failure_texts):
            for content in map(parse, texts):
                if isinstance(content, dict):
                    yield rank, Report(content)

    def output(self) -> Iterator[tuple[int, Report]]:
        """Walk what is kept of the workers' output: the rank, and a block with ``lines``."""
        for rank, texts in enumerate(self.output_texts):
            for content in map(parse, texts):
                yield rank, Report({"lines": content})


def is_sleigh(inspector: Inspector, ws: bytes) -> bool:
    """Tell whether a workspace looks like that of a sleigh."""
    return all(inspector.look.variable(ws, mark) is not None for mark in _SLEIGH_VARIABLES)


def read_sleigh(
    inspector: Inspector, ws: bytes, *, failures: bool = True, output: bool = False
) -> SleighReports:
    """Read the reports of a sleigh; failures and output only if they are wanted."""
    look = inspector.look
    unread, count = look.variable(ws, RESULTS), look.variable(ws, WORKER_COUNT)
    workers = list(_read_workers(inspector, ws))
    variables = look.variables(ws)
    queues = [each for each in variables if each.name.partition(b" ")[0] == TASKS]
    gone = [each.name for each in variables if each.name.startswith(GONE) and each.queue]
    return SleighReports(
        read_text(inspector, ws, CALLS),
        workers,
        list(_read_failures(inspector, ws, len(workers))) if failures else [],
        [name[len(GONE) :].decode("utf-8", "replace") for name in gone],
        {_group_of(queue.name): len(queue.queue or ()) for queue in queues},
        sum(len(queue.leases) for queue in queues),
        unread.values if unread else 0,
        bool(count and count.values),
        read_text(inspector, ws, JOBS),
        shorten(read_text(inspector, ws, _NAME) or "", _MAX_NAME_CHARS),
        list(_read_output(inspector, ws, len(workers))) if output else [],
    )


def _group_of(queue: bytes) -> str:
    return shorten(queue.partition(b" ")[2].decode("utf-8", "replace"), MAX_GROUP_CHARS)


def _read_workers(inspector: Inspector, ws: bytes) -> Iterator[str | None]:
    read = 0
    for rank in range(_MAX_WORKERS):
        variable = WORKER + b"%d" % rank
        if inspector.look.variable(ws, variable) is None or read > _MAX_WORKER_BYTES:
            return
        text = read_text(inspector, ws, variable)
        read += len(text or "")
        yield text


def _read_failures(inspector: Inspector, ws: bytes, ranks: int) -> Iterator[list[str]]:
    most = _MAX_FAILURE_BYTES // max(1, ranks)  # so that each has a share
    for rank in range(ranks):
        yield read_last_texts(inspector, ws, FAILURES + b"%d" % rank, _MAX_FAILURES, most)


def _read_output(inspector: Inspector, ws: bytes, ranks: int) -> Iterator[list[str]]:
    most = _MAX_OUTPUT_BYTES // max(1, ranks)
    for rank in range(ranks):
        yield read_last_texts(inspector, ws, _OUTPUT + b"%d" % rank, _MAX_BLOCKS, most)


# Of sleighs that have ended


class FoundSleigh(NamedTuple):
    """A sleigh that is there, or has ended lately."""

    reports: SleighReports
    ended: float | None
    """When it has ended, in seconds of the epoch."""


def find_sleigh(inspector: Inspector, ws: bytes, *, output: bool = False) -> FoundSleigh:
    """Return the sleigh with this workspace, with what its workers wrote if that is wanted.

    Raises:
        NotFound: there is none, and none has ended there lately.
    """
    if is_sleigh(inspector, ws):
        return FoundSleigh(read_sleigh(inspector, ws, output=output), None)
    run = inspector.kept_runs.get(ws)
    if run is None:
        raise NotFound(f"there is no sleigh with the workspace {DisplayName(ws).short!r}")
    return FoundSleigh(kept_reports(run), run.ended)


def keep_sleigh(inspector: Inspector, ws: bytes) -> None:
    """Keep what a workspace holds if it is that of a sleigh. It is about to be deleted, so that
    nothing is raised here."""
    try:
        view = inspector.look.workspace(ws)
        if view is not None and is_sleigh(inspector, ws):
            reports = json.dumps(read_sleigh(inspector, ws, output=True)).encode()
            began = inspector.epoch(view.created)
            packed = zlib.compress(reports, _COMPRESSION_LEVEL)
            inspector.kept_runs.add(KeptRun(ws, began, inspector.now(), packed))
    except Exception:
        _log.failure("what a sleigh said of itself cannot be kept")


def kept_reports(run: KeptRun) -> SleighReports:
    """Return what a sleigh said of itself at its end."""
    return SleighReports(*json.loads(zlib.decompress(run.packed)))._replace(ended=True)

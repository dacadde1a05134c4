"""A check of all machines of a sleigh, by one worker on each."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from nws.counted import counted
from nws.sleigh.check.answers import Answer, collect_answers
from nws.sleigh.check.facts import Facts
from nws.sleigh.check.judgement import problems_of
from nws.sleigh.check.link import LinkFigures
from nws.sleigh.master.sleigh import Sleigh
from nws.sleigh.shared.messages import JOBS

__all__ = ["NodeReport", "check_nodes"]

_LOOK_SECONDS: Final = 0.25
"""Between looks who has joined."""

_UNKNOWN: Final = "?"
"""Stands for the name of a machine."""

Worker = dict[str, Any]
"""What `nws.sleigh.Sleigh.workerInfo` tells of one."""


class NodeReport(NamedTuple):
    """What a check has found out about a machine."""

    node: str
    facts: Facts | None = None
    link: LinkFigures | None = None
    """None where the machine does not answer."""
    problems: Sequence[str] = ()
    """Why it does not fit; empty if it does."""


def check_nodes(
    sleigh: Sleigh, here: Facts, timeout: float, names: Mapping[str, str]
) -> list[NodeReport]:
    """Look at each machine that has workers of a sleigh. Its group is closed then.

    Args:
        sleigh: that nobody else uses.
        here: what this machine has, with the modules that tasks need.
        timeout: seconds for workers to join, and as long again for the next of them to answer.
        names: of the machines where supervisors are to run, by the ids of these, as far as they
            are known.

    Returns:
        A report for each supervisor. That one does not come, or that its workers do not answer, is
        no error: its report says why.

    Raises:
        SleighException: the server is gone, or a process cannot be started.
    """
    wanted = sleigh.size
    _wait_for_workers(sleigh, timeout)
    workers = sleigh.workerInfo()
    firsts = {worker["id"]: worker for worker in reversed(workers)}
    absent: Mapping[str, NodeReport] = {}
    if len(workers) < wanted:
        late = f"not joined within {counted(timeout, 'second')}"
        absent = _absent(sleigh, firsts, names, f"has {late}") or {
            "": NodeReport(
                _UNKNOWN, problems=[f"{wanted - len(workers)} of {wanted} workers have {late}"]
            )
        }
    answers: Mapping[int, Answer] = {}
    if workers:
        sleigh.status(closeGroup=True)
        ranks, chosen = [[each["rank"] for each in some] for some in (workers, firsts.values())]
        answers = collect_answers(sleigh, ranks, sorted(chosen), list(here.modules), timeout)
    present = {id: _report(each, answers[each["rank"]], here) for id, each in firsts.items()}
    reports = {**absent, **present}
    return [reports[id] for id in sorted(reports, key=_order)]


def _order(id: str) -> tuple[int, str]:
    """Numbers come in their order."""
    return int(id) if id.isdecimal() else 0, id


def _wait_for_workers(sleigh: Sleigh, timeout: float) -> None:
    """Wait until all have joined, or what starts the others has failed."""
    deadline = time.monotonic() + timeout
    while (left := deadline - time.monotonic()) > 0:
        _, closed = sleigh.status(timeout=min(left, _LOOK_SECONDS))
        ends = {each["id"]: each["end"] for each in sleigh.launches()}
        joined = {each["id"] for each in sleigh.workerInfo()}
        failed = {id for id, end in ends.items() if end}
        if closed or (failed and ends.keys() <= failed | joined):
            return


def _absent(
    sleigh: Sleigh, present: Mapping[str, Worker], names: Mapping[str, str], late: str
) -> dict[str, NodeReport]:
    """Return reports about supervisors that have not joined, by their ids."""
    jobs = _jobs(sleigh)
    reports = {}
    for each in sleigh.launches():
        id = each["id"]
        if id not in present:
            job = jobs.get(id, {})
            name = names.get(id) or job.get("job")
            waits = f"; the job is {job['state']} {job['reason']}".rstrip() if job else ""
            problem = each["end"] or f"{'it' if name else each['place']} {late}{waits}"
            reports[id] = NodeReport(name or _UNKNOWN, problems=[problem])
    return reports


def _jobs(sleigh: Sleigh) -> dict[str, dict[str, str]]:
    """Return what is known of batch jobs, by the ids of their supervisors."""
    jobs = json.loads(sleigh.nws.findTry(JOBS, '{"jobs": []}'))["jobs"]
    return {job["id"]: job for job in jobs}


def _report(worker: Worker, answer: Answer, here: Facts) -> NodeReport:
    name = worker["name"] + (f" ({worker['job']})" if worker["job"] else "")
    if isinstance(answer, str):
        return NodeReport(name, problems=[answer])
    facts, link = answer
    return NodeReport(name, facts, link, problems_of(facts, here))

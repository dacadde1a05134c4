"""What supervisors elsewhere are told by a file, whoever starts them there."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from nws.client import NetWorkSpace
from nws.sleigh.launch.job_folder import JobOrder
from nws.sleigh.launch.launcher import WorkerOptions
from nws.sleigh.launch.module_path import own_entries
from nws.sleigh.launch.reachable import hosts_for_workers
from nws.sleigh.shared.settings import Settings, Where

__all__ = ["order_without_jobs", "slots_for"]


def order_without_jobs(
    options: WorkerOptions,
    where: Where,
    workspace: NetWorkSpace,
    *,
    expected: int,
    first_index: int,
    interface: str,
) -> JobOrder:
    """Return what supervisors need to know, but for their ids and numbers of workers.

    Args:
        options: of the sleigh.
        where: the sleigh is, as we know it.
        workspace: of the sleigh.
        expected: workers in all.
        first_index: of the supervisors.
        interface: name of an interface of this machine, by which they reach the server; empty for
            any.

    Raises:
        SleighIllegalValueException: there is no such interface, or no working folder.
    """
    port = options.nwsPortRemote or where.port
    if options.nwsHostRemote:
        hosts = [options.nwsHostRemote]
    else:
        hosts = hosts_for_workers(workspace.server.endpoint, where.port, interface)
    settings = Settings(
        where._replace(port=port),
        id="",
        expected=expected,
        working_folder=options.working_folder,
        needs_folder=bool(options.workingDir),
        module_path=[*options.module_path, *own_entries(sys.path)],
        log_folder=options.log_folder,
    )
    return JobOrder(settings, hosts, first_index, ())


def slots_for(workers: int, each: int) -> Sequence[tuple[str, int]]:
    """Divide workers among supervisors.

    Args:
        workers: in all.
        each: how many a supervisor has; the last one may have fewer.

    Returns:
        The id of each supervisor, and how many workers it starts.
    """
    firsts = range(0, workers, each)
    return [(str(id), min(each, workers - first)) for id, first in enumerate(firsts)]

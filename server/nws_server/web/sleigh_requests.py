"""What a sleigh is asked for: to cancel a call, and to kill a worker. The master and the supervisor
of the worker find the request in a variable; docs/sleigh.md has them."""

from __future__ import annotations

from typing import Final

from nws_server.core.values import Value
from nws_server.web.inspector import Inspector
from nws_server.web.names import DisplayName
from nws_server.web.not_found import NotFound
from nws_server.web.reports import Report
from nws_server.web.sleigh_reports import SleighReports, is_sleigh, read_sleigh

__all__ = ["can_be_cancelled", "can_be_killed", "request_cancel", "request_kill"]

_CANCEL: Final = b"cancel"
_KILL: Final = b"kill "
"""Begins the name of a variable for each supervisor."""

_TEXT_DESCRIPTOR: Final = b"%020d" % (1 << 24 | 1)


def can_be_cancelled(call: Report) -> bool:
    """Tell whether a request to cancel a call would do something. Calls of submit() share an
    entry: only their futures cancel them."""
    return not call.flag("over") and call.text("kind") != "submit"


def can_be_killed(worker: Report) -> bool:
    """Tell whether a worker has a process, and a supervisor that may kill it."""
    return worker.whole("pid") > 0 and worker.text("state") not in ("gone", "ended")


async def request_cancel(inspector: Inspector, ws: bytes, number: int) -> None:
    """Ask the master of a sleigh to cancel a call.

    Raises:
        NotFound: there is no such call under way.
    """
    calls = _reports(inspector, ws).calls()
    if not any(call.whole("number") == number and can_be_cancelled(call) for call in calls):
        raise NotFound(f"the sleigh has no call {number} under way that can be cancelled")
    await _store(inspector, ws, _CANCEL, number)


async def request_kill(inspector: Inspector, ws: bytes, rank: int, pid: int) -> None:
    """Ask the supervisor of a worker to kill it.

    Args:
        inspector: of the server.
        ws: the workspace of the sleigh.
        rank: of the worker.
        pid: its process id. Another worker with this rank is left alone.

    Raises:
        NotFound: there is no such worker.
    """
    worker = _reports(inspector, ws).workers().get(rank)
    if worker is None or not can_be_killed(worker) or worker.whole("pid") != pid:
        raise NotFound(f"the sleigh has no worker {rank} with the process id {pid} any more")
    await _store(inspector, ws, _KILL + worker.text("id").encode(errors="replace"), pid)


def _reports(inspector: Inspector, ws: bytes) -> SleighReports:
    if not is_sleigh(inspector, ws):
        raise NotFound(f"there is no sleigh with the workspace {DisplayName(ws).short!r}")
    return read_sleigh(inspector, ws, failures=False)


async def _store(inspector: Inspector, ws: bytes, var: bytes, number: int) -> None:
    """Store a number as a text, in a variable that somebody looks at."""
    if inspector.look.variable(ws, var) is None:
        raise NotFound(f"the sleigh does not take such requests: it has no {DisplayName(var)!s}")
    await inspector.local.store(ws, var, Value(_TEXT_DESCRIPTOR, b"%d" % number))

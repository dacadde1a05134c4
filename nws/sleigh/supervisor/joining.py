"""How a supervisor joins a sleigh: it compares versions, and gets ranks for its workers."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from nws.client import NetWorkSpace
from nws.errors import (
    NwsConnectException,
    NwsOperationException,
    NwsUnpicklingException,
    SleighJoinException,
)
from nws.sleigh.shared.departures import HAVE_LEFT, left_variable
from nws.sleigh.shared.messages import (
    CONTROL,
    JOIN_SECONDS,
    MAX_RANKS,
    RANK_COUNT,
    WORKER_COUNT,
    control_from_wire,
    log_dropped,
)
from nws.sleigh.shared.protocol import PROTOCOL, REFUSED, ProtocolMismatch, check_protocol
from nws.sleigh.shared.settings import Settings
from nws.sleigh.supervisor.declaring import declare_anew
from nws.sleigh.supervisor.kept_ranks import former_ranks, rank_count, store_of_ranks

__all__ = [
    "check_master",
    "known_ranks",
    "new_ranks",
    "note_back",
    "note_left",
    "why_not_joined",
]

Stores = list[tuple[str, Any]]


def check_master(workspace: NetWorkSpace) -> None:
    """Compare versions.

    Raises:
        ProtocolMismatch: the master is of another one.
        NwsException: the server or the workspace is gone.
    """
    try:
        check_protocol(workspace.findTry(PROTOCOL))
    except ProtocolMismatch as error:
        workspace.store(REFUSED, str(error))  # the master may have no other way to know
        raise


def known_ranks(workspace: NetWorkSpace, id: str) -> list[int]:
    """Return the ranks that a supervisor with this id has already; none if it has to get new ones.

    The master gives ranks when it changes the number of workers, and then nothing else counts.
    Until then they are those with which the supervisor has joined that was there before.
    """
    try:
        wanted = control_from_wire(workspace.findTry(CONTROL))
    except NwsUnpicklingException:
        wanted = None  # others have stored it; the master will store its own again
    given = wanted.ranks_of(id) if wanted is not None else None
    return list(given) if given else former_ranks(workspace, id)


@contextmanager
def new_ranks(workspace: NetWorkSpace, settings: Settings) -> Iterator[tuple[range, Stores]]:
    """Give ranks that nobody has had before. The block may add to what is stored with them in one
    step; if it raises, nobody gets the ranks.

    Args:
        workspace: of the sleigh.
        settings: of the supervisor.

    Raises:
        SleighJoinException: the group is closed.
    """
    lease, *_ = workspace.lease_many(
        RANK_COUNT, 1, timeout=JOIN_SECONDS, duration=JOIN_SECONDS, keep_unreadable=True
    )
    try:
        first = _first_rank(workspace, lease.value, settings.expected)
        end = first + settings.workers
        stores: Stores = [store_of_ranks(settings.id, range(first, end))]
        yield range(first, end), stores
    except BaseException:
        lease.release(blame=False)
        raise
    if settings.expected and end >= settings.expected:
        lease.settle([*stores, (WORKER_COUNT, end), (RANK_COUNT, -1)])
    else:
        lease.settle([*stores, (RANK_COUNT, end)])


def _first_rank(workspace: NetWorkSpace, found: Any, expected: int) -> int:
    """Return the first rank that nobody has. If others have stored something in place of its
    number, it is what follows from the ranks of the supervisors.

    Raises:
        SleighJoinException: the group is closed.
    """
    if type(found) is int and 0 <= found < (expected or MAX_RANKS):
        return found
    listing = workspace.listVars(format="dict")
    assert isinstance(listing, dict)
    count = listing.get(WORKER_COUNT)
    if count is not None and count.values:
        raise SleighJoinException("the group is closed: it is too late to join it")
    log_dropped(RANK_COUNT, found)
    return rank_count(workspace, listing)


def note_left(workspace: NetWorkSpace, id: str, ranks: Sequence[int]) -> None:
    """Let the master know which workers of a supervisor have left, so that it does not wait for
    them."""
    variable = left_variable(id)
    declare_anew(workspace, variable, "single")
    workspace.settle([], [(variable, list(ranks)), (HAVE_LEFT, True)])


def note_back(workspace: NetWorkSpace, id: str) -> None:
    """The workers of a supervisor that have left are back, as another one takes its place."""
    with suppress(NwsOperationException):  # none had left
        workspace.deleteVar(left_variable(id))


def why_not_joined(settings: Settings, error: Exception) -> str:
    """Say for people why a supervisor could not join."""
    if not isinstance(error, NwsConnectException) or settings.life_line:
        return str(error)
    where = settings.where
    return (
        f"from {platform.node()} it cannot connect to the sleigh's server at "
        f"{where.host}:{where.port}: {error.__cause__ or error}. A server listens to other "
        "machines if it is started so (`nws server start --interface ADDRESS`), and nwsHost= is "
        "its name there; or workers reach it through ssh (launch=sshforwardcmd)"
    )

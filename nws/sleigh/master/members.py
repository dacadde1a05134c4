"""Which workers a sleigh has: who has joined, who is gone, who has left, and who is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any, Final, NamedTuple

from nws.client import NetWorkSpace, VariableInfo
from nws.counted import counted
from nws.errors import NwsTimeoutException, NwsUnpicklingException, SleighJoinException
from nws.sleigh.launch.by_hand import DELETE_ME, no_more
from nws.sleigh.shared.departures import HAVE_LEFT, ids_of_left, left_variable
from nws.sleigh.shared.messages import (
    JOIN_SECONDS,
    MAX_RANKS,
    RANK_COUNT,
    WORKER_COUNT,
    log_dropped,
)
from nws.sleigh.shared.protocol import REFUSED
from nws.sleigh.supervisor.worker_report import worker_report, worker_reports
from nws.workspace.presence import gone_of, ids_of_gone, ids_of_present
from nws.workspace.streams import Watch

__all__ = ["Absent", "Group", "Members", "find_or_error", "is_same"]

_MAX_REFUSED: Final = 1000
"""Supervisors that are told of at once."""


class Group(NamedTuple):
    """The workers of a sleigh."""

    size: int
    """How many have joined and not left."""
    closed: bool
    """No more can join."""


class Absent(NamedTuple):
    """The ranks of workers that are not there, each with the id of its supervisor."""

    gone: dict[int, str]
    """Nobody knows why."""
    left: dict[int, str]
    """They were told to."""


class Members:
    """The workers of a sleigh.

    Attributes:
        size: how many workers there are, or will be. It is read with each call.
        left: ranks that have left for good, and those that are `dismissed`.
        dismissed: ranks that are to leave, or have left, as the sleigh wants fewer workers.
    """

    def __init__(
        self,
        workspace: NetWorkSpace,
        warn: Callable[[str], None],
        expected: int,
        needed: int = 0,
    ) -> None:
        """Prepare.

        Args:
            workspace: of the sleigh.
            warn: logs a text.
            expected: how many workers are to come; 0 if nobody knows.
            needed: how many a call for everyone needs, in a group that stays open; 0 for others.
        """
        self._workspace = workspace
        self._warn = warn
        self._expected = expected
        self._needed = needed
        self._joined = 0
        self._closed: Group | None = None  # once it is closed, whatever others store
        self._departures: Watch | None = None
        self._has_lost_count = False  # others have stored something in its place
        self.left: frozenset[int] = frozenset()
        self.dismissed: frozenset[int] = frozenset()
        self._count()

    def _count(self) -> None:
        self.size = max(1, (self._expected or self._joined) - len(self.left))

    @property
    def rank_bound(self) -> int:
        """All ranks are lower."""
        return self._expected or MAX_RANKS

    def group(self, timeout: float = 0.0) -> Group:
        """Tell who has joined; wait up to ``timeout`` seconds until the group is closed."""
        if self._closed is None:
            count = find_or_error(self._workspace, WORKER_COUNT, timeout)
            if is_count(count) and count == (self._expected or count):
                self._closed = Group(count, True)
            elif count is not None:
                log_dropped(WORKER_COUNT, count)
                self._workspace.fetchTryFile(WORKER_COUNT, BytesIO())
                self._has_lost_count = True
            if self._has_lost_count and self._have_all_joined():
                self._closed = Group(self._expected, True)
        if self._closed is not None:
            return self._closed._replace(size=self._closed.size - len(self.left))
        count = find_or_error(
            self._workspace, RANK_COUNT, JOIN_SECONDS
        )  # a worker that joins may hold it for a moment
        self._joined = count if is_count(count) else 0
        self._count()
        return Group(self._joined - len(self.left), False)

    def _have_all_joined(self) -> bool:
        """Tell whether all workers that are to come have joined, as far as other variables say."""
        if is_same(find_or_error(self._workspace, RANK_COUNT), -1):
            return self._expected > 0
        ranks = {report["rank"] for report in worker_reports(self._workspace)}
        return self._expected > 0 and ranks >= set(range(self._expected))

    def close_group(self) -> Group:
        """Let no further worker join."""
        lease = self._workspace.lease(RANK_COUNT, timeout=JOIN_SECONDS)
        if is_count(lease.value):
            lease.settle([(WORKER_COUNT, lease.value), (RANK_COUNT, -1)])
            self._expected = lease.value
            self._count()
        else:
            lease.release(blame=False)
        if self._needed:
            no_more(self._workspace)
        return self.group()

    def wait_for_all(self, look_after: Callable[[], Any], pause: float) -> None:
        """Wait until the group is closed, or, if it stays open, has as many workers as it needs.

        Raises:
            SleighJoinException: it takes too long.
        """
        deadline = time.monotonic() + JOIN_SECONDS
        while not self._is_complete(group := self.group(timeout=pause)):
            self.tell_of_refused()
            look_after()
            if time.monotonic() > deadline:
                raise SleighJoinException(
                    f"only {counted(max(0, group.size), 'worker')} joined in {JOIN_SECONDS:g} "
                    "seconds; status(closeGroup=True) goes on with these"
                )

    def _is_complete(self, group: Group) -> bool:
        return group.closed or 0 < self._needed <= group.size

    def add_ranks(self, number: int) -> range:
        """Return new ranks, for workers that join although the group is closed."""
        first = self.group().size + len(self.left)
        self._expected = first + number
        self._closed = Group(self._expected, True)
        self._count()
        self._workspace.store(WORKER_COUNT, self._expected)
        return range(first, self._expected)

    def dismiss(self, dismissed: frozenset[int]) -> None:
        """Count these workers no more. Others that were dismissed before are wanted again."""
        self.left = (self.left - self.dismissed) | dismissed
        self.dismissed = dismissed
        self._count()

    def note_left(self, ranks: Iterable[int]) -> None:
        """Count no more those that have left for good."""
        self.left = self.dismissed.union(ranks)
        self._count()

    def ranks(self) -> list[int]:
        """Return the ranks of the workers that have joined and not left."""
        return [rank for rank in range(self.group().size + len(self.left)) if rank not in self.left]

    def have_left(self) -> bool:
        """Tell whether any workers have ever left in order. To list who has takes longer, and so
        does asking the server each time."""
        if self._departures is None:
            self._departures = self._workspace.watch(HAVE_LEFT)
            return find_or_error(self._workspace, HAVE_LEFT) is not None
        return self._departures.has_come()

    def absent(self) -> Absent:
        """Return who is not there."""
        listing = self._listing()
        refused = listing.get(REFUSED)
        if refused is not None and refused.values:
            self.tell_of_refused()
        if self._needed and self._closed is None and DELETE_ME not in listing:
            self.close_group()  # as a person wants
        gone, left = ids_of_gone(listing), ids_of_left(listing)
        return Absent(self._ranks_in(gone, gone_of), self._ranks_in(left, left_variable))

    def _ranks_in(self, ids: Iterable[str], variable_of: Callable[[str], str]) -> dict[int, str]:
        """Return the ranks in the variables of supervisors, each with the id of that."""
        found: dict[int, str] = {}
        for id in ids:
            ranks = find_or_error(self._workspace, variable_of(id))
            if isinstance(ranks, list) and all(map(is_count, ranks)):
                found.update(dict.fromkeys(ranks, id))
        return found

    def last_start(self, supervisor: str) -> float:
        """Return when the supervisor with this id, or one that it replaces, has last started a
        worker; 0.0 if that is not known."""
        reports = worker_reports(self._workspace)
        starts = [each.get("started") for each in reports if each["id"] == supervisor]
        return max((start for start in starts if isinstance(start, float)), default=0.0)

    def group_of(self, rank: int) -> str | None:
        """Return the group of a worker, empty for none; None if that is not known yet."""
        report = worker_report(self._workspace, rank) or {}
        group = report.get("group")
        return group if isinstance(group, str) else None

    def is_there(self, supervisor: str) -> bool:
        """Tell whether the supervisor with this id has joined and is not gone."""
        return supervisor in ids_of_present(self._listing())

    def _listing(self) -> dict[str, VariableInfo]:
        listing = self._workspace.listVars(format="dict")
        assert isinstance(listing, dict)
        return listing

    def tell_of_refused(self) -> None:
        """Log which supervisors could not join because of their version."""
        with suppress(NwsTimeoutException):  # another thread has told
            refused = self._workspace.lease_many(
                REFUSED, _MAX_REFUSED, timeout=0.0, keep_unreadable=True
            )
            for lease in refused:
                self._warn(f"a worker cannot join: {lease.value}")
            self._workspace.settle(refused)


def find_or_error(workspace: NetWorkSpace, variable: str, timeout: float = 0.0) -> Any:
    """Return a value, None if there is none, or the error if it cannot be unpickled."""
    try:
        return workspace.find(variable, timeout=timeout)
    except NwsTimeoutException:
        return None
    except NwsUnpicklingException as error:
        return error


def is_same(found: Any, ours: Any) -> bool:
    """Tell whether a value that others may have stored is ours."""
    try:
        return bool(found == ours)
    except Exception:  # it cannot be compared
        return False


def is_count(thing: Any) -> bool:
    """Tell whether something is a number of workers, or a rank."""
    return type(thing) is int and 0 <= thing <= MAX_RANKS

"""Looks whether calls for a group of workers have any: without, they would wait for ever."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping

from nws.errors import SleighJoinException
from nws.sleigh.master.members import Members
from nws.sleigh.shared.messages import JOIN_SECONDS

__all__ = ["Groups"]


class Groups:
    """The groups to which the workers of a sleigh belong."""

    def __init__(self, members: Members) -> None:
        """Prepare; workers join later."""
        self._members = members
        self._group_of: dict[int, str] = {}  # by rank; it never changes
        self._since: dict[int, float] = {}  # when calls were seen first without workers

    def lacking(
        self, calls: Mapping[int, str], lost: Collection[int], reason: str
    ) -> dict[int, SleighJoinException]:
        """Return which calls nobody will do. As long as workers may join, they have some time.

        Args:
            calls: the numbers of all that are under way, each with its group.
            lost: ranks that are gone for good.
            reason: how the last processes have ended that were to bring workers; may be empty.

        Returns:
            For each of those calls, the error with which it is to end.
        """
        now = time.monotonic()
        sizes = self._sizes(lost)
        waiting = {number: group for number, group in calls.items() if not sizes[group]}
        self._since = {number: self._since.get(number, now) for number in waiting}
        if waiting and not self._members.group().closed:
            waiting = {
                number: group
                for number, group in waiting.items()
                if now - self._since[number] >= JOIN_SECONDS
            }
        return {number: _error(group, sizes, reason) for number, group in waiting.items()}

    def _sizes(self, lost: Collection[int]) -> Counter[str]:
        """Return how many workers each group has; that of the empty name are those without one."""
        ranks = self._members.ranks()
        for rank in ranks:
            if rank not in self._group_of:
                group = self._members.group_of(rank)
                if group is not None:
                    self._group_of[rank] = group
        return Counter(self._group_of.get(rank, "") for rank in ranks if rank not in lost)


def _error(group: str, sizes: Counter[str], reason: str) -> SleighJoinException:
    others = ", ".join(
        f"{name!r} ({count} worker{'s' * (count > 1)})"
        for name, count in sorted(sizes.items())
        if name
    )
    known = f"there are the groups {others}" if others else "no worker belongs to a group"
    because = f"; {reason}" if reason else ""
    return SleighJoinException(f"there is no worker of the group {group!r}; {known}{because}")

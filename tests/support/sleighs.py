"""The processes of sleighs, as the system shows them.

A sleigh's master starts a server and a supervisor; the supervisor's forks are the workers.
"""

from __future__ import annotations

import os

from tests.support.processes import children, until

__all__ = ["servers", "supervisors", "until_workers", "workers"]


def servers(master: int | None = None) -> list[int]:
    """Return the private servers of a master: of this process by default."""
    return children(master or os.getpid(), running="nws_server.__main__")


def supervisors(master: int | None = None) -> list[int]:
    """Return the supervisors of a master: of this process by default."""
    return children(master or os.getpid(), running="nws.sleigh.supervisor")


def workers(master: int | None = None) -> list[int]:
    """Return the workers of a master on this machine: of this process by default."""
    return sorted(pid for supervisor in supervisors(master) for pid in children(supervisor))


def until_workers(count: int, master: int | None = None) -> list[int]:
    """Wait until there are so many workers, and return them."""

    def all_of_them() -> list[int]:
        found = workers(master)
        return found if len(found) == count else []

    return until(all_of_them, f"{count} workers")

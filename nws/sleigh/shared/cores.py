"""How many cores this process may use."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["available_cores"]


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use, at least 1.

    It is limited by the cores that the process is bound to, and on Linux by the CPU quota of its
    control groups, as containers have one. A part of a core counts as one.

    Args:
        root: the folder in which ``proc`` and ``sys`` are.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([bound or 1, *map(math.ceil, _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """Return the quota of each control group that this process is in, in cores."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return  # another system than Linux
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            mount, quota_of = root / "sys/fs/cgroup", _quota_v2
        elif "cpu" in controllers.split(","):
            mount, quota_of = root / "sys/fs/cgroup" / controllers, _quota_v1
        else:
            continue
        group = Path(path.lstrip("/"))
        # In a container, the path may be that outside, and only the mount point is there.
        for folder in (group, *group.parents):
            try:
                yield from quota_of(mount / folder)
            except (OSError, ValueError, ZeroDivisionError):
                pass  # this group has no quota


def _quota_v2(group: Path) -> Iterator[float]:
    quota, period = (group / "cpu.max").read_text().split()
    if quota != "max":
        yield int(quota) / int(period)


def _quota_v1(group: Path) -> Iterator[float]:
    quota = int((group / "cpu.cfs_quota_us").read_text())
    if quota > 0:
        yield quota / int((group / "cpu.cfs_period_us").read_text())

"""What this machine and groups of its processes use."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import psutil

__all__ = ["GroupUse", "has_room", "machine_use", "use_of_groups"]


class GroupUse(NamedTuple):
    """What the processes of a group use, in sum."""

    processes: int
    cpu: float
    """Seconds of processor time."""
    memory: int
    """Bytes in memory."""
    state: str
    """Of the first process, as psutil calls it: ``running``, ``sleeping``, ``stopped``."""


def machine_use() -> Mapping[str, Any]:
    """Return what this machine has and uses: ``cores``, its ``load`` over a minute, ``cpu`` in
    percent since the last call, and ``memory`` and ``memory_used`` in bytes."""
    memory = psutil.virtual_memory()
    return {
        "cores": os.cpu_count() or 1,
        "load": psutil.getloadavg()[0],
        "cpu": psutil.cpu_percent(),
        "memory": memory.total,
        "memory_used": memory.total - memory.available,
    }


def has_room(max_load: float, min_memory: int) -> bool:
    """Tell whether this machine can bear another process.

    Args:
        max_load: of the system over a minute; 0 for no bound.
        min_memory: bytes that have to be free; 0 for no bound.
    """
    if max_load and psutil.getloadavg()[0] > max_load:
        return False
    return not min_memory or psutil.virtual_memory().available >= min_memory


def use_of_groups(groups: Iterable[int]) -> dict[int, GroupUse]:
    """Return what the processes of each of some groups use; those that have ended are left out."""
    wanted = set(groups)
    members: dict[int, list[int]] = defaultdict(list)
    for pid in psutil.pids() if wanted else ():
        try:
            group = os.getpgid(pid)
        except (ProcessLookupError, PermissionError):
            continue
        if group in wanted:
            members[group].append(pid)
    return {group: _use(group, pids) for group, pids in members.items()}


def _use(group: int, pids: Iterable[int]) -> GroupUse:
    count, cpu, memory, state = 0, 0.0, 0, ""
    for pid in pids:
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                times = process.cpu_times()
                cpu += times.user + times.system
                memory += process.memory_info().rss
                state = process.status() if pid == group else state
        except psutil.Error:
            continue  # it has ended just now
        count += 1
    return GroupUse(count, cpu, memory, state)

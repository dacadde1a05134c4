"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from scripts.benchmarks import environment
from scripts.benchmarks.processes import why_no_redis

_CPUINFO: Final = Path("/proc/cpuinfo")


def describe(*, peers: bool) -> dict[str, str]:
    """Name the parts of the machine and the programs that matter.

    Args:
        peers: name those of the sleigh too; they are installed first if they are not there.
    """
    about = {
        "CPU": f"{_cpu_model()}, {_cores()}",
        "system": platform.platform(terse=True),
        "Python": platform.python_version(),
        "Twisted": _version("twisted"),
        "Redis": _redis_version(),
        "redis-py": f"{_version('redis')} with hiredis {_version('hiredis')}",
    }
    return {**about, "peers": str(environment.packages())} if peers else about


def _cores() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return "one core" if cores == 1 else f"{cores} cores"


def _cpu_model() -> str:
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _redis_version() -> str:
    if why_no_redis():
        return "left out: " + why_no_redis()
    text = subprocess.run(
        ["redis-server", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return text.partition("v=")[2].partition(" ")[0]

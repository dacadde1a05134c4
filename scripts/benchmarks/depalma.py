"""Depalma beside xargs: jobs that do nothing, two at a time on this machine."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Final

from nws.depalma import master_server
from scripts.benchmarks.rounds import Aim, Comparison, Result, interleave

ABOUT: Final = "500 processes of `true`, from the first submission to the last end; figures per job"

_JOBS: Final = 500
_END_SECONDS: Final = 600.0
_CONFIG: Final = '[front]\nport = 0\n[[host]]\nname = "here"\nslots = 2\n'


def run(rounds: int) -> Iterator[Result]:
    """Compare a cluster of one host that runs two jobs at a time with ``xargs -P 2``."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "cluster.toml"
        config.write_text(_CONFIG)
        with master_server(config) as master:
            master.init_server()
            code = master.load_code(["true"])
            samples = interleave(
                {"ours": lambda: _ours(master, code), "xargs": _xargs},
                rounds,
            )
    yield Comparison(
        "short jobs", "xargs -P 2", samples["ours"], samples["xargs"], Aim(1.5, is_cost=True)
    )


def _ours(master: master_server, code: int) -> float:
    start = perf_counter()
    pids = [master.exec_code(code) for _ in range(_JOBS)]
    for pid in pids:
        if not master.finished(pid, _END_SECONDS):
            raise TimeoutError(f"job {pid} has not ended")
    seconds = perf_counter() - start
    for pid in pids:
        master.pickup(pid)
    return seconds / _JOBS


def _xargs() -> float:
    lines = b"".join(b"%d\n" % number for number in range(_JOBS))
    start = perf_counter()
    subprocess.run(["xargs", "-P", "2", "-n", "1", "true"], input=lines, check=True)
    return (perf_counter() - start) / _JOBS

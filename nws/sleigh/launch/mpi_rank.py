"""What each rank of an MPI job runs: a supervisor. It is no MPI program: it only asks for its
rank."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Final

from nws.sleigh.launch.job import run

__all__ = ["main", "rank_in"]

_RANKS: Final = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Variables in which one launcher or another says the rank: Open MPI, PMIx, MPICH, Slurm. Slurm's
is last: inside one of its jobs the others inherit it."""


def main() -> None:
    """Run workers until the sleigh is over. Its argument is the path of the sleigh's file."""
    (path,) = sys.argv[1:]
    rank = rank_in(os.environ)
    if rank is None:
        sys.exit(f"nws: this is started by mpiexec, which sets one of {', '.join(_RANKS)}")
    sys.exit(run(path, rank, f"rank {rank}"))


def rank_in(variables: Mapping[str, str]) -> int | None:
    """Return the rank of a process with these variables; None if there is none."""
    return next((int(variables[name]) for name in _RANKS if name in variables), None)


if __name__ == "__main__":
    main()

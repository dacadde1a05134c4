"""What each rank of an MPI job runs: a supervisor. It is no MPI program: it only asks for its
rank."""

from __future__ import annotations

import os
import sys
from typing import Final

from nws.sleigh.launch.job import run

__all__ = ["main"]

_RANKS: Final = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
"""Variables in which one launcher or another says the rank."""


def main() -> None:
    """Run workers until the sleigh is over. Its argument is the path of the sleigh's file."""
    (path,) = sys.argv[1:]
    known = [os.environ[name] for name in _RANKS if name in os.environ]
    if not known:
        sys.exit(f"nws: this is started by mpiexec, which sets one of {', '.join(_RANKS)}")
    sys.exit(run(path, int(known[0]), f"rank {known[0]}"))


if __name__ == "__main__":
    main()

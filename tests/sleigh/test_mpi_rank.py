"""How a rank of MPI finds out which one it is."""

from __future__ import annotations

import pytest

from nws.sleigh.launch.mpi_rank import rank_in

OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "4", "PMIX_RANK": "3"}
MPICH = {"PMI_RANK": "1", "PMI_SIZE": "2", "PMI_FD": "6", "MPI_LOCALRANKID": "0"}
SRUN = {"SLURM_PROCID": "2", "SLURM_NTASKS": "4"}
IN_A_JOB_OF_SLURM = {"SLURM_PROCID": "0", "SLURM_JOB_ID": "7"}


@pytest.mark.parametrize(
    ("variables", "rank"),
    [
        (OPEN_MPI, 3),
        (MPICH, 1),
        (SRUN, 2),
        ({**IN_A_JOB_OF_SLURM, **OPEN_MPI}, 3),
        ({**IN_A_JOB_OF_SLURM, **MPICH}, 1),
        ({"HOME": "/root"}, None),
    ],
)
def test_ranks(variables: dict[str, str], rank: int | None) -> None:
    assert rank_in(variables) == rank

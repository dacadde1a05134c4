"""Prepares the process of a supervisor: sets what its workers inherit."""

from __future__ import annotations

import os
import platform
import sys
from typing import Final

from nws.sleigh.shared.cores import available_cores
from nws.sleigh.shared.settings import Settings

__all__ = ["set_up_process"]

_THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""Variables that tell libraries how many threads to use. Without them each worker would use all
cores, and the workers would slow each other down."""


def set_up_process(settings: Settings) -> None:
    """Set what workers inherit, before anything that depends on it is imported.

    Raises:
        OSError: the user has named a working folder that is not there.
    """
    sys.path[:0] = filter(os.path.exists, settings.module_path)
    _enter(settings)
    threads = str(max(1, available_cores() // max(1, settings.neighbours)))
    for variable in _THREAD_VARIABLES:
        os.environ.setdefault(variable, threads)
    if settings.authkey:
        from multiprocessing import process  # few programs need it

        process.current_process().authkey = bytes.fromhex(settings.authkey)


def _enter(settings: Settings) -> None:
    """Change to the working folder. On another machine that of the master may not be there."""
    folder = settings.working_folder
    try:
        if folder:
            os.chdir(folder)
    except OSError as error:
        if settings.needs_folder:
            where = platform.node()
            raise OSError(f"workingDir={folder!r} cannot be used on {where}: {error}") from error

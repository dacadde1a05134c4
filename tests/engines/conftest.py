"""Real batch systems, each shared by the tests of its module, and a server for their sleighs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from tests.support import grid_engine, slurm_cluster
from tests.support.grid_engine import GridEngineHost, running_grid_engine
from tests.support.server import ROOT, environment
from tests.support.slurm_cluster import SlurmCluster, running_slurm

MakeSleigh = Callable[..., Sleigh]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    for item in items:
        if item.path.parent == folder:
            item.add_marker("engines")


@pytest.fixture(scope="module")
def engine_folder() -> Iterator[Path]:
    """A folder with a short path: sockets are made in it."""
    folder = Path(tempfile.mkdtemp(prefix="nws-engine-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def slurm(engine_folder: Path) -> Iterator[SlurmCluster]:
    """A Slurm of two nodes."""
    _require(slurm_cluster.is_there(), "Slurm (slurmctld, slurmd, slurm-client)")
    with running_slurm(engine_folder) as cluster, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(cluster.config))
        yield cluster


@pytest.fixture(scope="module")
def sge(engine_folder: Path) -> Iterator[GridEngineHost]:
    """A Grid Engine of one host."""
    _require(grid_engine.is_there(), "Grid Engine (gridengine-master, -exec, -client), and root")
    with running_grid_engine(engine_folder) as engine, pytest.MonkeyPatch.context() as patch:
        for name, value in engine.environment.items():
            patch.setenv(name, value)
        yield engine


@pytest.fixture
def mpiexec() -> list[str]:
    """The command of Open MPI, for root and on loopback only."""
    _require(bool(shutil.which("mpiexec.openmpi")), "Open MPI (openmpi-bin)")
    return [
        *("mpiexec.openmpi", "--allow-run-as-root", "--oversubscribe"),
        *("--mca", "oob_tcp_if_include", "lo", "--mca", "btl", "self,vader"),
    ]


@pytest.fixture
def run_with(tmp_path: Path) -> Callable[..., str]:
    """Runs a module in the Python that has large packages, and returns what it prints."""
    interpreter = ROOT / ".venv-engines/bin/python"

    def run(package: str, module: str, *arguments: str) -> str:
        known = interpreter.exists() and not subprocess.call(
            [interpreter, "-c", f"import {package}"]
        )
        _require(known, f"{package} in .venv-engines")
        done = subprocess.run(
            [interpreter, "-m", module, *arguments],
            cwd=tmp_path,
            env={**environment(), "XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def _require(is_there: bool, what: str) -> None:
    if not is_there:
        if os.environ.get("CI"):
            pytest.fail(f"this test needs {what}")
        pytest.skip(f"needs {what}")


@pytest.fixture
def make_sleigh(on_server: dict[str, Any]) -> MakeSleigh:
    """Makes a sleigh on the tests' server."""

    def make(launch: Any, workers: int) -> Sleigh:
        return Sleigh(**on_server, launch=launch, workerCount=workers)

    return make

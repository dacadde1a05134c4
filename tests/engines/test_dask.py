"""Workers in a real Dask cluster, in a Python that has Dask."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.launchers import launcher_for
from tests.support.server import Server

RunWith = Callable[..., Any]


def test_workers_follow_the_cluster(run_with: RunWith, server: Server, tmp_path: Path) -> None:
    """One whose process is killed or retired is replaced, those that come take free places, and
    those that go leave them; every element is done once, and nothing is left."""
    said = run_with("distributed", "tests.engines.dask_program", str(server.port), str(tmp_path))
    assert json.loads(said) == {
        "fixed": {
            "status": [2, 1],
            "results": [0, 10, 20, 30],
            "ranks": 2,
            "after one retired": [0, 10, 20, 30],
            "of Dask": 5,
        },
        "adaptive": {"results": [0, 10, 20], "ranks": [0, 1]},
    }


def test_without_dask() -> None:
    with pytest.raises(SleighIllegalValueException, match="'dask' needs the package distributed"):
        launcher_for("dask")

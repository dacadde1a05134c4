"""Workers in a real Ray cluster, in a Python that has Ray."""

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


def test_an_actor_is_killed_and_a_node_dies(
    run_with: RunWith, server: Server, tmp_path: Path
) -> None:
    """Every element is done once, and nothing is left: the cluster has its processors again."""
    said = run_with("ray", "tests.engines.ray_program", str(server.port), str(tmp_path))
    assert json.loads(said.splitlines()[-1]) == {
        "status": [2, 1],
        "results": [0, 10, 20, 30],
        "ranks": 2,
        "after a node died": [0, 10, 20, 30],
        "cpus": 2,
    }


def test_without_ray() -> None:
    with pytest.raises(SleighIllegalValueException, match="'ray' needs the package ray"):
        launcher_for("ray")

"""Workers in the pods of a stub of Kubernetes, asked by the official client."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.server import Server


def test_sleighs(run_with: Callable[..., Any], server: Server, tmp_path: Path) -> None:
    program = "tests.engines.kubernetes_program"
    said = run_with("kubernetes", program, str(server.port), str(tmp_path))
    assert json.loads(said) == {
        "map": {
            "status": [2, 1],
            "secret is shown": False,
            "results": [0, 10, 20, 30],
            "workers": 2,
            "ranks are the same": True,
            "pods are others": True,
        },
        "deleted": {"results": [1], "is another": True},
        "scaled": {
            "grown": [0, 1, 2, 3],
            "jobs": 2,
            "shrunk": [0, 1],
            "again": [0, 1, 2],
            "pods": 3,
            "last": [0],
        },
        "killed": {"running": {}},
        "checked": {
            "fits": [True, True, True],
            "pods": 2,
            "late": [True, True],
        },
        "waiting": {"said once": True},
        "failing": {"said": True},
        "refused": {"said": "kubernetes: the cluster refuses (403): jobs.batch is forbidden"},
    }

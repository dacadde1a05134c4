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
            "reported": ["kubernetes", True],
            "secret is shown": False,
            "results": [0, 10, 20, 30],
            "workers": 2,
            "ranks are the same": True,
            "pods are others": True,
        },
        "deleted": {"results": [1], "is another": True},
        "killed": {"running": {}},
        "waiting": {"said once": True},
        "failing": {"said": True},
        "refused": {
            "said": "kubernetes: no Job can be made: the cluster refuses (403): "
            "jobs.batch is forbidden"
        },
    }

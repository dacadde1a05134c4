"""The report about the jobs or pods in which workers of a sleigh are, for its page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nws.client import NetWorkSpace
from nws.errors import NwsException
from nws.sleigh.shared.messages import JOBS

__all__ = ["publish_jobs"]


def publish_jobs(workspace: NetWorkSpace, system: str, jobs: Sequence[Mapping[str, Any]]) -> None:
    """Store it.

    Args:
        workspace: of the sleigh.
        system: the name of the launcher.
        jobs: all of them, each with its ``id``, ``job`` (its name), ``state`` and ``reason``.
    """
    try:
        workspace.declare(JOBS, "single")
        workspace.store(JOBS, json.dumps({"system": system, "jobs": jobs}))
    except NwsException:
        pass  # the sleigh is over

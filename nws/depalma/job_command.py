"""The command of a job, and the marks by which its processes are known."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from typing import Final

from nws.depalma.parameters import CodeSpec
from nws.processes.process_group import SHELL, ProcessGroup, with_limits

__all__ = ["CLUSTER_MARK", "HOST_MARK", "start_job", "words_of"]

CLUSTER_MARK: Final = "NWS_DEPALMA_CLUSTER"
"""Names the cluster, in the environment of its jobs."""

HOST_MARK: Final = "NWS_DEPALMA_HOST"
"""Names the process of the host, in the environment of its jobs."""


def start_job(spec: CodeSpec, arguments: Sequence[str]) -> ProcessGroup:
    """Start a job, with our environment and what its code adds.

    Args:
        spec: of its code.
        arguments: for its command.

    Raises:
        OSError: as for `ProcessGroup`.
    """
    return ProcessGroup(
        with_limits(words_of(spec, arguments), spec.memory, spec.cpu),
        {**os.environ, **spec.env} if spec.env else None,
        cwd=spec.cwd,
        stdin=spec.io,
        output=spec.keeps_output,
        timeout=spec.timeout,
    )


def words_of(spec: CodeSpec, arguments: Sequence[str]) -> list[str]:
    """Return the command line of a job, without its limits."""
    if isinstance(spec.command, str):
        return [SHELL, "-c", " ".join([spec.command, *map(shlex.quote, arguments)])]
    return [*spec.command, *arguments]

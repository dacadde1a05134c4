"""The command of a job, and the marks by which its processes are known."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from nws.depalma.parameters import CodeSpec
from nws.processes.process_group import SHELL, ProcessGroup, with_limits

__all__ = ["CLUSTER_MARK", "HOST_MARK", "start_job", "words_of"]

CLUSTER_MARK: Final = "NWS_DEPALMA_CLUSTER"
"""Names the cluster, in the environment of its jobs."""

HOST_MARK: Final = "NWS_DEPALMA_HOST"
"""Names the process of the host, in the environment of its jobs."""


def start_job(
    spec: CodeSpec, arguments: Sequence[str], environment: Mapping[str, str]
) -> ProcessGroup:
    """Start a job.

    Args:
        spec: of its code.
        arguments: for its command.
        environment: all of it, but for what the code adds.

    Raises:
        OSError: as for `ProcessGroup`.
    """
    return ProcessGroup(
        with_limits(words_of(spec, arguments), spec.memory, spec.cpu),
        {**environment, **spec.env} if spec.env else environment,
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

"""How the workers of a batch job leave before the job's walltime is over."""

from __future__ import annotations

from typing import Final

from nws.sleigh.shared.settings import Stay

__all__ = ["margin_within", "stay_within"]

_MAX_MARGIN_SECONDS: Final = 60.0
"""Between the time when workers begin to leave and the end of the walltime. A half is for what runs
to end, the rest for the start of Python, which the walltime counts, and for the end."""

_MAX_MARGIN_PART: Final = 0.25
"""Of a short walltime."""


def margin_within(walltime: float) -> float:
    """Return how many seconds before the end of a walltime workers begin to leave.

    Args:
        walltime: in seconds; 0 if it is not known.
    """
    part = _MAX_MARGIN_PART * walltime if walltime else _MAX_MARGIN_SECONDS
    return min(_MAX_MARGIN_SECONDS, part)


def stay_within(walltime: float) -> Stay:
    """Return how long workers stay in a job that has this walltime."""
    margin = margin_within(walltime)
    return Stay(lifetime=walltime - margin if walltime else 0.0, grace=margin / 2)

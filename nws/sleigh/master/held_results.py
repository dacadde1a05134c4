"""Results of single calls that have come before lines which their workers had written earlier."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from nws.sleigh.master.engine import AnyTeam
from nws.sleigh.master.submission import Submission
from nws.sleigh.shared.messages import Results

__all__ = ["HeldResults"]

_MAX_LINES_SECONDS: Final = 5.0
"""To wait for lines that a worker has written before a result."""


class HeldResults:
    """Keeps them until the lines come, for five seconds at most."""

    def __init__(self, team: AnyTeam) -> None:
        """Begin with none."""
        self._team = team
        self._held: list[tuple[Submission, Results, float]] = []

    def lacks_lines(self, results: Results) -> bool:
        """Tell whether lines are missing that came before a result."""
        return bool(results.lines[1] and self._team.missing_lines(dict([results.lines])))

    def add(self, submission: Submission, results: Results) -> None:
        """Keep a result."""
        self._held.append((submission, results, time.monotonic() + _MAX_LINES_SECONDS))

    def taken(self) -> Iterator[tuple[Submission, Results]]:
        """Take out those whose lines have come, or have not come in time."""
        if not self._held:
            return
        now = time.monotonic()
        held, self._held = self._held, []
        for submission, results, deadline in held:
            if now > deadline:
                yield submission, results._replace(lines=(0, 0))
            elif self.lacks_lines(results):
                self._held.append((submission, results, deadline))
            else:
                yield submission, results

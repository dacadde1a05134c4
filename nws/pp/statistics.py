"""What a server knows of the jobs that each node has done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["NodeStatistics", "RankTimes", "table"]


class NodeStatistics(NamedTuple):
    """What a node has done.

    Attributes:
        ncpus: workers that it has.
        njobs: jobs that it has finished.
        time: seconds that these took its workers.
        rworker: None; what pp keeps here is not for users.
    """

    ncpus: int
    njobs: int
    time: float
    rworker: None = None


class RankTimes:
    """How many jobs each worker has finished, by its rank, and the seconds that they took."""

    def __init__(self) -> None:
        """Begin with none."""
        self._jobs: dict[int, int] = defaultdict(int)
        self._seconds: dict[int, float] = defaultdict(float)

    def add(self, rank: int, seconds: float) -> None:
        """Count a job."""
        self._jobs[rank] += 1
        self._seconds[rank] += seconds

    def by_node(
        self, nodes: Mapping[int, str], active: Mapping[str, int]
    ) -> dict[str, NodeStatistics]:
        """Return the sums for each node.

        Args:
            nodes: by rank.
            active: nodes that are there, with the number of their workers.
        """
        jobs: dict[str, int] = defaultdict(int)
        seconds: dict[str, float] = defaultdict(float)
        for rank, count in list(self._jobs.items()):
            node = nodes.get(rank, "unknown")
            jobs[node] += count
            seconds[node] += self._seconds[rank]
        return {
            node: NodeStatistics(active.get(node, 0), jobs[node], seconds[node])
            for node in (*active, *(node for node in jobs if node not in active))
        }


def table(statistics: Mapping[str, NodeStatistics]) -> str:
    """Show them to people."""
    total = sum(each.njobs for each in statistics.values())
    lines = [" job count | % of all jobs | job time sum | time per job | job server"]
    for node, (_, njobs, seconds, _) in statistics.items():
        if njobs:
            share, mean = 100 * njobs / total, seconds / njobs
            lines.append(
                f"{njobs:>10} | {share:>13.2f} | {seconds:>12.4f} | {mean:>12.6f} | {node}"
            )
    return "\n".join(lines)

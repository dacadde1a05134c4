"""What workers are asked to do for a check."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from nws.client import NetWorkSpace
from nws.sleigh.check.facts import Facts, find_facts
from nws.sleigh.check.link import LinkFigures, measure_link
from nws.sleigh.check.questions import TURN, ask

__all__ = ["EXPRESSION", "Measurement", "measure"]

EXPRESSION: Final = (
    f"__import__({__name__!r}, fromlist=['measure'])"
    ".measure(SleighRank, SleighUserNws, *SleighArguments)"
)
"""For `nws.sleigh.Sleigh.eachWorker`, with the last two arguments of `measure`. If it were a
function, one worker that cannot import it would end the call of all."""


class Measurement(NamedTuple):
    """What a worker says of its machine."""

    facts: Facts
    link: LinkFigures


def measure(
    rank: int, workspace: NetWorkSpace, chosen: Collection[int], modules: Sequence[str]
) -> Measurement | None:
    """Look at this machine.

    Args:
        rank: of this worker.
        workspace: that it shares with the master.
        chosen: ranks of the workers that are to do it, one on each machine; others return None.
        modules: names of modules that tasks need.

    Raises:
        NwsException: the server is gone or has no room.
    """
    if rank not in chosen:
        return None
    facts = find_facts(modules)
    ask(workspace, TURN, rank)
    return Measurement(facts, measure_link(workspace, rank))

"""The ranks of a supervisor's workers, kept in the workspace for one that is started in its place.

They are in a variable of their own. Whoever looked for them in the reports about all workers would
take longer to join the more workers there are. Ranks that the master gives later are not here, but
in `control`; see ``joining.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nws.client import NetWorkSpace
from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.messages import MAX_RANKS, RANKS, log_dropped, ranks_variable

__all__ = ["former_ranks", "rank_count", "store_of_ranks"]


def store_of_ranks(supervisor: str, ranks: Sequence[int]) -> tuple[str, Any]:
    """Return what is to be stored when a supervisor has got its ranks."""
    return ranks_variable(supervisor), list(ranks)


def former_ranks(workspace: NetWorkSpace, supervisor: str) -> list[int]:
    """Return the ranks that a supervisor with this id has got before; none if there was none."""
    variable = ranks_variable(supervisor)
    try:
        ranks = workspace.findTry(variable, [])
    except NwsUnpicklingException as error:
        ranks = error
    if isinstance(ranks, list) and all(map(_is_rank, ranks)):
        return ranks
    log_dropped(variable, ranks)
    return []


def rank_count(workspace: NetWorkSpace, listing: Iterable[str]) -> int:
    """Return how many ranks supervisors have got, by the variables that are in a listing."""
    ids = [name.removeprefix(RANKS) for name in listing if name.startswith(RANKS)]
    return 1 + max((rank for id in ids for rank in former_ranks(workspace, id)), default=-1)


def _is_rank(rank: Any) -> bool:
    return type(rank) is int and 0 <= rank < MAX_RANKS

"""When an element is given up whose workers have died, and what its user is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from nws.sleigh.shared.messages import Call, Death, Failure
from nws.sleigh.shared.pickling import pack

__all__ = ["MAX_DEATHS", "MAX_LOST", "verdict_on"]

MAX_DEATHS: Final = 3
"""How often an element may cost a worker its life before it is given up."""

MAX_LOST: Final = 10
"""How often a task may be lost with a whole machine, or while its results are sent, before it is
given up."""


def verdict_on(element: int, deaths: Sequence[Death], call: Call, lost: int = 0) -> Failure | None:
    """Decide whether an element is to be given up, and say why.

    Args:
        element: the element.
        deaths: all that were noted at this call.
        call: the call.
        lost: how often its task was lost without a death that was noted.
    """
    deaths = [death for death in deaths if death.element == element]
    overdue = [death for death in deaths if death.overdue]
    if len(overdue) > call.retries:
        text = f"it took longer than timeout={call.timeout:g} seconds"
        return Failure(f"{text}\n{_last_words(overdue)}", pack(TimeoutError(text)))
    if len(deaths) - len(overdue) >= MAX_DEATHS:
        ends = Counter(death.text.partition("\n")[0] for death in deaths)
        counted = ", ".join(f"{how} ({number} times)" for how, number in ends.items())
        text = f"each of the {len(deaths)} workers that ran it ended before it was done: {counted}"
        return Failure(f"{text}\n{_last_words(deaths)}")
    if lost >= MAX_LOST:
        return Failure(
            f"each of the {lost} workers that ran it was lost before its result was sent"
        )
    return None


def _last_words(deaths: Sequence[Death]) -> str:
    return deaths[-1].text.partition("\n")[2]

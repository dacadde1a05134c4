"""What becomes of elements whose workers have crashed: which are given up, and why; which are tried
again, and in what pieces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from nws.counted import counted
from nws.errors import SleighWorkerLostException
from nws.sleigh.shared.messages import (
    EXCUSED,
    IN_INITIALIZER,
    MIN_LOADING_SECONDS,
    NO_ELEMENT,
    Call,
    Death,
    Failure,
    Task,
    cut_at,
)
from nws.sleigh.shared.pickling import pack

__all__ = ["ALONE_AFTER", "MAX_DEATHS", "MAX_EXCUSED", "MAX_LOST", "pieces_to_retry", "verdict_on"]

MAX_DEATHS: Final = 3
"""Crashes of workers during an element before it is given up."""

MAX_LOST: Final = 5
"""Losses of an element, with its supervisor, a whole machine, or while its result was sent, before
it is given up."""

ALONE_AFTER: Final = 2
"""Such losses, after which an element runs while no other suspect does: or one that ends its
supervisor would have those blamed that run beside it."""


MAX_EXCUSED: Final = 20
"""Times that a worker may be told to leave while it does a task; further ones count as losses. Or
an element that takes longer than workers stay would be run for ever."""


def verdict_on(element: int, deaths: Sequence[Death], call: Call, lost: int = 0) -> Failure | None:
    """Decide whether to give an element up, and say why.

    Args:
        element: the element.
        deaths: all that were noted of this call.
        call: the call.
        lost: how often its task was lost without a death that was noted.
    """
    deaths = [death for death in deaths if death.element == element]
    overdue = [death for death in deaths if death.overdue]
    if len(overdue) > call.retries:
        text = _text_of_overdue(element, call)
        return Failure(f"{text}\n{_details(overdue)}", pack(TimeoutError(text)))
    if len(deaths) - len(overdue) >= MAX_DEATHS:
        ends = Counter(death.text.partition("\n")[0] for death in deaths)
        tally = ", ".join(f"{how} ({counted(number, 'time')})" for how, number in ends.items())
        text = f"each of the {len(deaths)} workers that ran it ended before it was done: {tally}"
        return Failure(f"{text}\n{_details(deaths)}", pack(SleighWorkerLostException(text)))
    if lost >= MAX_LOST:
        text = (
            f"each of the {lost} workers that ran it was lost before its result was sent, and "
            "nobody could say why: its supervisor or its machine was lost with it, most likely. "
            "Does it end processes that are not its own, use up the memory of its machine, or take "
            "longer than workers stay?"
        )
        return Failure(text, pack(SleighWorkerLostException(text)))
    return None


def _text_of_overdue(element: int, call: Call) -> str:
    limit = counted(max(call.timeout, MIN_LOADING_SECONDS), "second")
    if element == NO_ELEMENT:
        return f"reading the function and what it imports took longer than {limit}"
    if element == IN_INITIALIZER:
        return f"the initializer took longer than {limit}"
    return f"it took longer than timeout={counted(call.timeout, 'second')}"


def _details(deaths: Sequence[Death]) -> str:
    return deaths[-1].text.partition("\n")[2]


def pieces_to_retry(task: Task, attempt: int, noted: Sequence[Death]) -> list[Task]:
    """Return what is left of a task that came back: one piece that can be run as it is, or several
    for whoever takes them, in which a suspect element is by itself.

    Args:
        task: as it was leased.
        attempt: of the lease.
        noted: all deaths of its call.
    """
    name = task.first, len(task.elements)
    deaths = [death for death in noted if (death.first, death.size) == name and _fits(death)]
    excused = sum(death.element == EXCUSED for death in deaths)
    unknown = attempt - 1 - len(deaths) + max(0, excused - MAX_EXCUSED)
    lost = max(0, task.lost + unknown)
    begin = max((death.begin for death in deaths), default=task.first)
    end = min((death.end for death in deaths), default=task.first + len(task.elements))
    elements = task.elements[begin - task.first : end - task.first]
    left = task._replace(first=begin, elements=elements, lost=lost)
    suspects = [death.element for death in deaths if death.element >= 0]
    if len(elements) > 1 and suspects:
        return list(cut_at(left, [suspects[-1], suspects[-1] + 1]))
    if len(elements) > 1 and lost > task.lost:
        return list(cut_at(left, [(begin + end) // 2]))
    return [left]


def _fits(death: Death) -> bool:
    """Tell whether what is still to be done is a part of the task: others may store anything, and
    no element may be lost by that."""
    return death.first <= death.begin < death.end <= death.first + death.size

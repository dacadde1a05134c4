"""At the master: lets workers measure, one after the other, and collects what they say."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nws.client import NetWorkSpace
from nws.counted import counted
from nws.errors import SleighJoinException, SleighTaskException
from nws.exception_text import described
from nws.sleigh.check.measurement import EXPRESSION, Measurement
from nws.sleigh.check.questions import TIME, Question, answer, next_question
from nws.sleigh.master.sleigh import Sleigh

__all__ = ["Answer", "collect_answers"]

Answer = Measurement | str
"""What a worker says; or why it says nothing."""

_POLL_SECONDS: Final = 0.05
"""Between looks who has answered."""

_MAX_TURN_SECONDS: Final = 10.0
"""Of a worker whose link is slow or breaks, before the next one begins."""


def collect_answers(
    sleigh: Sleigh,
    ranks: Sequence[int],
    chosen: Sequence[int],
    modules: Sequence[str],
    patience: float,
) -> Mapping[int, Answer]:
    """Let workers measure, until all have answered or nobody has for some time.

    Args:
        sleigh: whose group is closed.
        ranks: of all its workers.
        chosen: of those that are to measure.
        modules: names of modules that tasks need.
        patience: seconds without an answer after which the others are given up.

    Returns:
        The answer of each that is chosen.

    Raises:
        SleighException: the server is gone.
    """
    answers: dict[int, Answer] = {}

    def note(values: list[Any], places: list[int]) -> None:
        for place, value in zip(places, values, strict=True):
            if value is not None:  # it was chosen
                answers[ranks[place]] = _answer_in(value)

    pending = sleigh.eachWorker(EXPRESSION, chosen, modules, accumulator=note, blocking=False)
    turns = _Turns(sleigh.userNws)
    why = f"it has not answered within {counted(patience, 'second')}"
    known, deadline = 0, time.monotonic() + patience
    try:
        while pending.check() and time.monotonic() < deadline:
            if len(answers) > known:
                known, deadline = len(answers), time.monotonic() + patience
            turns.look(answers)
        pending.cancel()
    except SleighJoinException as error:
        why = str(error)  # the last one is gone
    return {rank: answers.get(rank, why) for rank in chosen}


def _answer_in(value: object) -> Answer:
    if isinstance(value, SleighTaskException):
        lines = str(value).strip().splitlines()
        return described(value.__cause__) if value.__cause__ else lines[-1]
    assert isinstance(value, Measurement)
    return value


class _Turns:
    """Answers what workers ask."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        self._workspace = workspace
        self._waiting: list[Question] = []
        self._rank: int | None = None  # whose turn it is
        self._ends = 0.0

    def look(self, answers: Mapping[int, Answer]) -> None:
        """Answer a question if there is one, and give the next one its turn if it is time."""
        question = next_question(self._workspace, _POLL_SECONDS)
        if question is not None and question.what == TIME:
            answer(self._workspace, question, time.time())
        elif question is not None:
            self._waiting.append(question)
        now = time.monotonic()
        if self._waiting and self._is_over(answers, now):
            next_one = self._waiting.pop(0)
            self._rank, self._ends = next_one.rank, now + _MAX_TURN_SECONDS
            answer(self._workspace, next_one, True)

    def _is_over(self, answers: Mapping[int, Answer], now: float) -> bool:
        if self._rank is None or self._rank in answers or now > self._ends:
            return True
        return any(each.rank == self._rank for each in self._waiting)  # another worker has its rank

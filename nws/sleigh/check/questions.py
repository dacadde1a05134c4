"""What workers ask the master while they measure, by the workspace that they share."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from nws.client import NetWorkSpace
from nws.errors import NwsTimeoutException

__all__ = ["TIME", "TURN", "Question", "answer", "ask", "next_question"]

TIME: Final = "time"
"""The time at the master."""

TURN: Final = "turn"
"""To be the one that measures its link: two would disturb each other. Any answer will do."""

_QUESTIONS: Final = "questions"


class Question(NamedTuple):
    """What a worker wants to have."""

    what: str
    rank: int

    @property
    def variable(self) -> str:
        """For the answer."""
        return f"{self.what} {self.rank}"


def ask(workspace: NetWorkSpace, what: str, rank: int) -> Any:
    """At a worker: return the master's answer. The master ends who waits for too long."""
    question = Question(what, rank)
    workspace.store(_QUESTIONS, tuple(question))
    return workspace.fetch(question.variable)


def next_question(workspace: NetWorkSpace, timeout: float) -> Question | None:
    """At the master: return what a worker asks for; None if nobody does within ``timeout`` s."""
    try:
        return Question(*workspace.fetch(_QUESTIONS, timeout=timeout))
    except NwsTimeoutException:
        return None


def answer(workspace: NetWorkSpace, question: Question, value: Any) -> None:
    """At the master: answer a worker."""
    workspace.store(question.variable, value)

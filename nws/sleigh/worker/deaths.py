"""What supervisors have noted about workers that died, as other workers read it."""

from __future__ import annotations

from nws.client import NetWorkSpace
from nws.errors import NwsUnpicklingException
from nws.sleigh.shared.messages import DEATHS, Call, Death, Failure, death_from_wire
from nws.sleigh.worker.crash_policy import verdict_on

__all__ = ["Deaths"]


class Deaths:
    """The deaths of each call, read when somebody asks."""

    def __init__(self, workspace: NetWorkSpace, *, replaces: bool) -> None:
        """Prepare for a worker; ``replaces`` tells whether it is not the first one of its rank."""
        self._workspace = workspace
        self._replaces = replaces

    def of(self, call: Call) -> list[Death]:
        """Return all deaths that were noted of a call."""
        noted = self._workspace.ifindTry(DEATHS)
        deaths: list[Death] = []
        while True:
            try:
                death = death_from_wire(noted.next())
            except NwsUnpicklingException:
                continue  # the master removes it
            except StopIteration:
                return deaths
            if death is not None and death.call == call.number:
                deaths.append(death)

    def verdict_before(self, call: Call, element: int, returned: int = 0) -> Failure | None:
        """Decide whether to give an element up without another try, when its task has come back so
        often. The first worker of a rank has not died of anything, and does not ask."""
        if not self._replaces:
            return None
        noted = self.of(call)
        return verdict_on(element, noted, call, max(0, returned - len(noted)))

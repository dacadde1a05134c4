"""Workers that somebody wants to be killed, as by `nws sleigh kill`.

Each request is the worker's process id, as a text in a variable of its supervisor. A worker that
has taken the place of another has another process id, so a request that comes late kills nobody.
"""

from __future__ import annotations

from typing import Final

from nws.client import NetWorkSpace
from nws.sleigh.shared.messages import kill_variable, log_dropped
from nws.sleigh.supervisor.declaring import declare_anew

__all__ = ["KillRequests"]

_MAX_TAKEN_REQUESTS: Final = 100
"""At a time; further ones follow with the next look."""


class KillRequests:
    """The requests to one supervisor."""

    def __init__(self, workspace: NetWorkSpace, id: str) -> None:
        """Wait for them from now on.

        Args:
            workspace: of the sleigh.
            id: of the supervisor.

        Raises:
            NwsException: the server or the workspace is gone.
        """
        self._variable = kill_variable(id)
        declare_anew(workspace, self._variable, "fifo")
        self._inbox = workspace.inbox(self._variable, _MAX_TAKEN_REQUESTS)

    def fileno(self) -> int:
        """Return what can be read when there are some."""
        return self._inbox.fileno()

    def take(self) -> list[int]:
        """Take out what there is, and return the process ids. What is no number is dropped.

        Raises:
            NwsException: the server or the workspace is gone, or the variable was deleted.
        """
        pids = []
        for request in self._inbox.take(0.0):
            if isinstance(request, str) and request.isdecimal():
                pids.append(int(request))
            else:
                log_dropped(self._variable, request)
        return pids

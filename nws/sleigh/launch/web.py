"""``launch="web"``: workers that a person starts, on any machine."""

from __future__ import annotations

from collections.abc import Mapping

from nws.client import NetWorkSpace
from nws.errors import SleighIllegalValueException
from nws.sleigh.launch.by_hand import invite, wait_for_a_person
from nws.sleigh.launch.launcher import Launch, WorkerOptions
from nws.sleigh.launch.processes import Processes
from nws.sleigh.shared.settings import Where
from nws.sleigh.shared.surroundings import Surroundings

__all__ = ["WebLauncher"]


class WebLauncher:
    """Workers that a person starts; see ``by_hand.py``."""

    is_local = False
    is_by_hand = True

    def begin(self, options: WorkerOptions, processes: Processes) -> Launch:
        return _WebLaunch(options)


class _WebLaunch:
    expected = 0

    def __init__(self, options: WorkerOptions) -> None:
        self.surroundings = Surroundings(variables=False, folder=False)
        self._options = options

    def go(self, where: Where, workspace: NetWorkSpace) -> None:
        options = self._options
        host = options.nwsHostRemote or where.host
        port = options.nwsPortRemote or where.port
        where = where._replace(host=host, port=port)
        if options.workers.is_elastic:
            invite(workspace, where)
        else:
            wait_for_a_person(workspace, where)

    def check_room(self, count: int) -> None:
        raise SleighIllegalValueException(
            "the workers of this sleigh are started by hand: start further ones, or end some"
        )

    def split(self, count: int) -> Mapping[str, int]:
        return {}

    def start(self, id: str) -> None:
        raise AssertionError("a person starts all supervisors")

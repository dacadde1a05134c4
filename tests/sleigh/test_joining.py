"""Workers join although others have stored something in the place of the next rank."""

from __future__ import annotations

from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh import Sleigh
from nws.sleigh.launch.processes import LocalSupervisor
from nws.sleigh.shared.messages import RANK_COUNT
from nws.sleigh.shared.settings import Settings
from tests.support.server import Server


class Unreadable:
    """Cannot be unpickled."""

    def __str__(self) -> str:
        return ""

    def __reduce__(self) -> Any:
        return int, ("no number",)


@pytest.mark.parametrize(
    "odd",
    [-1, 5, 1.5, 2**100, None, True, "x", Unreadable()],
    ids=lambda odd: type(odd).__name__ + str(odd)[:4],
)
def test_before_the_first(server: Server, monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    send_settings = LocalSupervisor.send_settings

    def store_first(supervisor: LocalSupervisor, settings: Settings) -> None:
        where = settings.where
        with NetWorkSpace(where.workspace, where.host, where.port) as others:
            others.store(RANK_COUNT, odd)
        send_settings(supervisor, settings)

    monkeypatch.setattr(LocalSupervisor, "send_settings", store_first)
    with Sleigh(workerCount=2, nwsHost="localhost", nwsPort=server.port) as sleigh:
        assert sleigh.eachElem(abs, [-1, -2]) == [1, 2]
        assert sleigh.eachWorker(abs, -3) == [3, 3]

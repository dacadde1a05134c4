"""When a supervisor leaves: the rules, without any process."""

from __future__ import annotations

from typing import ClassVar

import pytest

from nws.errors import NwsConnectException
from nws.sleigh.shared.settings import Settings, Stay, Where
from nws.sleigh.supervisor.departure import Departure
from nws.sleigh.supervisor.supervisor import _supervise


def test_it_stays_for_ever() -> None:
    assert Departure(Stay(), 100.0).reason(1e9, 0, busy=False) == ""


def test_a_lifetime() -> None:
    departure = Departure(Stay(lifetime=60.0), 100.0)
    assert departure.reason(159.0, 0, busy=True) == ""
    assert departure.reason(160.0, 0, busy=True) == "its lifetime is over"


@pytest.mark.parametrize(("drawn", "moment"), [(0.0, 160.0), (30.0, 130.0)])
def test_a_lifetime_is_never_longer_with_a_stagger(
    monkeypatch: pytest.MonkeyPatch, drawn: float, moment: float
) -> None:
    monkeypatch.setattr("random.uniform", lambda low, high: min(drawn, high))
    departure = Departure(Stay(lifetime=60.0, lifetime_stagger=30.0), 100.0)
    assert departure.reason(moment - 0.1, 0, busy=True) == ""
    assert departure.reason(moment, 0, busy=True) == "its lifetime is over"


def test_it_is_idle_for_long() -> None:
    departure = Departure(Stay(idle_timeout=10.0), 100.0)
    assert departure.reason(109.0, 0, busy=True) == ""
    assert departure.reason(118.0, 1, busy=False) == ""  # it has done a task between two looks
    assert departure.reason(127.9, 1, busy=False) == ""
    assert departure.reason(128.0, 1, busy=False) == "there was nothing to do for 10 seconds"


class _Supervisor:
    """One that finds a server, or loses it, as a script has it."""

    script: ClassVar[list[str]] = []

    def __init__(self, settings: Settings) -> None:
        self._step = self.script.pop(0)
        if self._step == "unreachable":
            raise NwsConnectException("nobody answers")

    @property
    def has_lost_server(self) -> bool:
        return self._step == "loses it"

    def run(self) -> int:
        return int(self.has_lost_server)


@pytest.mark.parametrize(
    ("death_timeout", "script"),
    [
        (60.0, ["unreachable", "unreachable", "is over"]),
        (60.0, ["loses it", "unreachable", "is over"]),
    ],
)
def test_the_server_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, death_timeout: float, script: list[str]
) -> None:
    monkeypatch.setattr("nws.sleigh.supervisor.supervisor.Supervisor", _Supervisor)
    monkeypatch.setattr("nws.sleigh.supervisor.supervisor._RETRY_SECONDS", 0.0)
    monkeypatch.setattr(_Supervisor, "script", script)
    where = Where("nowhere", 1, "a sleigh", "a sleigh", 30.0, 0)
    assert _supervise(Settings(where, "0", stay=Stay(death_timeout=death_timeout))) == 0
    assert script == []


def test_the_server_is_not_looked_for_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nws.sleigh.supervisor.supervisor.Supervisor", _Supervisor)
    monkeypatch.setattr("nws.sleigh.supervisor.supervisor._RETRY_SECONDS", 0.0)
    monkeypatch.setattr(_Supervisor, "script", ["unreachable"] * 10**6)
    settings = Settings(Where("nowhere", 1, "a sleigh", "a sleigh", 30.0, 0), "0")
    for death_timeout in (0.0, 0.001):
        with pytest.raises(NwsConnectException):
            _supervise(settings._replace(stay=Stay(death_timeout=death_timeout)))

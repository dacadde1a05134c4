"""Incidents are counted, and logged at most once a minute."""

from __future__ import annotations

from nws_server.incidents import LOG_PAUSE_SECONDS, Incidents
from tests.support.link import Clock


def test_the_first_is_logged_at_once_and_then_one_a_minute() -> None:
    clock = Clock()
    log: list[str] = []
    incidents = Incidents(clock, log.append)
    incidents.add("a")
    for _ in range(1000):
        incidents.add("b")
    assert log == ["a"]
    clock.now += LOG_PAUSE_SECONDS
    incidents.add("c")
    incidents.add("d")
    assert log[1:] == ["c (and 1000 more since the last such line)"]
    clock.now += 10 * LOG_PAUSE_SECONDS
    incidents.add("e")
    assert log[2:] == ["e (and 1 more since the last such line)"]
    clock.now += LOG_PAUSE_SECONDS
    incidents.add("f")
    assert log[3:] == ["f"]
    assert incidents.count == 1005

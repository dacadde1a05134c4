"""Repeated work takes at most its share of the time."""

from __future__ import annotations

import pytest

from nws_server.web.duty_cycle import DutyCycle


@pytest.mark.parametrize("busy", [0.0, 0.001, 0.1, 7.0])
def test_work_and_pause_together_keep_the_share(busy: float) -> None:
    pause = DutyCycle(1 / 20).pause_after(busy)
    assert pause == 20 * busy
    assert busy <= (busy + pause) / 20

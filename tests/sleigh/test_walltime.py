"""Workers that leave before the walltime of their job is over."""

from __future__ import annotations

import pytest

from nws.sleigh.launch.walltime import stay_within
from nws.sleigh.shared.settings import Stay


@pytest.mark.parametrize(
    ("walltime", "stay"),
    [
        (0, Stay(lifetime=0.0, grace=30.0)),
        (7200, Stay(lifetime=7140.0, grace=30.0)),
        (240, Stay(lifetime=180.0, grace=30.0)),
        (8, Stay(lifetime=6.0, grace=1.0)),
    ],
)
def test_how_long_they_stay(walltime: float, stay: Stay) -> None:
    assert stay_within(walltime) == stay

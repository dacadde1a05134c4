"""The commands by which hosts are started, and their end."""

from __future__ import annotations

import pytest

from nws.depalma import host_launcher
from nws.depalma.config import HostConfig
from nws.depalma.host_launcher import HostLauncher
from nws.sleigh.launch.processes import Processes


def test_hosts_that_do_not_end_are_waited_for_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a master with many of them would need minutes to end."""
    graces: list[float] = []
    stop = Processes.stop

    def noted(processes: Processes, grace: float) -> None:
        graces.append(grace)
        stop(processes, grace)

    monkeypatch.setattr(host_launcher, "_GRACE_SECONDS", 0.05)
    monkeypatch.setattr(Processes, "stop", noted)
    launcher = HostLauncher("cluster", "h:1", lambda name: False)
    for name in "abc":
        launcher.start(HostConfig(name, launch=["sh", "-c", "exec sleep 1000"]))
    launcher.close()
    assert graces[0] <= 0.05
    assert graces[1:] == [0.0, 0.0]

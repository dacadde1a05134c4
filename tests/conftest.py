"""What holds for the whole suite: Ctrl-C works, and a process that crashes is a failure."""

from __future__ import annotations

import signal
from typing import Any

import pytest


@pytest.hookimpl(tryfirst=True)  # pytest-twisted keeps the default handler if it finds it
def pytest_configure() -> None:
    # A shell starts its background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Count the crash of a process that was between two tests, which pytest-xdist does not."""
    if error:
        node.config.pluginmanager.get_plugin("session").testsfailed += 1

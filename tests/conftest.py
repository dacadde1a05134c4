"""What holds for the whole suite: its order, that Ctrl-C works, and that a crash is a failure."""

from __future__ import annotations

import signal
from collections import Counter
from typing import Any

import pytest

# Their assertions shall show values too, as those of test modules do.
pytest.register_assert_rewrite("tests.support", "tests.core.contract", "tests.core.model")


@pytest.hookimpl(tryfirst=True)  # pytest-twisted keeps the default handler if it finds it
def pytest_configure() -> None:
    # A shell starts its background jobs with SIGINT ignored, nohup those with SIGHUP, and children
    # inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have most slow tests: so several processes end at the same time."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Count the crash of a process that was between two tests, which pytest-xdist does not."""
    if error:
        node.config.pluginmanager.get_plugin("session").testsfailed += 1

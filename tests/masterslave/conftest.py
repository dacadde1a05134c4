"""A server in the place of the name server, and task managers on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nws.masterslave import TaskManager
from tests.support.server import Server
from tests.support.spaces import HOST

Managers = Callable[[], TaskManager]


class Unreadable:
    """Can be pickled, but not read."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, ("no number",)


@pytest.fixture(autouse=True)
def usual_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the one that masters and slaves use."""
    monkeypatch.setenv("NWS_SERVER_HOST", HOST)
    monkeypatch.setenv("NWS_SERVER_PORT", str(server.port))


@pytest.fixture
def label(request: pytest.FixtureRequest) -> str:
    """A label of the test's own."""
    name: str = request.node.name
    return name


@pytest.fixture
def manager(label: str) -> Iterator[TaskManager]:
    """The task manager of a master, whose process is registered."""
    manager = TaskManager(label, create=True)
    assert manager.registerProcess(info="the master") == 0
    yield manager
    manager.close()


@pytest.fixture
def another(label: str, manager: TaskManager) -> Iterator[Managers]:
    """Makes further managers of the label, each as another process has it."""
    made: list[TaskManager] = []

    def make() -> TaskManager:
        made.append(TaskManager(label))
        return made[-1]

    yield make
    for each in made:
        each.close()

"""The ranks of a supervisor, for one that is started in its place."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.sleigh.shared.messages import ranks_variable, worker_variable
from nws.sleigh.supervisor.kept_ranks import former_ranks, store_of_ranks
from nws.testing import MemoryServer


@pytest.fixture
def space() -> Iterator[NetWorkSpace]:
    with MemoryServer() as server, server.connect() as client:
        yield client.openWs("sleigh")


def test_a_new_supervisor_has_none(space: NetWorkSpace) -> None:
    space.store(*store_of_ranks("other", range(3)))
    assert former_ranks(space, "new") == []


def test_it_takes_as_long_however_many_workers_there_are(
    space: NetWorkSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    find = NetWorkSpace.findTry

    def find_counted(self: NetWorkSpace, varName: str, missing: Any = None) -> Any:
        asked.append(varName)
        return find(self, varName, missing)

    monkeypatch.setattr(NetWorkSpace, "findTry", find_counted)
    monkeypatch.delattr(NetWorkSpace, "listVars")
    for rank in range(100):
        space.store(worker_variable(rank), "{}")
    former_ranks(space, "new")
    assert asked == [ranks_variable("new")]


def test_another_one_gets_those_of_the_first(space: NetWorkSpace) -> None:
    space.store(*store_of_ranks("0", range(3, 6)))
    assert former_ranks(space, "0") == [3, 4, 5]


@pytest.mark.parametrize("odd", [7, "x", [1, "x"], [-1], [True], [2**20], None, {}, (1, 2)])
def test_what_is_none_is_dropped(
    space: NetWorkSpace, caplog: pytest.LogCaptureFixture, odd: Any
) -> None:
    space.store(ranks_variable("0"), odd)
    assert former_ranks(space, "0") == []
    assert "dropped what no sleigh has stored in the variable 'ranks 0'" in caplog.text


def test_what_cannot_be_read_is_dropped(space: NetWorkSpace) -> None:
    space.storeFile(ranks_variable("0"), BytesIO(b"no pickle"))
    assert former_ranks(space, "0") == []

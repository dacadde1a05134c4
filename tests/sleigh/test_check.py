"""Looking at the machines of a sleigh: what workers measure, and what is made of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Sleigh
from nws.sleigh.check.answers import collect_answers
from nws.sleigh.check.facts import Facts, Module, find_facts, find_module
from nws.sleigh.check.judgement import problems_of
from nws.sleigh.check.measurement import Measurement
from tests.support.server import PATIENCE

HERE = Facts("desk", "CPython 3.11.2", "/bin/python", "1.0", {}, "/tmp", 10**9, 4, 0.5)


def test_facts() -> None:
    facts = find_facts(["pytest", "json", "nowhere"])
    missing = "ModuleNotFoundError: No module named 'nowhere'"
    assert facts.path == sys.executable
    assert facts.modules["pytest"] == Module(pytest.__version__)
    assert facts.modules["nowhere"] == Module(error=missing)
    assert problems_of(facts, facts) == [f"nowhere: {missing}"]


def test_modules_without_a_version() -> None:
    assert find_module("importlib") == Module()


def test_a_module_that_ends_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ends.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(tmp_path)
    assert find_module("ends") == Module(error="SystemExit: 3")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"python": "CPython 3.11.9", "path": "/elsewhere", "load": 40.0},
        {"modules": {"numpy": Module("2.1.0")}},
        {"modules": {"numpy": Module()}},
    ],
)
def test_what_fits(changes: dict[str, Any]) -> None:
    here = HERE._replace(modules={"numpy": Module("2.0.2")})
    assert problems_of(HERE._replace(**changes), here) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"python": "CPython 3.12.2"}, "CPython 3.12.2 there and CPython 3.11.2 here: .* sent"),
        ({"python": "PyPy 3.11.2"}, "PyPy 3.11.2 there"),
        ({"nws": "0.9"}, "nws 0.9 there and 1.0 here"),
        ({"modules": {"numpy": Module("1.26.4")}}, "numpy 1.26.4 there and 2.0.2 here"),
        ({"modules": {"numpy": Module(error="it is broken")}}, "numpy: it is broken"),
        ({"free_bytes": 49_999_999}, "50 MB free in /tmp"),
        ({"free_bytes": None, "folder": "none is"}, "no folder for temporary files: none is"),
    ],
)
def test_what_does_not_fit(changes: dict[str, Any], said: str) -> None:
    here = HERE._replace(modules={"numpy": Module("2.0.2")})
    (problem,) = problems_of(HERE._replace(**changes), here)
    assert re.match(said, problem)


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sleigh]:
    """Two workers that have two bad modules."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "hangs.py").write_text("import time\ntime.sleep(1e6)")
    (folder / "dies.py").write_text("import os\nos._exit(7)")
    with Sleigh(**on_server, workerCount=2, modulePath=str(folder)) as sleigh:
        yield sleigh


def test_all_answer(sleigh: Sleigh) -> None:
    answers = collect_answers(sleigh, [0, 1], [0, 1], ["json"], PATIENCE)
    assert list(answers) == [0, 1]
    for answer in answers.values():
        assert isinstance(answer, Measurement)
        assert answer.facts[:6] == find_facts(["json"])[:6]
        assert answer.link.clock_error_seconds > 0
        # The same machine has the same clock, however long the answer takes; but for steps of it.
        assert abs(answer.link.clock_seconds) <= answer.link.clock_error_seconds + 0.5


def test_who_is_not_chosen_says_nothing(sleigh: Sleigh) -> None:
    assert list(collect_answers(sleigh, [0, 1], [1], [], PATIENCE)) == [1]


def test_a_module_that_hangs(sleigh: Sleigh) -> None:
    """The worker is given up, and replaced."""
    answers = collect_answers(sleigh, [0, 1], [0], ["hangs"], 0.1)
    assert answers == {0: "it has not answered within 0.1 seconds"}
    assert sleigh.eachWorker("SleighRank") == [0, 1]


def test_a_module_that_kills_its_worker(sleigh: Sleigh) -> None:
    (said,) = collect_answers(sleigh, [0, 1], [0], ["dies"], PATIENCE).values()
    assert isinstance(said, str)
    assert "exit status 7" in said

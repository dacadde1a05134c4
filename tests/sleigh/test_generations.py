"""Programs that a sleigh would start again and again: there is never more than one generation."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nws.sleigh import freeze_support
from tests.sleigh.conftest import Script
from tests.support.server import PATIENCE, environment

PROGRAM = """
import os, sys
{before}
with open("generations", "a") as generations:
    generations.write("one\\n")
from nws.sleigh import Sleigh, SleighException, freeze_support
{first}
sys.executable = {executable}
try:
    with Sleigh(workerCount=2) as sleigh:
        print(sleigh.eachElem(abs, [-1, -2]))
except SleighException as error:
    print(type(error).__name__, error)
    sys.exit(1)
"""


def run(folder: Path, executable: str, first: str = "", before: str = "") -> str:
    """Run a program whose idea of Python is another one, and return what it prints."""
    program = folder / "program.py"
    text = PROGRAM.replace("{executable}", executable)
    program.write_text(text.replace("{first}", first).replace("{before}", before))
    frozen = folder / "frozen"
    frozen.write_text(f'#!/bin/sh\nexec {sys.executable} {program} "$@"\n')
    frozen.chmod(frozen.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        [frozen],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    return done.stdout


def generations(folder: Path) -> int:
    return len((folder / "generations").read_text().split())


def test_a_frozen_program(tmp_path: Path) -> None:
    said = run(tmp_path, "os.path.abspath('frozen')")
    assert "the private server did not start" in said
    assert "call nws.sleigh.freeze_support() before anything else" in said
    assert generations(tmp_path) <= 3, "itself, a server and a supervisor"


@pytest.mark.slow
@pytest.mark.parametrize(
    "first",
    [
        pytest.param("freeze_support()", id="ours"),
        pytest.param(
            "import multiprocessing; multiprocessing.freeze_support()",
            marks=pytest.mark.nightly,
            id="of multiprocessing",
        ),
    ],
)
def test_a_frozen_program_that_supports_it(tmp_path: Path, first: str) -> None:
    assert run(tmp_path, "os.path.abspath('frozen')", first) == "[1, 2]\n"
    assert generations(tmp_path) == 3


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize("executable", ["None", "''"])
def test_python_is_nowhere(tmp_path: Path, executable: str) -> None:
    said = run(tmp_path, executable)
    assert said.startswith("SleighScriptException sys.executable does not say where Python is")
    assert generations(tmp_path) == 1


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("executable", ["'/nowhere/python'", "'/bin/true'", "'/bin/false'"])
def test_another_program(tmp_path: Path, executable: str) -> None:
    said = run(tmp_path, executable)
    assert said.startswith("SleighNwsException the private server")
    assert executable.strip("'") in said
    assert generations(tmp_path) == 1


@pytest.mark.parametrize("argv", [["program"], ["program", "-c", "print()"]])
def test_freezing_is_nothing_to_other_programs(
    monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [*argv])
    freeze_support()
    assert sys.argv == argv


# Modules

MODULE = """
import os
with open("generations", "a") as generations:
    generations.write("one\\n")
from nws.sleigh import Sleigh
sleigh = Sleigh(workerCount=1)

def double(number):
    return 2 * number
"""


OF_MODULE = """
from module import double, sleigh
from nws.sleigh import SleighTaskException

CALLS = (
    lambda: sleigh.eachElem(double, [1]),
    lambda: sleigh.eachElem(double, [[double]]),
    lambda: sleigh.eachElem(str, [[double]]),
    lambda: sleigh.eachElem("import module", [1]),
    lambda: [sleigh.submit(double, 1).exception()],
)

with sleigh:
    for call in CALLS:
        try:
            said = str(*call())
        except SleighTaskException as error:  # where the function cannot be read
            said = str(error)
        print("the module 'module' makes a sleigh while a worker imports it" in said)
        print("`if __name__ == '__main__':`" in said)
"""


@pytest.mark.usefixtures("programs_on_server")
def test_a_module_that_makes_a_sleigh(script: Script, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(MODULE)
    assert script(OF_MODULE).stdout == 10 * "True\n"
    assert generations(tmp_path) == 6, "the master imported it, and for each call a worker"


NESTED = """
from nws.sleigh import Sleigh

def inner(number):
    return 2 * number

def outer(number):
    with Sleigh(workerCount=1) as sleigh:
        return sleigh.eachElem(inner, [number])

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(outer, [1]))
        print(sleigh.eachElem("from nws.sleigh import Sleigh\\nwith Sleigh(workerCount=1) as s:"
                              "\\n  SleighValue = s.eachElem(abs, [-1])", [1]))
"""


@pytest.mark.slow
@pytest.mark.nightly  # that a task has no mark is below
def test_a_sleigh_in_a_task_is_fine(script: Script) -> None:
    assert script(NESTED).stdout == "[[2]]\n[[1]]\n"


@pytest.mark.usefixtures("programs_on_server")
def test_tasks_have_no_mark(script: Script) -> None:
    text = """
import os
from nws.sleigh import Sleigh
if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        print([name for name in sleigh.eachElem("list(os.environ)", [1])[0] if "NWS_SLEIGH" in name]
              if sleigh.eachElem("import os", [1]) else "")
"""
    assert script(text).stdout == "[]\n"
    assert "NWS_SLEIGH_CHILD" not in os.environ

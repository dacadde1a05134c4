"""Sleighs in programs of users: what their workers find, and what they print."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from nws.sleigh import Sleigh
from tests.sleigh.conftest import Script
from tests.sleigh.functions import close_stdout, loaded_modules, read_stdin
from tests.support.deadly import times_ten
from tests.support.processes import run_python

HEAVY = {"twisted", "zope", "jinja2", "click", "nws_server"}


# What is loaded


def test_workers_load_neither_twisted_nor_jinja2(sleigh: Sleigh) -> None:
    (modules,) = sleigh.eachElem(loaded_modules, [0])
    assert "nws.sleigh.worker.worker" in modules
    assert HEAVY.isdisjoint(name.partition(".")[0] for name in modules)


def test_the_master_loads_neither_twisted_nor_jinja2(tmp_path: Path) -> None:
    text = "import sys, nws.sleigh\nprint(*{name.partition('.')[0] for name in sys.modules})"
    assert HEAVY.isdisjoint(run_python("-c", text, cwd=tmp_path).stdout.split())


# Where things are found

OF_MAIN = """
from dataclasses import dataclass
from nws.sleigh import Sleigh, SleighTaskException

OFFSET = 100

class Mistake(Exception):
    pass

@dataclass
class Point:
    x: int

    def moved(self, by):
        return Point(self.x + by)

def shifted(number):
    if number < 0:
        raise Mistake(number)
    return helper(number)

def helper(number):
    return number + OFFSET

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        print(sleigh.eachElem(shifted, [1, 2]))
        moved = sleigh.eachElem(Point.moved, [[Point(1), Point(2)]], 10)
        print(moved, {type(point) is Point for point in moved})
        print(sleigh.eachElem(Point(5).moved, [1]))
        (failed,) = sleigh.eachElem(shifted, [-1])
        print(type(failed) is SleighTaskException, type(failed.__cause__) is Mistake)
        print("Mistake: -1" in str(failed))
        OFFSET = 1000
        print(sleigh.eachElem(shifted, [1, 2]))
"""


@pytest.mark.usefixtures("programs_on_server")
@pytest.mark.nightly  # more of them in test_main_program.py
def test_functions_and_classes_of_the_main_program(script: Script) -> None:
    assert script(OF_MAIN).stdout.splitlines() == [
        "[101, 102]",
        "[Point(x=11), Point(x=12)] {True}",
        "[Point(x=6)]",
        "True True",
        "True",
        "[1001, 1002]",
    ]


BESIDE = """
import os
from beside import Thing, work
from nws.sleigh import Sleigh

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        print(sleigh.eachElem(work, [1, 2]))
        print(type(sleigh.eachElem(Thing, [1])[0]) is Thing)
        print(sleigh.eachElem(os.getcwd, [[]]) or os.getcwd())
"""


@pytest.mark.usefixtures("programs_on_server")
def test_a_module_beside_the_program(script: Script, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text(
        "def work(number):\n    return 10 * number\nclass Thing:\n    def __init__(self, _): pass\n"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    output = script(BESIDE, cwd=elsewhere).stdout.splitlines()
    assert output == ["[10, 20]", "True", str(elsewhere)]


def test_the_working_folder_is_searched_only_if_the_master_does(
    script: Script, tmp_path: Path
) -> None:
    """It may have files that are named like modules which workers and servers need."""
    text = """
import os
from nws.sleigh import Sleigh

if __name__ == "__main__":
    os.chdir("full of traps")
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(abs, [-1]))
"""
    traps = tmp_path / "full of traps"
    traps.mkdir()
    for name in ("json", "nws", "nws_server", "twisted", "cloudpickle", "pickle", "shutil"):
        (traps / f"{name}.py").write_text("raise SystemExit('a trap')\n")
    assert script(text).stdout == "[1]\n"


@pytest.mark.usefixtures("programs_on_server")
def test_a_program_that_is_given_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("def work(number):\n    return 10 * number\n")
    text = (
        "from nws.sleigh import Sleigh; from beside import work\n"
        "with Sleigh(workerCount=1) as sleigh: print(sleigh.eachElem(work, [1]))"
    )
    assert run_python("-c", text, cwd=tmp_path).stdout == "[10]\n"


@pytest.mark.nightly  # the path is sent as in the tests above
@pytest.mark.usefixtures("programs_on_server")
def test_the_path_of_a_master_that_changed_it(script: Script, tmp_path: Path) -> None:
    text = """
import sys
sys.path.insert(0, "modules")
sys.path.append(7)
from pathlib import Path
sys.path.append(Path("more modules"))
from hidden import work
from nws.sleigh import Sleigh

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(work, [1]))
"""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "hidden.py").write_text("def work(number):\n    return -number\n")
    assert script(text).stdout == "[-1]\n"


@pytest.mark.nightly
def test_a_path_with_entries_that_are_no_strings(monkeypatch: pytest.MonkeyPatch) -> None:
    for entry in (Path("somewhere"), b"bytes", 7, None, "\udcff", "ä b"):
        monkeypatch.setattr(sys, "path", [*sys.path, entry])
    with Sleigh(workerCount=1) as sleigh:
        assert sleigh.eachElem(times_ten, [1]) == [10]


# Input and output


@pytest.mark.usefixtures("programs_on_server")
def test_what_tasks_print_is_there(script: Script) -> None:
    text = """
import os, sys
from nws.sleigh import Sleigh

def speak(element):
    print(f"element {element}")
    if element == 3 and not os.path.exists("again"):
        open("again", "w").close()
        os._exit(0)
    return element

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        assert sleigh.eachElem(speak, range(20)) == list(range(20))
        print("the results are there", flush=True)
"""
    *lines, last = script(text).stdout.splitlines()
    told = Counter(re.sub(r"^\[[01]:\d+\] ", "", line) for line in lines)
    assert sorted(told) == sorted(f"element {element}" for element in range(20))
    assert told["element 3"] == 2, "the last word of the one that died, and of the other one"
    assert last == "the results are there"


@pytest.mark.usefixtures("programs_on_server")
def test_stdin_is_empty_for_tasks_and_kept_for_the_master(script: Script) -> None:
    text = """
from nws.sleigh import Sleigh
from tests.sleigh.functions import read_stdin

if __name__ == "__main__":
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(read_stdin, [0]))
        print(input())
"""
    assert script(text, stdin="for the master\n").stdout == "['']\nfor the master\n"


def test_a_task_that_closes_stdout(lonely: Sleigh) -> None:
    assert lonely.eachElem(close_stdout, [1]) == [1]
    assert lonely.eachElem(times_ten, range(10)) == list(range(0, 100, 10))


def test_a_task_that_reads_stdin(sleigh: Sleigh) -> None:
    assert sleigh.eachElem(read_stdin, [0]) == [""]
    (failed,) = sleigh.eachElem(input, ["? "])
    assert isinstance(failed.__cause__, EOFError)


@pytest.mark.nightly  # as in test_output.py
@pytest.mark.usefixtures("programs_on_server")
def test_nobody_reads_what_workers_print(tmp_path: Path) -> None:
    text = """
import os, sys
from nws.sleigh import Sleigh

def speak(element):
    print("x" * 100000)
    return element

if __name__ == "__main__":
    reader, writer = os.pipe()
    os.dup2(writer, 1)
    os.close(writer)
    os.close(reader)
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(speak, [1]), file=sys.stderr)
    os._exit(0)
"""
    done = run_python("-c", text, cwd=tmp_path)
    assert done.stderr == "what workers print cannot be shown: [Errno 32] Broken pipe\n[1]\n"


@pytest.mark.nightly  # as in test_surroundings.py
def test_a_working_folder_that_is_gone(tmp_path: Path) -> None:
    text = """
import os, sys
from nws.sleigh import Sleigh, SleighIllegalValueException
if __name__ == "__main__":
    os.rmdir(os.getcwd())
    try:
        Sleigh(workerCount=1)
    except SleighIllegalValueException as error:
        print(error)
    with Sleigh(workerCount=1, workingDir="/") as sleigh:
        print(sleigh.eachWorker(os.getcwd))
"""
    done = run_python("-c", text, cwd=tmp_path)
    assert "the working folder of this process is gone" in done.stdout
    assert done.stdout.endswith("['/']\n")

"""Tracebacks show the source of functions that no worker can import."""

from __future__ import annotations

import linecache
import subprocess
import sys
from pathlib import Path

import pytest

from nws.sleigh.master.source_lines import with_source_lines
from tests.sleigh.conftest import Script
from tests.support.server import PATIENCE, environment

pytestmark = pytest.mark.usefixtures("programs_on_server")

# What is in a notebook's cell, or typed at some prompts, is in linecache and in no file.
PROGRAM = """
import linecache, os, sys
from nws.sleigh import Sleigh

CELL = '''
def of_cell(number):
    return 1 / number  # in the cell
'''

def of_script(number):
    return of_cell(number)  # in the script

def die(number):
    os.kill(os.getpid(), 11)  # deadly

if __name__ == "__main__":
    linecache.cache["<cell 1>"] = len(CELL), None, CELL.splitlines(keepends=True), "<cell 1>"
    exec(compile(CELL, "<cell 1>", "exec"))
    with Sleigh(workerCount=1) as sleigh:
        print(sleigh.eachElem(of_script, [0])[0])
        print(sleigh.eachElem(die, [0])[0])
    with Sleigh(workerCount=1, initializer=of_script, initargs=[0]) as sleigh:
        try:
            sleigh.eachElem(abs, [0])
        except Exception as error:
            print(error)
"""


def test_the_main_program(script: Script, tmp_path: Path) -> None:
    said = script(PROGRAM).stdout
    lines = [line.strip() for line in said.split("\n")]
    assert lines.count("return of_cell(number)  # in the script") == 2
    assert lines.count("return 1 / number  # in the cell") == 2
    assert f'File "{tmp_path / "program.py"}", line 11, in of_script' in lines
    assert 'File "<cell 1>", line 3, in of_cell' in lines
    assert f'File "{tmp_path / "program.py"}", line 14 in die' in lines


@pytest.mark.nightly
def test_what_comes_as_an_argument_of_python(tmp_path: Path) -> None:
    """Newer ones keep its source. The names of the functions are shown by all."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    lines = [line.strip() for line in done.stdout.split("\n")]
    assert lines.count('File "<string>", line 11, in of_script') == 2
    assert 'File "<string>", line 14 in die' in lines
    assert not any("<module>" in line for line in lines), "nothing that is ours"
    shown = 2 if sys.version_info >= (3, 13) else 0
    assert lines.count("return of_cell(number)  # in the script") == shown


# By itself

CELL = "def f():\n    return 1\n"


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ('  File "<cell>", line 2, in f', '  File "<cell>", line 2, in f\n    return 1'),
        ('    File "<cell>", line 2, in f\n', '    File "<cell>", line 2, in f\n      return 1\n'),
        ('  File "<cell>", line 2, in f\n    there', '  File "<cell>", line 2, in f\n    there'),
        ('  File "<cell>", line 9, in f\nEnd', '  File "<cell>", line 9, in f\nEnd'),
        ('  File "<other>", line 1, in f\nEnd', '  File "<other>", line 1, in f\nEnd'),
        (f'  File "{__file__}", line 1, in f', f'  File "{__file__}", line 1, in f'),
        ("killed\npeak memory", "killed\npeak memory"),
        ("", ""),
    ],
)
def test_completed(text: str, complete: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = CELL.splitlines(keepends=True)
    monkeypatch.setitem(linecache.cache, "<cell>", (len(CELL), None, lines, "<cell>"))
    assert with_source_lines(text) == complete

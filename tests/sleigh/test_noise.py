"""Whatever is printed as Python starts, in whatever encoding: it confuses no process of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import PATIENCE, ROOT, environment

PROGRAM = """
from nws.sleigh import Sleigh

if __name__ == "__main__":
    with Sleigh(workerCount=2) as sleigh:
        results = sleigh.eachElem(abs, range(-3, 0))
        results += sleigh.eachWorker(pow, 2, 3) + list(sleigh.imap(abs, [-4]))
        open("results", "w", encoding="utf-8").write(str(results))
        sleigh.eachElem(print, ["said"])
"""

NOISES = {
    # The first one would be taken for the address of a server.
    "lines": """
import atexit, os, sys, threading, warnings
print('["tcp:127.0.0.1:1"]')
print("x" * 200_000)
os.write(1, b"\\xff\\xfe\\x00")
os.write(2, b"\\xff")
os.system("echo hello")
print("hello", file=sys.stderr)
warnings.simplefilter("always")
warnings.warn("hello")
threading.Thread(target=print, args=("hello",)).start()
atexit.register(print, "bye")
""",
    "no whole line, and logging": """
import logging
print("hello", end="")
logging.basicConfig(level=1)
logging.warning("hello")
""",
    "no stdout": "import sys; sys.stdout = None",
    "no streams": "import sys; sys.stdout = sys.stderr = sys.__stdout__ = None",
    "another stdout": "import sys, io; sys.stdout = io.StringIO()",
    "stdin is read": "import os, sys; sys.stdin.read(); os.system('cat')",
    "stdin is closed": "import sys; sys.stdin.close()",
}

SETTINGS = [
    {"PYTHONIOENCODING": "utf-16", "PYTHONINSPECT": "1"},
    pytest.param(
        {"PYTHONIOENCODING": "ascii:backslashreplace", "PYTHONUTF8": "0", "LC_ALL": "C"},
        marks=pytest.mark.nightly,
    ),
    pytest.param({"PYTHONIOENCODING": "cp037"}, marks=pytest.mark.nightly),
    # All of these make Python say more.
    {
        "PYTHONUNBUFFERED": "1",
        "PYTHONVERBOSE": "1",
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "always",
        "PYTHONPROFILEIMPORTTIME": "1",
    },
]


def run(folder: Path, *before: str, **env: str) -> str:
    """Run the program, by the command ``before``; return its results."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    path = os.pathsep.join(map(str, [folder, ROOT, ROOT / "server"]))
    command = [*before, sys.executable, str(program)]
    whole = environment({"PYTHONPATH": path, **env})
    subprocess.run(
        command,
        cwd=folder,
        env=whole,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
        check=True,
    )
    return (folder / "results").read_text()


@pytest.mark.slow
@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    "noise",
    [
        "lines",
        "no streams",
        "stdin is read",
        *(
            pytest.param(noise, marks=pytest.mark.nightly)
            for noise in (
                "no whole line, and logging",
                "no stdout",
                "another stdout",
                "stdin is closed",
            )
        ),
    ],
)
def test_what_is_done_with_streams_as_python_starts(tmp_path: Path, noise: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(f"{NOISES[noise]}\n")
    assert run(tmp_path, PYTHONIOENCODING="utf-16") == "[3, 2, 1, 8, 8, 4]"


CLOSED = 'exec "$@" <&- >&- 2>&-'
"""A command of the shell that runs a program without standard streams."""


def test_a_program_that_has_closed_its_streams(tmp_path: Path) -> None:
    """What it opens next has their numbers."""
    assert run(tmp_path, "sh", "-c", CLOSED, "sh") == "[3, 2, 1, 8, 8, 4]"


@pytest.mark.nightly  # an encoding is above
@pytest.mark.parametrize("settings", SETTINGS, ids="-".join)
def test_settings_of_python(tmp_path: Path, settings: dict[str, str]) -> None:
    assert run(tmp_path, **settings) == "[3, 2, 1, 8, 8, 4]"

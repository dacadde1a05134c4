"""Workers' Python has the options of the master's, on this machine and on others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh.shared.interpreter import interpreter_flags
from tests.support.server import PATIENCE, Server, environment
from tests.support.spaces import HOST

PROGRAM = """
import json, shlex, sys
from nws.sleigh import Sleigh, envcmd
import nws.sleigh.shared.interpreter as interpreter

def here(machine, options):
    return []

def script(machine, variables, options):
    code = "from nws.sleigh.launch.script import main; main()"
    python = [sys.executable, "-c", shlex.quote(code)]
    if AS_ARGUMENTS:
        return [*python, *map(shlex.quote, variables)]
    return [*envcmd(machine, variables, options)[:-1], *python]

def options(_):
    import os, sys
    left = [name for name in os.environ if name.startswith("NWS_SLEIGH")]
    return (sys.flags.optimize, sys.flags.bytes_warning, sys.warnoptions, sys._xoptions, left)

if __name__ == "__main__":
    AS_ARGUMENTS, ways = sys.argv[1] == "arguments", {"workerCount": 1}
    if sys.argv[1] != "local":
        ways = {"launch": here, "nodeList": ["a"], "scriptExec": script}
    ways |= {"nwsHost": "HOST", "nwsPort": int(sys.argv[2])}
    if sys.argv[1] == "another version":
        interpreter.platform.python_version = lambda: "3.0.0"
    with Sleigh(**ways) as sleigh:
        print(json.dumps([options(0), *sleigh.eachElem(options, [0])]))
"""

FLAGS = ["-OO", "-b", "-Wignore:a b:UserWarning", "-Werror::ImportWarning", "-Xdev", "-Xa=b c"]


def seen(folder: Path, flags: list[str], way: str, port: int) -> list[list[Any]]:
    """Return the options of a master and of its worker."""
    program = folder / "program.py"
    program.write_text(PROGRAM.replace("HOST", HOST))
    done = subprocess.run(
        [sys.executable, *flags, program, way, str(port)],
        env=environment({"PYTHONWARNINGS": "ignore::BytesWarning"}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    found: list[list[Any]] = json.loads(done.stdout)
    return found


@pytest.mark.slow
@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("way", ["local", "arguments", "environment"])
def test_options_of_the_master(tmp_path: Path, server: Server, way: str) -> None:
    (optimize, bytes_warning, warnings, more, _), theirs = seen(tmp_path, FLAGS, way, server.port)
    assert (optimize, bytes_warning, more) == (2, 1, {"dev": True, "a": "b c"})
    assert theirs[:2] == [2, 1]
    assert theirs[2][-len(warnings) :] == warnings, "the last ones count"
    assert theirs[3:] == [more, []]


def test_another_version_of_python(tmp_path: Path, server: Server) -> None:
    """What the options are there, nobody knows."""
    _, theirs = seen(tmp_path, ["-O"], "another version", server.port)
    assert theirs[0] == 0


def test_no_options_of_a_single_run() -> None:
    for flags in (["-I"], ["-i", "-u", "-B", "-E", "-s", "-S", "-q"]):
        text = "import nws.sleigh.shared.interpreter as i; print(i.interpreter_flags())"
        path = f"import sys; sys.path[:] = {sys.path!r}; "
        done = subprocess.run(
            [sys.executable, *flags, "-c", path + text],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert done.stdout == "[]\n"
    assert all(flag[:2] in ("-O", "-b", "-W", "-X") for flag in interpreter_flags())

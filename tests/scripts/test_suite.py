"""How the suite runs: it ends whatever happens to its processes, and Ctrl-C works in it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import PATIENCE, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

CRASH = "import os, signal\n\n\ndef {name}():\n    os.kill(os.getpid(), signal.SIGSEGV)\n"
NEIGHBOURS = "\n\ndef test_before():\n    pass\n\n\ndef test_behind():\n    pass\n"
INTERRUPTED = """
import os
import signal
import subprocess
import sys

import pytest


def test_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_in_a_child():
    code = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE)
    assert b"KeyboardInterrupt" in done.stderr
"""


def run_suite(folder: Path, *arguments: str, wrapper: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run the tests of a folder as ours are run; return the exit status and the output."""
    pytest_ = [sys.executable, "-m", "pytest", "-c", "setup.cfg", "-p", "tests.conftest"]
    done = subprocess.run(
        [*wrapper, *pytest_, "-p", "no:cacheprovider", *arguments, str(folder)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * PATIENCE,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_process_that_crashes_in_a_test_fails_the_run(tmp_path: Path) -> None:
    text = CRASH.format(name="test_crash") + NEIGHBOURS
    (tmp_path / "test_crash.py").write_text(text)
    (tmp_path / "test_other.py").write_text(NEIGHBOURS)
    status, output = run_suite(tmp_path, "-n", "2", "--dist", "loadfile")
    assert status != 0
    assert "crashed while running" in output
    assert "test_crash.py::test_crash" in output


def test_a_process_that_crashes_between_tests_fails_the_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        CRASH.format(name="crash") + "\n\ndef pytest_sessionfinish(session):\n"
        "    if hasattr(session.config, 'workerinput'):\n        crash()\n"
    )
    (tmp_path / "test_other.py").write_text(NEIGHBOURS)
    status, output = run_suite(tmp_path, "-n", "1", "--dist", "loadfile")
    assert "2 passed" in output
    assert status != 0


@pytest.mark.parametrize("end", ["os._exit(0)", "os._exit(7)", "os.abort()"])
def test_a_run_of_one_process_that_ends_in_a_test_fails(tmp_path: Path, end: str) -> None:
    (tmp_path / "test_end.py").write_text(
        f"import os\n\n\ndef test_end():\n    {end}\n" + NEIGHBOURS
    )
    status, output = run_suite(tmp_path, "-n", "0")
    assert status != 0
    assert "passed" not in output
    assert "test_end" in output


FORKS = """
import os
import pickle


def test_children_end_as_they_say():
    for status in (0, 3):
        child = os.fork()
        if not child:
            os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == status


def test_it_can_be_pickled():
    assert pickle.loads(pickle.dumps(os._exit)) is os._exit
"""


def test_in_a_run_of_one_process_children_may_end(tmp_path: Path) -> None:
    (tmp_path / "test_forks.py").write_text(FORKS)
    status, output = run_suite(tmp_path, "-n", "0")
    assert status == 0, output
    assert "2 passed" in output


@pytest.mark.parametrize("processes", ["0", "1"])
def test_ctrl_c_where_it_is_ignored_at_first(tmp_path: Path, processes: str) -> None:
    """As in the background jobs of a shell."""
    (tmp_path / "test_interrupted.py").write_text(INTERRUPTED)
    wrapper = ("sh", "-c", """trap '' INT; exec "$@\"""", "sh")
    status, output = run_suite(tmp_path, "-n", processes, wrapper=wrapper)
    assert status == 0, output
    assert "2 passed" in output


GARBAGE = """
class Failing:
    def __init__(self):
        self.itself = self

    def __del__(self):
        raise ValueError("in a finalizer")


def test_it_leaves_garbage():
    Failing()
"""


def test_garbage_fails_the_file_that_has_left_it(tmp_path: Path) -> None:
    (tmp_path / "test_first.py").write_text(GARBAGE)
    (tmp_path / "test_second.py").write_text(
        "import gc\n\n\ndef test_innocent():\n    gc.collect()\n"
    )
    status, output = run_suite(tmp_path)
    assert status == 1
    assert re.search(
        r"^ERROR .*test_first\.py::test_it_leaves_garbage - .*Unraisable", output, re.M
    )
    assert "2 passed, 1 error" in output


@pytest.mark.skipif(
    not (ROOT / ".venv" / "networkspaces-setup").exists(),
    reason="the script would first make a .venv: scripts/setup does that",
)
def test_the_script_has_several_processes_whatever_its_arguments(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(NEIGHBOURS)
    done = subprocess.run(
        [ROOT / "scripts" / "test", "-p", "no:cacheprovider", tmp_path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=3 * PATIENCE,
    )
    assert re.search(r"^[2-9] workers \[2 items\]", done.stdout, re.MULTILINE), done.stdout
    assert done.returncode == 0, done.stdout + done.stderr

"""The page about Parallel Python: its program works, and the tests that it names exist."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from nws import pp
from tests.support.processes import run_python
from tests.support.server import ROOT

PAGE = (ROOT / "docs" / "parallel-python.md").read_text(encoding="utf-8")


def test_the_program(tmp_path: Path) -> None:
    program, _ = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    said = run_python(tmp_path / "program.py", cwd=tmp_path).stdout
    assert said.startswith("[0, 1, 4, 9, 16]\n")


def test_each_name_and_argument_has_a_row_with_a_test() -> None:
    tested = " ".join(line.split("|")[1] for line in PAGE.splitlines() if "test_" in line)
    named = set(re.findall(r"\w+", tested))
    public = {name for name in (*vars(pp.Server), *vars(pp.Template)) if not name.startswith("_")}
    functions: list[Any] = [pp.Server, pp.Server.submit, pp.Server.wait, pp.Template]
    arguments = {name for each in functions for name in inspect.signature(each).parameters}
    assert {"version", "copyright", *public, *arguments} - {"self"} <= named


def test_the_tests_exist() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    there = {name for file in files for name in re.findall(r"^def (\w+)", file.read_text(), re.M)}
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", PAGE))
    assert named
    assert named <= there

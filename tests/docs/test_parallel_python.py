"""The page about Parallel Python: its program works, and the tests that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import run_python
from tests.support.server import ROOT

PAGE = (ROOT / "docs" / "parallel-python.md").read_text(encoding="utf-8")


def test_the_program(tmp_path: Path) -> None:
    program, _ = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    said = run_python(tmp_path / "program.py", cwd=tmp_path).stdout
    assert said.startswith("[0, 1, 4, 9, 16]\n")


def test_the_tests_exist() -> None:
    files = (ROOT / "tests" / "pp").glob("test_*.py")
    there = {name for file in files for name in re.findall(r"^def (\w+)", file.read_text(), re.M)}
    named = set(re.findall(r"\btest_\w+\b(?!\.py)", PAGE))
    assert named
    assert named <= there

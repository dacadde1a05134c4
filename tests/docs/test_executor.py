"""The page about the executor: its program works, and it names every argument."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from nws.futures import SleighExecutor
from tests.support.processes import run_python
from tests.support.server import ROOT

PAGE = (ROOT / "docs" / "executor.md").read_text(encoding="utf-8")


def test_the_program(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "program.py").write_text(program)
    said = run_python(tmp_path / "program.py", cwd=tmp_path).stdout
    assert said == "[1, 1, 4, 27, 256]\n[1, 2, 3]\n"


def test_each_argument_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert inspect.signature(SleighExecutor).parameters.keys() <= named

"""The page about the executor: its programs work, and it names every argument."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from nws.futures import SleighExecutor
from tests.support.processes import run_python
from tests.support.server import ROOT

PAGE = (ROOT / "docs" / "executor.md").read_text(encoding="utf-8")


PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
OUTPUTS = ["[1, 1, 4, 27, 256]\n[1, 2, 3]\n", "[0, 1, 4]\n", "[0, 1, 4, 9, 16]\n"]


@pytest.mark.slow
@pytest.mark.nightly(but_each=3)
@pytest.mark.usefixtures("programs_on_server")
@pytest.mark.parametrize(
    ("program", "output"), [*zip(PROGRAMS, OUTPUTS, strict=True)], ids=["first", "second", "third"]
)
def test_the_programs(tmp_path: Path, program: str, output: str) -> None:
    (tmp_path / "program.py").write_text(program)
    assert run_python(tmp_path / "program.py", cwd=tmp_path).stdout == output


def test_each_argument_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert inspect.signature(SleighExecutor).parameters.keys() <= named

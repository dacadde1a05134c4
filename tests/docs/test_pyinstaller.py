"""The options of PyInstaller that docs/sleigh.md names bring all modules that a sleigh needs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from tests.support.processes import run_python
from tests.support.server import ROOT

PROGRAM: Final = """
import sys
from nws.sleigh import Sleigh
with Sleigh(workerCount=1) as sleigh:
    [there] = sleigh.eachElem("list(__import__('sys').modules)", [0])
print(*(name for name in {*sys.modules, *there} if name.split(".")[0] in ("nws", "nws_server")))
"""


def named(option: str) -> list[str]:
    """Return what the page gives for an option."""
    return re.findall(rf"{option}\s+([\w.]+)", (ROOT / "docs/sleigh.md").read_text())


def imports(name: str) -> Iterator[str]:
    """Give what a module of ours imports by statements, and its package: PyInstaller sees these."""
    yield name.rpartition(".")[0]
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


@pytest.mark.usefixtures("programs_on_server")
def test_all_modules_of_a_sleigh_are_there(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    loaded = set(run_python(program, cwd=tmp_path).stdout.split())
    packages = tuple(f"{package}." for package in named("--collect-submodules"))
    seen = {"nws.sleigh", *named("--hidden-import")}
    seen.update(name for name in loaded if name.startswith(packages))
    waiting = seen & loaded
    while waiting:
        waiting = ({name for each in waiting for name in imports(each)} & loaded) - seen
        seen |= waiting
    assert loaded - seen == set(), "PyInstaller has to be told"
    assert "nws_server" in named("--collect-submodules")
    assert "nws_server" in named("--collect-data"), "templates"

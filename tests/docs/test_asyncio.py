"""The page about asyncio and Twisted: its examples work when pasted."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.processes import run_python
from tests.support.server import ROOT, Server

PAGE = (ROOT / "docs" / "asyncio.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SAID = [
    "{'item': 'tea', 'number': 3}\n3\n4\n5\n42\n",
    "3\n2\n1\n[3, 2, 1]\n",
    "42\n",
]


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize(("example", "said"), list(zip(BLOCKS, SAID, strict=True)))
@pytest.mark.usefixtures("programs_on_server")
def test_an_example(example: str, said: str, server: Server, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(
        example.replace('NetWorkSpace("shop"', f'NetWorkSpace("shop", serverPort={server.port}')
    )
    assert run_python(program, cwd=tmp_path).stdout == said

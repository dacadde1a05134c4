"""The page about notebooks: its cells, run in a kernel of Jupyter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import DOCS, blocks, is_shown
from tests.support.server import environment

BLOCKS = blocks(DOCS / "notebooks.md")

EXECUTE = """
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read("page.ipynb", 4)
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
nbformat.write(notebook, "page.ipynb")
"""


def cell(number: int, code: str) -> dict[str, Any]:
    """Return a cell of a notebook, in the format's version 4.5."""
    return {
        "cell_type": "code",
        "id": f"cell-{number}",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": code,
    }


def output_of(cell: dict[str, Any]) -> str:
    """Return what stands below a cell."""
    texts: list[str] = []
    for output in cell["outputs"]:
        text = output["text"] if "text" in output else [*output["data"]["text/plain"], "\n"]
        texts += text  # a text, or a list of its lines
    return "".join(texts)


@pytest.mark.slow
@pytest.mark.usefixtures("programs_on_server")
def test_the_cells(tmp_path: Path) -> None:
    path = tmp_path / "page.ipynb"
    cells = [cell(number, block.code) for number, block in enumerate(BLOCKS)]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook))
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE],
        cwd=tmp_path,
        env=environment({"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path)}),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for block, run in zip(BLOCKS, json.loads(path.read_text())["cells"], strict=True):
        assert is_shown(output_of(run), block.shown), f"{block.code}\ngives:\n{output_of(run)}"

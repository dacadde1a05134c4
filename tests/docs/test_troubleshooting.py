"""The page for those who have a message: each one on it is a message of the program."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
GAP = "…"


def messages() -> list[str]:
    """Return the messages: what the first column of each table holds, without its marks."""
    cells = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    return [cell[1:-1] for cell in cells]


def texts(file: Path) -> Iterator[str]:
    """Return the texts in a file, with a gap wherever a value is put in."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else GAP for part in node.values)
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.slow
def test_each_message_is_one_of_the_program() -> None:
    folders = (ROOT / "nws", ROOT / "server" / "nws_server")
    known = [text for folder in folders for file in folder.rglob("*.py") for text in texts(file)]
    found = messages()
    assert len(found) > 20
    unknown = [each for each in found if not any(each in text for text in known)]
    assert unknown == []


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link

"""The Python blocks of a page of the documentation, run as its reader runs them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nws.session.endpoint import DEFAULT_PORT
from tests.support.processes import run_python
from tests.support.server import ROOT

DOCS: Final = ROOT / "docs"
GAP: Final = "…"
"""Stands for what differs from time to time, in the output that a page shows."""

_BLOCK: Final = re.compile(
    r"^(?P<idle><!-- not run: .+ -->\n)?"
    r"^```python\n(?P<code>.*?)^```$"
    r"(?:\n\n^```text\n(?P<shown>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
_EXAMPLE: Final = re.compile(
    r"^```sh\npython examples/(?P<name>\w+)\.py.*\n```\n\n```text\n(?P<shown>(?s:.*?))^```$",
    re.MULTILINE,
)
_OPENED: Final = re.compile(r'NetWorkSpace\("[^"]*"')
_END_OF_BLOCK: Final = "\x1d\n"


@dataclass(frozen=True)
class Block:
    """Some lines of Python, and the output that the page shows behind them."""

    code: str
    shown: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks that run. One that cannot run here has a comment before it, with why."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(each["code"], each["shown"] or "") for each in found if not each["idle"]]


def is_shown(said: str, shown: str) -> bool:
    """Tell whether an output is the one that a page shows, but for empty lines at the end.

    A line that is a gap may be missing: Python 3.10 marks no place in a line of a traceback.
    """
    pattern = re.escape(shown.rstrip())
    pattern = pattern.replace(re.escape(f"\n{GAP}\n"), r"\n(?:.+\n)?").replace(GAP, ".+")
    return re.fullmatch(pattern, said.rstrip(), re.DOTALL) is not None


def gallery() -> dict[str, str]:
    """Return the output of each example, by its name, as the gallery shows it."""
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    return {each["name"]: each["shown"] for each in _EXAMPLE.finditer(text)}


def check_page(
    page: Path, port: int, folder: Path, *, replace: Mapping[str, str] | None = None
) -> None:
    """Run the blocks of a page one after the other, in one program, and compare what they print.

    Args:
        port: of the server that takes the place of the one on the usual port.
        folder: an empty one.
        replace: texts of the page that must be others here.
    """
    found = blocks(page)
    program = folder / "page.py"
    program.write_text(_program(found, port, replace or {}))
    done = run_python(program, cwd=folder)
    assert done.stderr == ""
    said = done.stdout.replace(f":{port}", f":{DEFAULT_PORT}").split(_END_OF_BLOCK)
    for block, output in zip(found, said, strict=False):
        assert is_shown(output, block.shown), f"{block.code}\nprints:\n{output}"
    assert len(said) == len(found) + 1


def _program(found: list[Block], port: int, replace: Mapping[str, str]) -> str:
    code = "".join(f"{block.code}print({_END_OF_BLOCK[:-1]!r})\n" for block in found)
    for text, other in replace.items():
        assert text in code, text
        code = code.replace(text, other)
    return _OPENED.sub(rf"\g<0>, serverPort={port}", code)

"""What the README tells people to paste works."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.processes import run_python
from tests.support.server import Server

README = (Path(__file__).parents[2] / "README.md").read_text()


KILLED, SHOP = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def output_of(example: str, folder: Path) -> str:
    """Run an example as a program, which may not complain."""
    (folder / "example.py").write_text(example)
    done = run_python("example.py", cwd=folder)
    assert done.stderr == ""
    return done.stdout


def test_a_worker_is_killed_and_the_map_goes_on(tmp_path: Path) -> None:
    assert len(KILLED.splitlines()) <= 20
    said = output_of(KILLED, tmp_path)
    assert f"It prints `{said.strip()}`." in README
    assert said == f"{[number**2 for number in range(6)]} killed at 3\n"


def test_the_workspace(server: Server, tmp_path: Path) -> None:
    here = SHOP.replace('NetWorkSpace("shop")', f'NetWorkSpace("shop", serverPort={server.port})')
    assert here != SHOP
    said = output_of(here, tmp_path)
    assert said == "{'item': 'tea', 'number': 3} {'item': 'tea', 'number': 3} sold out\n"


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert (root / link).exists(), link

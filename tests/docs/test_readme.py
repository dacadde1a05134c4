"""What the README tells people to paste works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.server import Server

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_example_works_when_pasted(server: Server, tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(example.splitlines()) <= 15
    here = example.replace(
        'NetWorkSpace("shop")', f'NetWorkSpace("shop", serverPort={server.port})'
    )
    assert here != example
    script = tmp_path / "example.py"
    script.write_text(here)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "{'item': 'tea', 'number': 3} {'item': 'tea', 'number': 3} sold out",
        "[5, 8, 9, 8, 5]",
    ]


def test_links_lead_somewhere() -> None:
    root = Path(__file__).parents[2]
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert links
    for link in links:
        assert (root / link).exists(), link

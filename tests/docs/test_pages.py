"""The pages that teach: their blocks run, and print what the page shows."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pages import DOCS, Block, blocks, check_page, is_shown
from tests.support.processes import until
from tests.support.server import ROOT, Server
from tests.support.sshd import held_port, require_sshd, serving

PAGE = """# Soup

```python
print("soup")
```

```text
soup
```

Then:

```python
dish = "tea"
```
<!-- not run: nobody is thirsty -->
```python
drink()
```
"""


@pytest.mark.usefixtures("programs_on_server")
@pytest.mark.parametrize(
    "name", ["tutorial-space", "tutorial-sleigh", "moving", "sleigh", "tracing"]
)
def test_a_page(name: str, server: Server, tmp_path: Path) -> None:
    check_page(DOCS / f"{name}.md", server.port, tmp_path)


@pytest.mark.slow
@pytest.mark.nightly  # tests/futures/test_joblib.py has such fits
@pytest.mark.usefixtures("programs_on_server")
def test_scikit_learn(server: Server, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    check_page(DOCS / "scikit-learn.md", server.port, tmp_path)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lead all names of machines to this one. Nothing that was started there may be left."""
    require_sshd()
    folder = tmp_path / "sshd"
    folder.mkdir()
    with serving(folder) as sshd:
        monkeypatch.setenv("PATH", os.pathsep.join((str(sshd.bin), os.environ["PATH"])))
        yield
        until(lambda: not sshd.processes(), "the end of what was started over ssh")


@pytest.mark.slow
@pytest.mark.usefixtures("programs_on_server", "ssh")
@pytest.mark.nightly  # over ssh and through a tunnel in tests/sleigh/test_launch.py
def test_a_cluster(server: Server, tmp_path: Path) -> None:
    with held_port() as port:
        replace = {"nwsPortRemote=18765": f"nwsPortRemote={port}"}
        check_page(DOCS / "cluster.md", server.port, tmp_path, replace=replace)


BRITISH = re.compile(
    r"(?i)\b\w*(?:[a-z]isation|colour|behaviour|neighbour|favour|honour|licence|catalogue|artefact)"
    r"|\b(?:serial|initial|organ|recogn|optim|normal|synchron|minim|summar)is(?:e|ed|es|ing)\b"
    r"|\b(?:centre|grey|whilst)\b"
)


def test_american_spelling() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    pages += [*DOCS.rglob("*.md"), *(ROOT / "examples").glob("*.py")]
    found = {page.name: BRITISH.findall(page.read_text(encoding="utf-8")) for page in pages}
    assert {name: words for name, words in found.items() if words} == {}


# How a page is read


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "page.md"
    path.write_text(PAGE)
    return path


def test_blocks_and_what_they_show(page: Path) -> None:
    assert blocks(page) == [Block('print("soup")\n', "soup\n"), Block('dish = "tea"\n', "")]


def test_the_output_is_the_one_that_the_page_shows(page: Path, tmp_path: Path) -> None:
    check_page(page, 1, tmp_path)
    page.write_text(PAGE.replace("```text\nsoup", "```text\nsalad"))
    with pytest.raises(AssertionError, match=r"prints:\s+soup"):
        check_page(page, 1, tmp_path)


@pytest.mark.parametrize(
    ("said", "shown", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "b\n", False),
        ("a\n\n", "a\n", True),
        ("a\nb\n", "a\n", False),
        ("took 3 seconds\n", "took … seconds\n", True),
        ("took  seconds\n", "took … seconds\n", False),
        ("a.c\n", "a.c\n", True),
        ("abc\n", "a.c\n", False),
    ],
)
def test_an_output_and_what_a_page_shows(said: str, shown: str, same: bool) -> None:
    assert is_shown(said, shown) is same

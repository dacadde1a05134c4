"""The word count: exact counts, with a server of its own and with one that is there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from nws.client import NetWorkSpace
from tests.examples.conftest import EXAMPLES, assert_in_gallery
from tests.support.processes import run_python
from tests.support.server import Server
from tests.support.spaces import HOST


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four files that count, and some that do not."""
    folder = tmp_path / "texts"
    (folder / "deeper").mkdir(parents=True)
    (folder / "site-packages").mkdir()
    (folder / "one.py").write_text("to be or not to be\n")
    (folder / "two.py").write_text("Be quick, be good; be: here!\n")
    (folder / "deeper" / "three.py").write_bytes(b"be\xffto_do2be\n")
    (folder / "empty.py").write_text("")
    (folder / "notes.txt").write_text("be be be be\n")
    (folder / "site-packages" / "other.py").write_text("be be be be\n")
    return folder


COUNTS = {"be": 7, "to": 3, "or": 1, "not": 1, "quick": 1, "good": 1, "here": 1, "do": 1}


def counts(lines: list[str]) -> dict[str, int]:
    return {word: int(number) for number, word in map(str.split, lines)}


def test_with_a_server_of_its_own(folder: Path, tmp_path: Path) -> None:
    done = run_python(EXAMPLES / "wordcount.py", folder, cwd=tmp_path)
    *lines, summary = done.stdout.splitlines()
    assert counts(lines) == COUNTS
    assert re.fullmatch(r"4 files, 16 words, \d+\.\d seconds", summary)
    assert_in_gallery("wordcount", done.stdout)
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.nightly  # the same counts as above
def test_with_a_server_that_then_keeps_the_totals(
    folder: Path, tmp_path: Path, server: Server
) -> None:
    where = ["--host", HOST, "--port", str(server.port)]
    for _ in range(2):  # the second run replaces the totals of the first
        options = [*where, "--workers", "1", str(folder)]
        done = run_python(EXAMPLES / "wordcount.py", *options, cwd=tmp_path)
        *lines, summary, hint = done.stdout.splitlines()
        assert counts(lines) == COUNTS
        assert summary.startswith("4 files, 16 words")
        assert hint == f"The totals are in the workspace 'word count' at {HOST}:{server.port}"
        with NetWorkSpace("word count", HOST, server.port, useUse=True, create=False) as ws:
            assert ws.find("totals") == COUNTS


@pytest.mark.nightly
def test_a_file_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    os.symlink("nowhere", folder / "broken.py")
    done = run_python(EXAMPLES / "wordcount.py", folder, cwd=tmp_path)
    assert "broken.py: element 0 failed" in done.stdout
    assert "FileNotFoundError" in done.stdout
    assert f"{COUNTS['be']:9}  be" in done.stdout.splitlines()
    assert "5 files, 16 words" in done.stdout


@pytest.mark.nightly
def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_python(EXAMPLES / "wordcount.py", tmp_path / "empty", cwd=tmp_path)
    assert done.stdout.startswith("0 files, 0 words")

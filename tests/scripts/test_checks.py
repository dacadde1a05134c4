"""`python -m scripts.checks`: it must find what is wrong, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.checks.class_names import shared_names
from scripts.checks.documents import missing_files
from scripts.checks.file_length import MAX_LINES, long_files
from tests.support.server import PATIENCE, ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout in which all is well."""
    files = {
        "nws/errors.py": "class NwsException(Exception): ...",
        "nws/cli.py": "class Files: ...",
        "nws/wire/requests.py": "class Request: ...",
        "nws/session/pool.py": "class Pool: ...",
        "nws/sleigh/master/spans.py": "class Span: ...",
        "server/nws_server/core/books.py": "class Books: ...",
        "babelfish/nws_babelfish/text.py": "class Text: ...",
    }
    for name, text in files.items():
        write(tmp_path, name, text)
    return tmp_path


def write(tree: Path, name: str, text: str) -> None:
    path = tree / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_a_good_tree(tree: Path) -> None:
    assert list(long_files(tree)) == []
    assert list(shared_names(tree)) == []
    assert list(missing_files(tree)) == []


# Length


@pytest.mark.parametrize("name", ["nws/long.py", "tests/a/b/test_long.py", "long.tac"])
def test_a_long_file(tree: Path, name: str) -> None:
    write(tree, name, "x = 1\n" * (MAX_LINES - 1))
    assert list(long_files(tree)) == []
    write(tree, name, "x = 1\n" * MAX_LINES)
    assert list(long_files(tree)) == [f"{name}: 501 lines, at most 500 are allowed"]


@pytest.mark.parametrize("name", ["nws/a.txt", ".venv/a.py", "build/a.py", "nws/__pycache__/a.py"])
def test_what_need_not_be_short(tree: Path, name: str) -> None:
    write(tree, name, "x = 1\n" * 1000)
    assert list(long_files(tree)) == []


# Names


@pytest.mark.parametrize(
    ("one", "other", "processes"),
    [
        ("nws/session/a.py", "nws/sleigh/b.py", ["a client"]),
        ("nws/session/a.py", "nws/workspace/b.py", ["a client", "a babelfish"]),
        ("nws/session/a.py", "babelfish/nws_babelfish/b.py", ["a babelfish"]),
        ("nws/wire/a.py", "server/nws_server/b.py", ["the server"]),
        ("server/nws_server/core/a.py", "server/nws_server/web/b.py", ["the server"]),
        ("nws/session/a.py", "server/nws_server/b.py", []),
        ("nws/sleigh/a.py", "babelfish/nws_babelfish/b.py", []),
        ("babelfish/nws_babelfish/a.py", "server/nws_server/b.py", []),
        ("nws/session/a.py", "tests/b.py", []),
    ],
)
def test_two_classes_of_one_name(tree: Path, one: str, other: str, processes: list[str]) -> None:
    write(tree, one, "class Both:\n    pass")
    write(tree, other, "class Both:\n    pass")
    found = list(shared_names(tree))
    assert len(found) == len(processes)
    for text, process in zip(found, processes, strict=True):
        assert text.startswith(f"Both: {process} has this class in ")
        assert one in text
        assert other in text


@pytest.mark.parametrize(
    "text",
    [
        "if x:\n    class Both: ...",
        "if x:\n    pass\nelse:\n    class Both: ...",
        "try:\n    class Both: ...\nexcept ImportError:\n    pass",
        "try:\n    pass\nexcept ImportError:\n    class Both: ...",
        "try:\n    pass\nexcept ImportError:\n    pass\nelse:\n    class Both: ...",
    ],
)
def test_a_class_that_is_defined_on_a_condition(tree: Path, text: str) -> None:
    write(tree, "nws/session/a.py", "class Both: ...")
    write(tree, "nws/sleigh/b.py", text)
    assert len(list(shared_names(tree))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "class _Both: ...",
        "class Outer:\n    class Both: ...",
        "def make():\n    class Both: ...",
        "from nws.session.a import Both",
    ],
)
def test_what_is_no_public_class_of_a_module(tree: Path, text: str) -> None:
    write(tree, "nws/session/a.py", "class Both: ...")
    write(tree, "nws/sleigh/b.py", text)
    assert list(shared_names(tree)) == []


def test_a_module_may_define_a_class_in_two_ways(tree: Path) -> None:
    write(tree, "nws/a.py", "try:\n    class A: ...\nexcept ImportError:\n    class A: ...")
    assert list(shared_names(tree)) == []


# Documents


@pytest.mark.parametrize("document", ["README.md", "docs/design.md"])
def test_a_document_that_names_a_file(tree: Path, document: str) -> None:
    write(tree, document, "See `pool.py`, `session/pool.py` and `nws/session/pool.py`.")
    assert list(missing_files(tree)) == []
    write(tree, document, "See `ool.py`, `wire/pool.py` and `pool.py`. The script `my.sh` is ours.")
    assert list(missing_files(tree)) == [
        f"{document}: there is no file ool.py",
        f"{document}: there is no file wire/pool.py",
    ]


# The program


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.checks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_the_program_says_what_is_wrong(tree: Path) -> None:
    assert run(tree).returncode == 0
    write(tree, "nws/long.py", "x = 1\n" * MAX_LINES)
    write(tree, "nws/sleigh/b.py", "class Pool: ...")
    done = run(tree)
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["nws/long.py", "Pool"]


def test_a_tree_without_the_packages_is_no_success(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 1

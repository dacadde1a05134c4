"""The examples are what people copy from: short, explained, and made of public names only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES
from tests.support.pages import DOCS, gallery

FILES = sorted(EXAMPLES.glob("*.py"))
PUBLIC = {"nws", "nws.client", "nws.depalma", "nws.masterslave", "nws.sleigh"}
SPECIAL = {"_", "__cause__", "__doc__", "__name__"}
TESTED = {
    *("chat", "hello", "ping_pong", "ring", "tutorial", "wordcount"),
    *("bootstrap", "factors", "file_batch", "matrix_product", "monte_carlo_pi"),
    *("parameter_sweep", "worker_ring"),
    *("pp_quick_start", "pp_callbacks", "pp_cluster"),
    *("master", "master_slave_demo", "slave"),
}


def test_each_example_has_a_test() -> None:
    assert {file.stem for file in FILES} == TESTED


def test_each_example_is_in_the_gallery() -> None:
    assert {*gallery()} == TESTED - {"slave"}, "slave is a part of master"
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for name in TESTED:
        assert f"](../examples/{name}.py)" in page
        assert f"{{literalinclude}} ../examples/{name}.py\n" in page


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_is_short_says_what_it_teaches_and_uses_public_names_only(file: Path) -> None:
    program = file.read_text()
    assert len(program.splitlines()) < 60
    tree = ast.parse(program)
    text = ast.get_docstring(tree)
    assert text is not None
    assert "\nTeaches: " in text
    assert f"python examples/{file.name}" in text
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules, names = [alias.name for alias in node.names], []
        elif isinstance(node, ast.ImportFrom):
            modules, names = [node.module or "."], [alias.name for alias in node.names]
        else:
            names, modules = [getattr(node, "attr", getattr(node, "id", ""))], []
        for module in modules:
            assert not module.startswith("nws") or module in PUBLIC, module
        for name in names:
            assert not name.startswith("_") or name in SPECIAL, name

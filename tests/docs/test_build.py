"""The pages become HTML, and the reference has all that a program can use."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from nws import aio, client, errors, futures, masterslave, pp, sleigh
from tests.support.pages import DOCS

MODULES = (aio, client, errors, futures, masterslave, pp, sleigh)


def described(module: ModuleType) -> list[str]:
    """Return the names that must have an entry: exceptions are described with all others."""
    things = {name: getattr(module, name) for name in module.__all__}
    return [
        f"{module.__name__}.{name}"
        for name, thing in things.items()
        if (inspect.isclass(thing) or inspect.isfunction(thing))
        and (module is errors or thing.__module__ != errors.__name__)
    ]


@pytest.mark.slow
def test_the_pages_are_made_without_a_warning(tmp_path: Path) -> None:
    # What is checked is the same in each theme, and in one page of all, and this is the quickest.
    options = ["--fail-on-warning", "--keep-going", "--quiet", "-D", "html_theme=basic"]
    quick = "import gc, sys; gc.disable(); from sphinx.cmd.build import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", quick, *options, "-b", "singlehtml", str(DOCS), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    pages = (tmp_path / "index.html").read_text()
    names = [name for each in MODULES for name in described(each)]
    not_for_programs = {"nws.errors.Status", "nws.errors.exception_for"}
    missing = {name for name in names if f'id="{name}"' not in pages}
    assert missing == not_for_programs

"""docs/cli.md names all commands of `nws`."""

from __future__ import annotations

import click

from nws.cli import main
from tests.support.server import ROOT


def test_all_commands_are_named() -> None:
    text = (ROOT / "docs" / "cli.md").read_text()
    with click.Context(main) as ctx:
        names = main.list_commands(ctx)
    assert [name for name in names if f"`nws {name}" not in text] == []

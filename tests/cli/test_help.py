"""What `nws --help` says, and that of its groups of commands."""

from __future__ import annotations

from typing import cast

import click
import pytest

from nws.cli import main
from tests.cli.conftest import Nws

GROUPS = [
    (),
    *(
        (name,)
        for name in main.list_commands(click.Context(main))
        if isinstance(main.get_command(click.Context(main), name), click.Group)
    ),
]


@pytest.mark.parametrize("words", GROUPS)
def test_no_sentence_is_cut(shared: Nws, words: tuple[str, ...]) -> None:
    assert "..." not in shared(*words, "--help").stdout.partition("Options:")[2]


@pytest.mark.parametrize("words", GROUPS)
def test_each_option_says_what_it_is(words: tuple[str, ...]) -> None:
    group: click.Command | None = main
    for word in words:
        group = cast("click.Group", group).get_command(click.Context(main), word)
    assert isinstance(group, click.Group)
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        options = [each for each in command.params if isinstance(each, click.Option)]
        assert not [each.name for each in options if not each.help], name

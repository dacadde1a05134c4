"""A group of commands whose help says of each command all that its first sentence says."""

from __future__ import annotations

import sys

import click

__all__ = ["CommandGroup"]


class CommandGroup(click.Group):
    """Lists its commands with whole sentences, on several lines where one is too short; Click cuts
    them."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, command.get_short_help_str(limit=sys.maxsize))
            for name, command in commands
            if command is not None
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

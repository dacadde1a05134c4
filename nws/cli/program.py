"""The command itself: which commands there are, and what becomes of errors."""

from __future__ import annotations

import errno
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import click

from nws.cli.command_group import CommandGroup
from nws.cli.exit_status import INTERRUPTED, CommandFailure, failure_of
from nws.errors import NwsException, SleighException
from nws.settings import SettingsError
from nws.version import __version__

__all__ = ["main"]

_COMMANDS: Final[Mapping[str, str]] = {
    "config": "nws.cli.config:config",
    "declare": "nws.cli.variables:declare",
    "depalma": "nws.depalma.cli:depalma",
    "export": "nws.cli.transfer:export",
    "fetch": "nws.cli.find:fetch",
    "find": "nws.cli.find:find",
    "import": "nws.cli.transfer:import_",
    "leases": "nws.cli.listings:leases",
    "clients": "nws.cli.listings:clients",
    "ls": "nws.cli.listings:ls",
    "ppserver": "nws.pp.command:ppserver",
    "doctor": "nws.cli.doctor:doctor",
    "rm": "nws.cli.variables:rm",
    "run": "nws.cli.run:run",
    "server": "nws.cli.server:server",
    "sleigh": "nws.cli.sleigh:sleigh",
    "store": "nws.cli.store:store",
    "task_manager": "nws.masterslave.command:task_manager",
    "top": "nws.cli.top:top",
    "vars": "nws.cli.listings:vars_",
    "watch": "nws.cli.find:watch",
    "worker": "nws.cli.worker:worker",
}
"""Where each command is: its module, which is imported only for it, and its name there."""


class _Program(CommandGroup):
    """Finds commands by name, and turns exceptions into messages and exit statuses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Say where a command is that is given without its group."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            server = self.get_command(ctx, "server")
            if not isinstance(server, click.Group) or args[0] not in server.commands:
                raise
            said = f"{error.message} There is `nws server {args[0]}`."
            raise click.UsageError(said, ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except SettingsError as error:
            raise click.UsageError(str(error)) from error
        except (NwsException, SleighException) as error:
            raise failure_of(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # whoever reads our output has enough of it: Click ends us
            with suppress(OSError):
                sys.stdout.close()  # or Python writes the rest once more, and fails with 120
            raise CommandFailure(str(error)) from error


@click.group(cls=_Program)
@click.version_option(__version__, prog_name="nws")
def main() -> None:
    """NetWorkSpaces: shared spaces of named variables, and a parallel map."""

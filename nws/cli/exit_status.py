"""The exit statuses of `nws`, and the errors that end it. docs/cli.md has the same table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from nws.errors import (
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsNoWorkSpaceException,
    NwsTimeoutException,
    SleighNwsException,
)

__all__ = ["INTERRUPTED", "CommandFailure", "NoServer", "NothingThere", "failure_of"]

INTERRUPTED: Final = 130
"""Ctrl-C; what shells have for it."""


class CommandFailure(click.ClickException):
    """Ends the command with a message on stderr: the server refused, or something else went wrong.

    Status 2 is Click's, for a command line that is wrong.
    """

    exit_code = 1


class NoServer(CommandFailure):
    """No server answers, or it went away. Init scripts, too, have 3 for what does not run."""

    exit_code = 3


class NothingThere(CommandFailure):
    """No value came in time, or there is no such workspace or sleigh."""

    exit_code = 4


_FAILURES: Final[Mapping[type[Exception], type[CommandFailure]]] = {
    NwsConnectException: NoServer,
    NwsConnectionDroppedException: NoServer,
    SleighNwsException: NoServer,
    NwsNoWorkSpaceException: NothingThere,
    NwsTimeoutException: NothingThere,
}


def failure_of(error: Exception) -> CommandFailure:
    """Return what ends the command after one of our exceptions."""
    kinds = (failure for kind, failure in _FAILURES.items() if isinstance(error, kind))
    return next(kinds, CommandFailure)(str(error))

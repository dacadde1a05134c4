"""The options of commands that choose a launcher, and the launcher that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from nws.cli.exit_status import CommandFailure
from nws.errors import SleighIllegalValueException

if TYPE_CHECKING:
    from nws.sleigh.launch.launcher import Launcher

__all__ = ["launcher_options", "launcher_with"]

_OPTIONS: Final = (
    click.option("--queue", help="Queue or partition."),
    click.option("--account", help="Account or project."),
    click.option("--walltime", type=click.IntRange(0), help="Seconds for each job."),
    click.option("--memory", type=click.IntRange(0), help="Megabytes for each job."),
    click.option(
        "--workers-per-job",
        type=click.IntRange(1),
        show_default="1",
        help="Workers that each job starts.",
    ),
    click.option("--line", "lines", multiple=True, help="For the script; may be given again."),
    click.option("--python", help="Python for the workers."),
    click.option("--image", help="Of pods: with Python and this package."),
    click.option("--namespace", help="Of pods."),
    click.option(
        "--workers-per-pod", type=click.IntRange(1), show_default="1", help="Workers in each pod."
    ),
)


def launcher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of launchers; it gets them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def launcher_with(name: str, options: Mapping[str, Any]) -> Launcher:
    """Return the launcher with this name.

    Args:
        name: of a launcher.
        options: what the command was given; those that were not are left to the launcher.

    Raises:
        CommandFailure: there is no such launcher, or it does not take these options.
    """
    from nws.sleigh.launch.launchers import launcher_named  # other commands need not wait for it

    given = {option: value for option, value in options.items() if value not in (None, ())}
    try:
        return launcher_named(name)(**given)
    except TypeError as error:
        raise CommandFailure(
            f"the launcher {name!r} does not take all of {_shown(given)}"
        ) from error
    except SleighIllegalValueException as error:
        raise CommandFailure(str(error)) from error


def _shown(given: Mapping[str, Any]) -> str:
    names = ("line" if option == "lines" else option.replace("_", "-") for option in given)
    return ", ".join(f"--{name}" for name in names)

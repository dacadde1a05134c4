"""`nws sleigh script`: shows what a launcher submits to a batch system or a cluster."""

from __future__ import annotations

from typing import Any

import click

from nws.cli.exit_status import CommandFailure
from nws.cli.launcher_options import launcher_options, launcher_with

__all__ = ["script"]


@click.command()
@click.option("--launch", "name", required=True, help="Name of the launcher, such as slurm.")
@click.option("--workers", type=click.IntRange(1), default=3, show_default=True, help="In all.")
@launcher_options
def script(name: str, workers: int, **options: Any) -> None:
    """Show what a sleigh with such a launcher submits: a script to a batch system, or a Job to
    Kubernetes.

    The names of the job and of its folder are examples: each sleigh has its own.
    """
    from nws.sleigh.launch.launcher import Submitter  # other commands need not wait for it

    launcher = launcher_with(name, options)
    if not isinstance(launcher, Submitter):
        raise CommandFailure(f"the launcher {name!r} submits nothing that could be shown")
    click.echo(launcher.shown_script(workers), nl=False)

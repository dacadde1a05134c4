"""`nws sleigh script`: shows what a launcher submits to a batch system."""

from __future__ import annotations

import click

from nws.cli.exit_status import CommandFailure
from nws.errors import SleighIllegalValueException

__all__ = ["script"]


@click.command()
@click.option("--launch", "name", required=True, help="Name of the launcher, such as slurm.")
@click.option("--workers", type=click.IntRange(1), default=3, show_default=True, help="In all.")
@click.option("--queue", default="", help="Queue or partition.")
@click.option("--account", default="", help="Account or project.")
@click.option("--walltime", type=click.IntRange(0), default=0, help="Seconds for each job.")
@click.option("--memory", type=click.IntRange(0), default=0, help="Megabytes for each job.")
@click.option("--workers-per-job", type=click.IntRange(1), default=1, show_default=True)
@click.option("--line", "lines", multiple=True, help="For the script; may be given again.")
@click.option("--python", default="", help="Python for the workers.")
def script(
    name: str,
    workers: int,
    queue: str,
    account: str,
    walltime: int,
    memory: int,
    workers_per_job: int,
    lines: tuple[str, ...],
    python: str,
) -> None:
    """Show what a sleigh with such a launcher submits to its batch system.

    The names of the job and of its folder are examples: each sleigh has its own.
    """
    from nws.sleigh.launch.batch import BatchLauncher  # other commands need not wait for it
    from nws.sleigh.launch.launchers import launcher_named

    try:
        launcher = launcher_named(name)(
            queue=queue,
            account=account,
            walltime=walltime,
            memory=memory,
            workers_per_job=workers_per_job,
            lines=lines,
            python=python,
        )
    except TypeError:
        launcher = None
    except SleighIllegalValueException as error:
        raise CommandFailure(str(error)) from error
    if not isinstance(launcher, BatchLauncher):
        raise CommandFailure(f"the launcher {name!r} submits nothing to a batch system")
    click.echo(launcher.shown_script(workers), nl=False)

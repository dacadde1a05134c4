"""`nws sleigh check`: looks at the machines that a launcher leads to."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nws.cli.duration import duration
from nws.cli.exit_status import CommandFailure
from nws.cli.launcher_options import launcher_options, launcher_with
from nws.cli.node_reports import node_as_json, node_as_row
from nws.cli.output import json_option, print_json, print_rows, printable
from nws.cli.which_server import endpoint_of, server_options
from nws.errors import SleighIllegalValueException, SleighScriptException
from nws.session.address import MAX_PORT

if TYPE_CHECKING:
    from nws.sleigh.master.sleigh import Sleigh

__all__ = ["check"]


@click.command()
@server_options
@json_option
@click.option(
    "--launch", "name", show_default="ssh with --node, else local", help="Name of the launcher."
)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    help="A machine, as in nodeList, or @ and a file of them; may be given again.",
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, help="Without --node."
)
@click.option(
    "--forward",
    type=click.IntRange(1, MAX_PORT),
    help="A port that is free on each node: there ssh leads to the server.",
)
@click.option("--script-dir", help="Folder of the worker's script on each node.")
@click.option(
    "--module", "modules", multiple=True, help="A module that tasks need; may be given again."
)
@click.option(
    "--timeout",
    type=duration,
    default="30s",
    show_default=True,
    help="Time for workers to join, and as long again for the next one to answer.",
)
@launcher_options
def check(
    host: str | None,
    port: int | None,
    as_json: bool,
    nodes: Sequence[str],
    modules: Sequence[str],
    timeout: float,
    **choices: Any,
) -> None:
    """Look at each machine on which a sleigh would have workers, and say what does not fit.

    It starts a sleigh for that, with a worker on each of the nodes. The first line is about this
    machine. The exit status is 1 if a machine cannot be reached or does not fit. With --launch
    local, workers have a private server unless --host names one.
    """
    from nws.sleigh.check.facts import find_facts  # other commands need not wait for it
    from nws.sleigh.check.nodes import NodeReport, check_nodes
    from nws.sleigh.launch.nodes import nodes_of

    here = find_facts(modules)
    logged = _LoggedTexts()
    try:
        known = nodes_of(nodes) if nodes else []
        names = {str(number): node.host for number, node in enumerate(known)}
        with logged, _sleigh(host, port, nodes, **choices) as sleigh:
            reports = [NodeReport("(here)", here), *check_nodes(sleigh, here, timeout, names)]
    except (SleighIllegalValueException, SleighScriptException) as error:
        raise CommandFailure(str(error)) from error
    if as_json:
        print_json([node_as_json(report) for report in reports])
    else:
        print_rows([node_as_row(report, modules) for report in reports], as_json=False)
        for report in reports:
            for problem in report.problems:
                click.echo(printable(f"{report.node}: {problem}", kept="\n"))
    problems = [problem for report in reports for problem in report.problems]
    for text in logged.without(problems):
        click.echo(printable(text, kept="\n"), err=True)
    if problems:
        sys.exit(1)


class _LoggedTexts(logging.Handler):
    """What the sleigh logs meanwhile: most of it stands in the reports, too."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._logger = logging.getLogger("nws")
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())

    def without(self, problems: Sequence[str]) -> list[str]:
        """Return the texts in which there is none of these problems."""
        return [text for text in self._texts if not any(each in text for each in problems)]

    def __enter__(self) -> None:
        self._propagated, self._logger.propagate = self._logger.propagate, False
        self._logger.addHandler(self)

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.propagate = self._propagated


def _sleigh(
    host: str | None,
    port: int | None,
    nodes: Sequence[str],
    *,
    name: str | None,
    workers: int,
    forward: int | None,
    script_dir: str | None,
    **options: Any,
) -> Sleigh:
    from nws.sleigh import Sleigh, sshforwardcmd
    from nws.sleigh.launch.launcher import DEFAULT_NODES

    name = name or ("ssh" if nodes else "local")
    if name in ("ssh", "rsh") and not nodes:
        raise click.UsageError(f"--launch {name} needs --node")
    if name == "web":
        raise click.UsageError("--launch web waits for a person, and starts nothing")
    if name in ("dask", "ray"):
        raise click.UsageError(
            f"--launch {name} is for programs that have joined the cluster, and this one has not"
        )
    if forward and name != "ssh":
        raise click.UsageError("--forward is for ssh")
    launcher: Any = launcher_with(name, options)
    place = None if name == "local" and host is None else endpoint_of(host, port)
    return Sleigh(
        launch=sshforwardcmd if forward else launcher,
        workerCount=workers,
        nodeList=nodes or DEFAULT_NODES,
        nwsHost=place and place.host,
        nwsPort=place and place.port,
        nwsHostRemote="localhost" if forward else None,
        nwsPortRemote=forward,
        scriptDir=script_dir,
        output=None,
    )

"""`nws doctor`."""

from __future__ import annotations

import sys

import click

from nws.cli.health_checks import FAIL, findings
from nws.cli.output import json_option, print_rows
from nws.cli.which_server import endpoint_of, server_options

__all__ = ["doctor"]


@click.command()
@server_options
@json_option
def doctor(host: str | None, port: int | None, as_json: bool) -> None:
    """Look whether servers and sleighs can work here, and say what to do where they cannot.

    The exit status is 1 if something fails.
    """
    found = list(findings(endpoint_of(host, port)))
    print_rows([each._asdict() for each in found], as_json=as_json)
    if any(each.state == FAIL for each in found):
        sys.exit(1)

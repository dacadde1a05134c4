"""`nws config`."""

from __future__ import annotations

from typing import Final

import click

from nws.cli.output import json_option, print_json, print_rows, printable
from nws.settings import SETTINGS, SettingsError, find_settings, setting_files

__all__ = ["config"]

_HIDDEN: Final = "(hidden)"


@click.command()
@json_option
def config(as_json: bool) -> None:
    """Show the value of each setting, and where it comes from.

    Of these, the first that has a setting counts: an option of a command, its variable NWS_...,
    the user's file, the machine's file, the default. The exit status is 2 if a variable has a value
    that cannot be used.
    """
    found = find_settings()
    rows = []
    problems = []
    for setting in SETTINGS:
        value, origin = found[setting.name]
        if origin == setting.variable:
            try:
                setting.check_text(value)
            except ValueError as error:
                problems.append(f"{origin}: {error}")
        typed = setting.typed(value) if as_json else value
        shown = _HIDDEN if setting.secret and value else typed
        rows.append({"setting": setting.name, "value": shown, "origin": origin or "default"})
    files = setting_files()
    if as_json:
        print_json({"settings": rows, "files": [str(file) for file in files]})
    else:
        print_rows(rows, as_json=False)
        click.echo()
        for file in files:
            click.echo(f"{printable(str(file))}: {'read' if file.exists() else 'not there'}")
    if problems:
        raise SettingsError("; ".join(problems))

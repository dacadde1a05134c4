"""Durations on the command line: a number of seconds, or one with a unit."""

from __future__ import annotations

import re
from typing import Final

import click

__all__ = ["duration"]

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

_FORM: Final = re.compile(r"(\d+(?:\.\d*)?)\s*([smhd]?)")


def duration(value: str | float) -> float:
    """Return a duration in seconds; the type of options.

    Raises:
        click.BadParameter: it is no duration.
    """
    if isinstance(value, (int, float)):
        return float(value)
    form = _FORM.fullmatch(value)
    if form is None:
        raise click.BadParameter(f"{value!r} is no duration; such are 90, 90s, 55m, 2.5h and 1d")
    number, unit = form.groups()
    return float(number) * _SECONDS[unit]

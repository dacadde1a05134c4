"""Durations on the command line: a number of seconds, or one with a unit."""

from __future__ import annotations

import re
from typing import Any, Final

import click

__all__ = ["DURATION"]

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

_FORM: Final = re.compile(r"(\d+(?:\.\d*)?)\s*([smhd]?)")


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, (int, float)):
            return float(value)
        form = _FORM.fullmatch(value)
        if form is None:
            self.fail(f"{value!r} is no duration; such are 90, 90s, 55m, 2.5h and 1d", param, ctx)
        number, unit = form.groups()
        return float(number) * _SECONDS[unit]


DURATION: Final = _Duration()
"""Is turned into seconds."""

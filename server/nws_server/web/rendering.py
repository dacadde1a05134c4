"""Renders data as HTML: the templates, and the filters that they use. Everything is escaped."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any, Final
from urllib.parse import quote

import humanize
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from nws_server.web.names import DisplayName, printable

__all__ = ["brief", "moment", "render_live", "render_page"]

_MAX_DURATION_SECONDS: Final = 1e10
"""Longest duration that is shown, some 300 years; humanize fails beyond 2000 years."""


_UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


class _Environment(Environment):
    """Looks into a dict first, of which most data are: Jinja looks for an attribute before, which
    costs a tenth of the time of a page."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def render_page(name: str, /, **data: Any) -> str:
    """Render a page."""
    return _templates().get_template(f"{name}.html").render(data)


def render_live(name: str, /, **data: Any) -> str:
    """Render the live part of a page, which the browser keeps up to date."""
    template = _templates().get_template(f"{name}.html")
    context = template.new_context({**data, "live": True})
    return "".join(template.blocks["main"](context))


@cache
def _templates() -> Environment:
    """Return all templates. They are compiled for the first page: most servers are never looked at,
    and it takes a sixth of their start."""
    environment = _Environment(
        loader=PackageLoader("nws_server.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        ago=ago,
        brief=brief,
        count=count,
        duration=duration,
        size=size,
        moment=moment,
        visible=visible,
    )
    environment.globals.update(link=link)
    environment.globals["ui"] = environment.get_template("ui.html").module
    return environment


def link(page: str, /, **fields: Any) -> str:
    """Return the address of a page. Fields that are None are left out."""
    pairs = [
        f"{key}={value.query if isinstance(value, DisplayName) else quote(str(value), safe='')}"
        for key, value in fields.items()
        if value is not None
    ]
    return f"/{page}" + ("?" + "&".join(pairs) if pairs else "")


def visible(text: str) -> str:
    """Return a text on one line, with escapes for characters that cannot be displayed."""
    return printable(text.encode("utf-8", "replace"))


def count(number: float) -> str:
    """Return a number with commas between thousands; a small fraction has one decimal."""
    return f"{number:,.0f}" if number == int(number) or number >= 100 else f"{number:,.1f}"


def size(number: float | None) -> str:
    """Return a number of bytes in decimal units, as in "1.2 MB"; "-" for None."""
    return "-" if number is None else humanize.naturalsize(number)


def duration(seconds: float | None) -> str:
    """Return a length of time, as in "1 minute and 30 seconds"; "-" for None."""
    if seconds is None:
        return "-"
    seconds = min(max(seconds, 0.0), _MAX_DURATION_SECONDS)
    if seconds < 0.1:
        return _in_words(int(1000 * seconds) / 1000, minimum_unit="milliseconds", format="%d")
    if seconds < 10:
        return _in_words(round(seconds, 1), format="%.1f")
    unit = "seconds" if seconds < 3600 else "minutes"
    return _in_words(int(seconds), minimum_unit=unit, format="%d")


def _in_words(seconds: float, **form: str) -> str:
    # Before version 4.13 humanize cuts a number, and leaves a timedelta as it is.
    return humanize.precisedelta(timedelta(seconds=seconds), **form)


def brief(seconds: float) -> str:
    """Return a length of time in two digits or a little more, as in "1.5 ms"."""
    size, unit = next((each for each in _UNITS if seconds >= 0.999 * each[0]), _UNITS[-1])
    number = seconds / size
    return f"{number:,.0f} {unit}" if number >= 99.5 else f"{number:.2g} {unit}"


def moment(epoch: float) -> str:
    """Return a time as ISO 8601 in the local zone of the server."""
    try:
        when = datetime.fromtimestamp(epoch, timezone.utc).astimezone()
    except (OverflowError, ValueError, OSError):
        return "never"
    return when.isoformat(sep=" ", timespec="seconds")


@pass_context
def ago(context: Context, epoch: float) -> Markup:
    """Return the age of a time, with the time itself as a tooltip.

    The browser keeps the age up to date. So a live part holds no age, and does not change as long
    as the time is the same.
    """
    exact = moment(epoch)
    if exact == "never":
        return Markup(exact)
    words = "" if context.get("live") else age(time.time() - epoch)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.replace(" ", "T"), exact, words
    )


def age(seconds: float) -> str:
    """Return how long ago something was, as in "2 minutes ago"; a negative age is in the future."""
    if 0 <= seconds < 1:
        return "now"
    words = humanize.naturaldelta(max(1, abs(seconds)), months=False)
    return f"{words} ago" if seconds > 0 else f"in {words}"

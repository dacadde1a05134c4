"""From data to HTML: the templates and what they can call. Everything is escaped."""

from __future__ import annotations

import math
import time
from datetime import datetime, timezone
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from nws_server.web.names import DisplayName, printable

__all__ = ["Renderer"]

_BINARY: Final = ("B", "KB", "MB", "GB", "TB", "PB")


class Renderer:
    """Renders pages, whole or only what is live in them."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("nws_server.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(
            ago=ago, count=count, duration=duration, size=size, moment=moment, visible=visible
        )
        self._environment.globals.update(link=link)
        self._environment.globals["ui"] = self._environment.get_template("ui.html").module

    def page(self, name: str, **data: Any) -> str:
        """Render a page."""
        return self._environment.get_template(f"{name}.html").render(data)

    def live(self, name: str, **data: Any) -> str:
        """Render the part of a page that is kept up to date."""
        template = self._environment.get_template(f"{name}.html")
        context = template.new_context({**data, "live": True})
        return "".join(template.blocks["main"](context))


def link(page: str, /, **fields: Any) -> str:
    """Return the address of a page. Fields that are None are left out."""
    pairs = [
        f"{key}={value.query if isinstance(value, DisplayName) else quote(str(value), safe='')}"
        for key, value in fields.items()
        if value is not None
    ]
    return f"/{page}" + ("?" + "&".join(pairs) if pairs else "")


def visible(text: str) -> str:
    """Return a text on one line, with what cannot be seen written out."""
    return printable(text.encode("utf-8", "replace"))


def count(number: float) -> str:
    """Return a number with commas."""
    return f"{number:,.0f}" if number == int(number) or number >= 100 else f"{number:,.1f}"


def size(number: float | None) -> str:
    """Return a number of bytes in a unit that fits."""
    if number is None:
        return "-"
    unit = 0
    while number >= 999.5 and unit < len(_BINARY) - 1:
        number /= 1000
        unit += 1
    return f"{number:.{1 if unit and number < 99.5 else 0}f} {_BINARY[unit]}"


def duration(seconds: float | None) -> str:
    """Return a time span in one or two units."""
    if seconds is None:
        return "-"
    if seconds < 0.0995:
        return f"{1000 * max(seconds, 0):.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, length, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def moment(epoch: float) -> str:
    """Return a time as ISO 8601 in the local zone of the server."""
    try:
        when = datetime.fromtimestamp(epoch, timezone.utc).astimezone()
    except (OverflowError, ValueError, OSError):
        return "never"
    return when.isoformat(sep=" ", timespec="seconds")


@pass_context
def ago(context: Context, epoch: float) -> Markup:
    """Return how long ago a time is, with the time itself to be seen on hovering.

    The browser keeps it up to date. So what is sent to it later holds no words, and is the same as
    long as the time is.
    """
    exact = moment(epoch)
    if exact == "never":
        return Markup(exact)
    words = "" if context.get("live") else _ago_in_words(time.time() - epoch)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.replace(" ", "T"), exact, words
    )


def _ago_in_words(seconds: float) -> str:
    if seconds < 0:
        return f"in {duration(math.ceil(-seconds))}"
    return "now" if seconds < 1 else f"{duration(math.floor(seconds))} ago"

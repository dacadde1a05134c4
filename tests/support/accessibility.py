"""What axe-core finds on a page that people who see, hear or move differently could not use."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page


@cache
def _axe() -> str:
    # Only for this file: the package's own functions have no type hints.
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


_COLOUR_RULES: Final = ("color-contrast", "link-in-text-block")


def violations(
    page: Page, *, within: str = "", ignoring: Collection[str] = (), only: Collection[str] = ()
) -> list[str]:
    """Run the rules of axe, those for colours too, on the page as it is now; tell what it finds.

    A description names the rule, the element and what to mend. Dark and light, narrow and wide
    pages differ: look at each.

    Args:
        within: the CSS selector of the only part to look at.
        ignoring: names of rules to leave out. Say why beside it.
        only: names of the rules to run. All by default.
    """
    # axe waits for timers, which would never come.
    assert not page.evaluate("matchMedia('(scripting: none)').matches"), "axe needs JavaScript"
    rules = {rule: {"enabled": False} for rule in ignoring}
    # Of what is well axe would describe every element: that takes longer than all the rules.
    options: dict[str, object] = {"rules": rules, "resultTypes": ["violations"]}
    if only:
        options["runOnly"] = list(only)
    arguments = f"{json.dumps(within or None)} ?? document, {json.dumps(options)}"
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(_axe())
    found = page.evaluate(f"axe.run({arguments}).then(results => results.violations)")
    return [text for violation in found for text in _describe(violation)]


def _describe(violation: dict[str, Any]) -> Iterator[str]:
    for node in violation["nodes"]:
        yield "\n".join(
            (
                f"{violation['id']} ({violation['impact']}): {violation['help']}",
                f"  {node['html']}",
                *(f"  {line}" for line in node["failureSummary"].splitlines()),
            )
        )


def assert_accessible(page: Page, *, within: str = "", ignoring: Collection[str] = ()) -> None:
    """Check that axe finds nothing. See `violations`."""
    _assert_none(violations(page, within=within, ignoring=ignoring))


def assert_readable(page: Page) -> None:
    """Check the colours alone: for a page of which axe has seen the same elements in others."""
    _assert_none(violations(page, only=_COLOUR_RULES))


def _assert_none(found: list[str]) -> None:
    assert not found, "\n".join(("axe has found:", *found))

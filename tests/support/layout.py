"""What is wrong with how a page is laid out: it sticks out, is cut off, or lies on other things."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

__all__ = ["assert_well_laid_out", "focus_before", "focus_order"]

_FIND = """() => {
  const found = [];
  const name = (it) =>
    `${it.nodeName.toLowerCase()} ${JSON.stringify(it.textContent.trim().slice(0, 40))}`;
  const width = document.documentElement.clientWidth;
  if (document.scrollingElement.scrollWidth > width)
    found.push(`the page is ${document.scrollingElement.scrollWidth} wide, not ${width}`);
  const seen = (it) => it.checkVisibility({visibilityProperty: true});
  const boxed = (it) => it.closest(".scroll, pre, .long");
  for (const it of document.querySelectorAll("main *, header *"))
    if (seen(it) && !boxed(it) && it.getBoundingClientRect().right > width + 1)
      found.push(`${name(it)} sticks out`);
  const texts = "button, dd, dt, h1, h2, p, legend, label, td, th, .tag";
  for (const it of document.querySelectorAll(texts))
    if (seen(it) && it.clientWidth > 0 && it.scrollWidth > it.clientWidth + 1)
      found.push(`${name(it)} is cut off`);
  const solid = [...document.querySelectorAll(
    "header a, header button, #live-state, h1, h2, .tile, dt, dd, td, th, main p, main li, button, "
    + "input, select, textarea, legend, summary, pre, progress, svg, img")].filter(seen);
  for (const [place, one] of solid.entries()) {
    const a = one.getBoundingClientRect();
    for (const other of solid.slice(place + 1)) {
      if (one.contains(other)) continue;
      const b = other.getBoundingClientRect();
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1 && boxed(one) === boxed(other))
        found.push(`${name(one)} and ${name(other)} lie on each other`);
    }
  }
  return found;
}"""

_FOCUSABLE = """
  const all = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, "
    + "textarea, summary, [tabindex='0']")].filter((it) => it.checkVisibility() && !it.disabled);
"""

_ACTIVE = f"""() => {{
  const it = document.activeElement;
  if (it === null || it === document.body) return "";
  const style = getComputedStyle(it);
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return "unseen";
  {_FOCUSABLE}
  return `${{all.indexOf(it)}} of ${{all.length}}`;
}}"""

_FOCUS_BEFORE = f"""(it) => {{
  {_FOCUSABLE}
  all.at(all.indexOf(it) - 1).focus();
}}"""


def assert_well_laid_out(page: Page) -> None:
    """Check that nothing sticks out of the page, is cut off, or lies on something else."""
    page.wait_for_load_state()  # A page without its style sheet is wider than the window.
    found = page.evaluate(_FIND)
    size = page.viewport_size
    assert not found, "\n".join([f"At {size}:", *found])


def focus_order(page: Page, most: int) -> list[str]:
    """Press Tab again and again; return for each time which element has the focus, and of how many.

    An element of which one does not see that it has the focus counts as ``unseen``.
    """
    places = []
    for _ in range(most):
        page.keyboard.press("Tab")
        place = page.evaluate(_ACTIVE)
        if not place:
            break
        places.append(place)
    return places


def focus_before(what: Locator) -> None:
    """Give the focus to what is before an element in the order of `focus_order`: Tab goes on to it.

    To press Tab from where the focus is would take a second for a long page.
    """
    what.evaluate(_FOCUS_BEFORE)

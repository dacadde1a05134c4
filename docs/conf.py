"""How Sphinx makes HTML of this folder; see `scripts/docs`."""

from __future__ import annotations

import sys
from typing import Any

from docutils.nodes import Element, TextElement
from pygments.lexers import TextLexer
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

from nws.version import __version__

project = "NetWorkSpaces"
author = "The NetWorkSpaces developers"
copyright = author
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"NetWorkSpaces {release}"
html_copy_source = False

myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# Docstrings have names in single backticks. One of ours that leads nowhere is an error. Names of
# Python's own are no links: a list of them would have to be fetched for each build.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:(class|exc)", ".*"),
    ("py:obj", rf"({'|'.join(sys.stdlib_module_names)})(\..*)?"),
]


def is_described_elsewhere(
    app: Sphinx, what: str, name: str, value: object, skip: bool, options: object
) -> bool | None:
    """Skip an exception but on the page of all exceptions: several modules hand it on."""
    is_error = isinstance(value, type) and value.__module__ == "nws.errors"
    return True if is_error and app.env.docname != "reference/errors" else None


def find_anywhere(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, text: TextElement
) -> Element | None:
    """Let a bare name, such as that of an exception or a method, lead to the one of that name.

    Several modules may have it in a class of the same name: those of `nws.client` come first. Where
    classes of different names have it, it is no link.
    """
    if node["refdomain"] != "py":
        return None
    python = env.domains.python_domain
    found = python.find_obj(env, "", "", node["reftarget"], node["reftype"], searchmode=1)
    if not found:
        return None
    if len({name.split(".")[-2] for name, _ in found}) > 1:
        return text
    name, entry = min(found, key=lambda match: not match[0].startswith("nws.client."))
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, text, name)


def setup(app: Sphinx) -> dict[str, Any]:
    """Hand Sphinx the rules above, and the language of the examples in the protocol."""
    app.connect("autodoc-skip-member", is_described_elsewhere)
    app.connect("missing-reference", find_anywhere)
    app.add_lexer("nws", TextLexer)
    return {"parallel_read_safe": True}

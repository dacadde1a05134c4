"""Arguments of a function, as documents write them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["arguments_of"]


def arguments_of(function: Callable[..., Any]) -> str:
    """Return its positional arguments with their defaults, without ``self``; keyword arguments are
    additions of ours."""
    signature = inspect.signature(function)
    shown = [
        each.replace(annotation=each.empty)
        for each in signature.parameters.values()
        if each.kind != each.KEYWORD_ONLY and each.name != "self"
    ]
    return str(signature.replace(parameters=shown, return_annotation=signature.empty))

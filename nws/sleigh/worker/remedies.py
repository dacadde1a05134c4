"""What to do about exceptions of tasks whose own texts do not say it."""

from __future__ import annotations

import pickle
import platform
import sys
from typing import Any, Final

from nws.exception_text import kind_of
from nws.sleigh.shared.package_versions import version_about

__all__ = ["remedy_for"]

_arguments_of: Final[Any] = vars(BaseException)["args"].__get__


def remedy_for(error: BaseException) -> str:
    """Return a line about what to do, without its end; empty for most exceptions."""
    here = f"on {platform.node()} with Python {platform.python_version()} ({sys.executable})"
    if version := version_about(error):
        return f"{here} and {version}: install the version there that the master has"
    if isinstance(error, ImportError):
        return f"{here}: install it there, send it with ship=, or name its folder by modulePath="
    arguments = _arguments_of(error)  # what `str` and ``error.args`` do may be the user's
    text = " ".join(each for each in arguments if isinstance(each, str))
    if isinstance(error, AttributeError | pickle.PicklingError) and "__main__" in text:
        return (
            "(of the main program, workers have what the function of the call uses: put functions "
            "and classes that are found by their names only into a module)"
        )
    if kind_of(error) == "AuthenticationError":
        return (
            "(objects of a multiprocessing.Manager are open to workers on this machine, if "
            "multiprocessing was imported before the sleigh was made)"
        )
    return ""

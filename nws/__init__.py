"""What a user's program imports: the client of a NetWorkSpaces server and the parallel map Sleigh.

::

    from nws import NetWorkSpace, Sleigh

These two are imported when they are first used. Nothing here may import Twisted, Jinja2 or
`nws_server`: importing `nws` is on the path of every program and of every worker.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nws.version import __version__

# A node may have another Python. Without this, it fails with what tells nobody why.
if sys.version_info < (3, 10):  # noqa: UP036
    raise ImportError(
        f"nws needs Python 3.10 or later; {sys.executable} is {sys.version.partition(' ')[0]}"
    )

if TYPE_CHECKING:
    from nws.client import NetWorkSpace
    from nws.sleigh import Sleigh
else:

    def __getattr__(name: str) -> Any:
        if name == "NetWorkSpace":
            return import_module("nws.client").NetWorkSpace
        if name == "Sleigh":
            return import_module("nws.sleigh").Sleigh
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["NetWorkSpace", "Sleigh", "__version__"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The version of what the processes of a sleigh tell each other.

The master announces its version in the sleigh's workspace. Whoever wants to join compares first: of
another version's messages it would understand some, and others wrongly.
"""

from __future__ import annotations

import json
import platform
from typing import Any, Final

from nws.errors import SleighJoinException
from nws.version import __version__

__all__ = ["PROTOCOL", "REFUSED", "ProtocolMismatch", "announcement", "check_protocol"]

VERSION: Final = 5
"""Raised with every change of the messages or variables of a sleigh."""

PROTOCOL: Final = "protocol"
"""Holds the master's `announcement`."""

REFUSED: Final = "refused"
"""Holds a text for each supervisor that could not join because of its version, with the reason."""


class ProtocolMismatch(SleighJoinException):
    """Master and supervisor are of versions that do not understand each other."""


def announcement() -> str:
    """Return what a process says of its version, as JSON."""
    return json.dumps({"version": VERSION, "nws": __version__, "host": platform.node()})


def check_protocol(announced: Any) -> None:
    """Compare our version with the master's announcement.

    Raises:
        ProtocolMismatch: they differ, or it is none.
    """
    try:
        master = json.loads(announced)
        version, shown = master["version"], f"nws {master['nws']} on {master['host']}"
    except (TypeError, ValueError, KeyError):
        version, shown = None, "an unknown version of nws"
    if version != VERSION:
        raise ProtocolMismatch(
            f"nws {__version__} on {platform.node()} speaks version {VERSION} of the sleigh's "
            f"protocol, but the master, {shown}, speaks "
            f"{'none that it names' if version is None else f'version {version}'}; "
            "install the same version of networkspaces on both"
        )

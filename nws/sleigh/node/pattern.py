"""Patterns of nodes that are to be found: ``*``, or ``10.0.*``."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Final

__all__ = ["broadcast_address"]

_FIELDS: Final = 4
"""Of an address of IPv4."""


def broadcast_address(host: str) -> str:
    """Return the broadcast address that a pattern stands for: 10.0.255.255 for ``10.0.*``. Empty
    for a host.

    Raises:
        ValueError: there are asterisks in it, but it is no pattern.
    """
    if "*" not in host:
        return ""
    fields = host.split(".")
    fields += ["*"] * (_FIELDS - len(fields))
    return str(IPv4Address(".".join("255" if field == "*" else field for field in fields)))

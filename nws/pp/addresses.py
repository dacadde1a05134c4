"""Addresses of nodes, as users write them: ``host`` or ``host:port``; with asterisks for nodes that
are to be found by broadcast."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, Final, NamedTuple

from nws.pp.arguments import check_tuple

__all__ = ["DEFAULT_PORT", "NodeAddress", "addresses_of"]

DEFAULT_PORT: Final = 60000
"""Of nodes."""

_MAX_PORT: Final = 65535

_FIELDS: Final = 4
"""Of an address of IPv4."""


class NodeAddress(NamedTuple):
    """Where a node listens; or, with an asterisk in the host, where some may be found."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def broadcast(self) -> str:
        """The broadcast address that a pattern stands for: 10.0.* for 10.0.255.255. Empty for an
        address."""
        if "*" not in self.host:
            return ""
        fields = self.host.split(".")
        fields += ["*"] * (_FIELDS - len(fields))
        return ".".join("255" if field == "*" else field for field in fields)


def addresses_of(ppservers: Any) -> list[NodeAddress]:
    """Return the addresses in ``ppservers``, each once.

    Raises:
        TypeError: it is no tuple of strings.
        ValueError: one of them is no address.
    """
    return list(dict.fromkeys(_address(entry) for entry in check_tuple("ppservers", ppservers)))


def _address(entry: Any) -> NodeAddress:
    if not isinstance(entry, str):
        raise TypeError(f"each of ppservers must be a string, not {type(entry).__name__}")
    host, colon, port = entry.strip().rpartition(":")
    if not colon or (entry.count(":") > 1 and not host.endswith("]")):  # the latter is IPv6
        host, port = entry.strip(), str(DEFAULT_PORT)
    host = host.strip("[]")
    if not host or not port.isdecimal() or not 0 < int(port) <= _MAX_PORT:
        raise ValueError(f"ppservers: {entry!r} is neither a host nor host:port")
    address = NodeAddress(host, int(port))
    if address.broadcast:
        try:
            IPv4Address(address.broadcast)
        except ValueError:
            raise ValueError(f"ppservers: {entry!r} is no pattern such as * or 10.0.*") from None
    return address

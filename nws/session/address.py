"""Addresses as users write them: ``host``, ``host:port``, and IPv6 in brackets."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from typing import Final, NamedTuple

__all__ = ["MAX_PORT", "Address", "read_address"]

_FORM: Final = re.compile(r"(?:\[(?P<v6>[^]]*)\]|(?P<host>[^\s:/@?#[\]]+))(?::(?P<port>\d{1,5}))?")
MAX_PORT: Final = 65535


class Address(NamedTuple):
    """Where something listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_address(text: str, default_port: int) -> Address:
    """Read ``host``, ``host:port``, ``[IPv6]:port``, or IPv6 without a port.

    Raises:
        ValueError: it is none of these.
    """
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is neither 'host' nor 'host:port'")
    host, port = found["host"] or str(IPv6Address(found["v6"])), int(found["port"] or default_port)
    if port > MAX_PORT:
        raise ValueError(f"{text!r}: a port is at most {MAX_PORT}")
    return Address(host, port)

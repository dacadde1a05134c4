"""Where a server is: what a connection needs to know before it can be made."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DEFAULT_HOST", "DEFAULT_PORT", "DEFAULT_WEB_PORT", "UNIX", "Endpoint"]

DEFAULT_HOST: Final = "localhost"
DEFAULT_PORT: Final = 8765
DEFAULT_WEB_PORT: Final = 8766

UNIX: Final = "unix:"
"""Begins a host that is the path of a Unix socket."""


class Endpoint(NamedTuple):
    """Where a server is: a host and a port; or ``unix:`` and the path of a socket, and any port."""

    host: str
    port: int
    peer_timeout: int = 0
    """Seconds after which client and server give each other's machine up if it does not answer, if
    that is earlier than they would; 0 for their own bounds."""

    def __str__(self) -> str:
        return self.host if self.host.startswith(UNIX) else f"{self.host}:{self.port}"

    @property
    def is_here(self) -> bool:
        """Whether the host stands for this machine."""
        return self.host.startswith((UNIX, "127.")) or self.host in (DEFAULT_HOST, "::1")

    def web(self, port: int) -> str:
        """Return the web address of a port on the server's machine."""
        host = "localhost" if self.host.startswith(UNIX) else self.host
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

"""For tests of programs that use workspaces: a server in the memory of the test's own process.

::

    from nws.testing import MemoryServer

    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        ws.store("orders", "tea")

There is no other process, no port and no socket. Everything else is real: the client, the protocol
and the server's rules. The pytest plugin, which is there once this package is installed, has
fixtures for it; see docs/testing.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nws.testing.memory_server import MemoryServer
else:

    def __getattr__(name: str) -> Any:
        """Import the server when it is first used: pytest imports this package in every run."""
        if name == "MemoryServer":
            from nws.testing.memory_server import MemoryServer

            return MemoryServer
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["MemoryServer"]

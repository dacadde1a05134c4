"""Depalma: jobs, which are processes of the system, on many machines.

::

    from nws.depalma import master_server

    with master_server("cluster.toml") as server:
        server.init_server()
        code = server.load_code(["factor"], {"pickup": True})
        pid = server.exec_code(code, ["123456789"])
        server.finished(pid, wait=60)
        print(server.pickup(pid)["stdout"])

The same methods are there for any language by XML-RPC, at ``server.address``. Their exceptions are
in `nws.errors`; each is a ``DepalmaException``. ``docs/depalma.md`` has the keys of the
configuration and of jobs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nws.depalma.master import master_server

__all__ = ["master_server"]


def __getattr__(name: str) -> Any:
    """Import the master when it is used: hosts, and the command `nws`, do without its front."""
    if name == "master_server":
        from nws.depalma.master import master_server

        return master_server
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return what `help` shows."""
    return __all__

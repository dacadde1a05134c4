"""Depalma: jobs, which are processes of the system, on many machines; see docs/depalma.md.

::

    from nws.depalma import master_server

    with master_server("cluster.toml") as server:
        server.init_server()
        code = server.load_code(["factor"], {"pickup": True})
        pid = server.exec_code(code, ["123456789"])
        server.finished(pid, wait=60)
        print(server.pickup(pid)["stdout"])

The same methods are there for any language by XML-RPC, at ``server.address``.
"""

from nws.depalma.master import master_server

__all__ = ["master_server"]

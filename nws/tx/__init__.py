"""The client for Twisted: the operations of `nws.client` as Deferreds.

::

    from nws.tx import NetWorkSpace

    opening = NetWorkSpace("my space").open()
    opening.addCallback(lambda ws: ws.fetch("x"))

A Deferred that waits may be cancelled at any time: what it was to fetch stays in its place. See
docs/asyncio.md; what the operations promise and raise is said in `nws.client`.
"""

from nws.nonblocking.leases import LoopLease
from nws.tx.deferring import Inbox, Outbox, TextFile, ValueIterator, Watch
from nws.tx.server import NwsServer
from nws.tx.workspace import NetWorkSpace

__all__ = [
    "Inbox",
    "LoopLease",
    "NetWorkSpace",
    "NwsServer",
    "Outbox",
    "TextFile",
    "ValueIterator",
    "Watch",
]

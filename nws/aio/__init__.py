"""The client for asyncio: the operations of `nws.client` as coroutines.

::

    from nws.aio import NetWorkSpace

    async with NetWorkSpace("my space") as ws:
        await ws.store("x", 42)
        print(await ws.fetch("x", timeout=5))

Any number of tasks of one event loop may use a workspace. One that waits may be cancelled at any
time: what it was to fetch stays in its place. See docs/asyncio.md; what the operations promise and
raise is said in `nws.client`.
"""

from nws.aio.server import NwsServer
from nws.aio.workspace import NetWorkSpace
from nws.nonblocking.iterators import LoopValueIterator
from nws.nonblocking.leases import LoopLease
from nws.nonblocking.streams import LoopInbox, LoopOutbox, LoopWatch
from nws.nonblocking.textfile import LoopTextFile

__all__ = [
    "LoopInbox",
    "LoopLease",
    "LoopOutbox",
    "LoopTextFile",
    "LoopValueIterator",
    "LoopWatch",
    "NetWorkSpace",
    "NwsServer",
]

"""What all pages share: the server, its history, and what was found out lately."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall

from nws_server.config import Config
from nws_server.core.views import Views
from nws_server.hub import Hub
from nws_server.web.babelfish_process import BabelfishProcess
from nws_server.web.cost_cache import CostCache
from nws_server.web.history import History
from nws_server.web.local_client import LocalClient
from nws_server.web.text_cache import TextCache

__all__ = ["Inspector"]

_JUMP: Final = 1.0
"""Seconds. If the clock of the wall differs by more from what it should be, it was set anew."""


class Inspector:
    """Looks at one server.

    Attributes:
        hub: the server.
        config: its settings.
        addresses: where it listens.
        look: into its space.
        local: changes the space.
        history: what it was like.
        reused: what was found out lately.
        translator: makes text of values.
    """

    def __init__(
        self,
        hub: Hub,
        config: Config,
        addresses: Sequence[str],
        reactor: Any,
        fish: BabelfishProcess | None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Begin to look; `start` begins to take samples."""
        self.hub = hub
        self.config = config
        self.addresses = addresses
        self.look: Views = hub.space.views
        self.local = LocalClient(hub)
        self.history = History(hub)
        self.cost_cache = CostCache(hub.clock)
        self.text_cache = TextCache(hub, reactor, fish)
        self._reactor = reactor
        self._sampling: IDelayedCall | None = None
        self._wall = wall
        self._offset = wall() - hub.clock()

    def start(self) -> None:
        """Take samples from now on."""
        self._sampling = self._reactor.callLater(self.history.sample(), self.start)

    def stop(self) -> None:
        """Take no more samples, and translate nothing."""
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
        self.text_cache.close()

    def now(self) -> float:
        """Return the present time in seconds of the epoch."""
        return self._wall()

    def epoch(self, when: float) -> float:
        """Return a time of the hub's clock in seconds of the epoch, to the tenth below.

        The same time always gives the same number, unless the clock of the wall was set anew.
        """
        offset = self._wall() - self.hub.clock()
        if abs(offset - self._offset) > _JUMP:
            self._offset = offset
        return math.floor(10 * (when + self._offset)) / 10

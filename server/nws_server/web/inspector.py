"""What all pages share: the server, its history, and caches."""

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
from nws_server.web.kept_runs import KeptRuns
from nws_server.web.local_client import LocalClient
from nws_server.web.text_cache import TextCache

__all__ = ["Inspector"]

_CLOCK_JUMP_SECONDS: Final = 1.0
"""If the wall clock differs by more from what it should be, somebody has set it."""


class Inspector:
    """The inspector of one server.

    Attributes:
        hub: the server.
        config: its settings.
        addresses: where it listens.
        look: the read-only views of its space.
        local: a client that changes the space.
        history: its activity in the last minutes.
        kept_runs: sleighs that have ended.
        cost_cache: slow figures.
        text_cache: texts of values.
    """

    def __init__(
        self,
        hub: Hub,
        config: Config,
        addresses: Sequence[str],
        reactor: Any,
        babelfish: BabelfishProcess | None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `start` starts taking samples.

        Args:
            hub: the server.
            config: its settings.
            addresses: where it listens.
            reactor: for timers.
            babelfish: the server's own; None if it has none.
            wall: the wall clock, in seconds of the epoch.
        """
        self.hub = hub
        self.config = config
        self.addresses = addresses
        self.look: Views = hub.space.views
        self.local = LocalClient(hub)
        self.history = History(hub)
        self.kept_runs = KeptRuns(config.keep_runs, wall)
        self.cost_cache = CostCache(hub.clock)
        self.text_cache = TextCache(hub, reactor, babelfish)
        self._reactor = reactor
        self._sampling: IDelayedCall | None = None
        self._wall = wall
        self._offset = wall() - hub.clock()

    def start(self) -> None:
        """Take samples at regular times from now on."""
        self._sampling = self._reactor.callLater(self.history.sample(), self.start)

    def stop(self) -> None:
        """Stop taking samples, and stop translating values."""
        if self._sampling is not None:
            self._sampling.cancel()
            self._sampling = None
        self.text_cache.close()

    def now(self) -> float:
        """Return the present time in seconds of the epoch."""
        return self._wall()

    def epoch(self, when: float) -> float:
        """Convert a time of the hub's clock to seconds of the epoch, rounded down to a tenth.

        The same time always gives the same number, unless the wall clock has been set.
        """
        offset = self._wall() - self.hub.clock()
        if abs(offset - self._offset) > _CLOCK_JUMP_SECONDS:
            self._offset = offset
        return math.floor(10 * (when + self._offset)) / 10

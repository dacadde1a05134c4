"""A server as a Twisted service: it is put together, started and stopped here."""

from __future__ import annotations

import secrets
import string
import time
from collections.abc import Callable, Generator
from typing import Any

from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.logger import Logger

from nws.version import __version__
from nws_server.config import Config, ConfigError
from nws_server.core.memory import MemorySpace
from nws_server.hub import NO_LIMIT, Hub, Limits
from nws_server.net import NwsFactory
from nws_server.spool import Spool

_log = Logger()


class NwsService(Service):
    """A NetWorkSpaces server.

    Attributes:
        ports: where it listens, once it is started; useful when a port was chosen by the system.
    """

    def __init__(self, config: Config, reactor: Any, clock: Callable[[], float]) -> None:
        """Prepare a server; nothing is opened before `start`."""
        self.config = config
        self._clock = clock
        self.ports: list[IListeningPort] = []
        self._reactor = reactor
        self._spool: Spool | None = None
        self._hub: Hub | None = None
        self._factory: NwsFactory | None = None
        self._timer: IDelayedCall | None = None
        self._failed = False

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self.start().addErrback(self._cannot_start)
        if self._failed:
            raise SystemExit(1)  # else twistd would end as if all were well

    @defer.inlineCallbacks
    def start(self) -> Generator[defer.Deferred[Any], Any, None]:
        """Open the spool folder and listen. The Deferred fails if one of both cannot be; then
        `stopService` removes what was there already."""
        config = self.config
        self._spool = Spool(config.tmp_dir, config.spool_limit)
        self._hub = self._make_hub(self._spool)
        self._factory = NwsFactory(
            self._hub,
            self._reactor,
            max_connections=config.max_connections,
            handshake_timeout=config.handshake_timeout,
        )
        for description in config.listen:
            endpoint = serverFromString(self._reactor, _for_this_user(description))
            try:
                port = yield endpoint.listen(self._factory)
            except Exception as error:  # some of these name no address
                raise ConfigError(f"it cannot listen on {description!r}: {error}") from error
            self.ports.append(port)
        places = ", ".join(map(address_text, self.ports))
        _log.info("NetWorkSpaces {version} serves on {places}", version=__version__, places=places)

    @defer.inlineCallbacks
    def stopService(self) -> Generator[defer.Deferred[Any], Any, None]:
        super().stopService()  # type: ignore[no-untyped-call]
        ports, self.ports = self.ports, []
        for port in ports:
            yield defer.maybeDeferred(port.stopListening)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._factory is not None:
            self._factory.hang_up()
        if self._hub is not None:
            self._hub.space.close()
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        if ports:
            _log.info("NetWorkSpaces has stopped")

    def _make_hub(self, spool: Spool) -> Hub:
        config = self.config
        letters = string.ascii_letters + string.digits + "_"
        space = MemorySpace(
            token="".join(secrets.choice(letters) for _ in range(6)).encode(),
            memory_limit=config.memory_limit,
        )
        space.on_earlier_deadline = self._set_timer
        return Hub(
            space,
            extensions=config.extensions,
            limits=Limits(
                spool_threshold=config.long_value_size,
                max_value=NO_LIMIT if config.max_value_size is None else config.max_value_size,
            ),
            open_spool=spool.open,
            spooled=lambda: spool.used,
            clock=self._clock,
            refuse=self._log_refusal,
            crash=self._log_crash,
        )

    def _cannot_start(self, failure: Any) -> None:
        _log.critical("the server cannot start: {error}", error=failure.getErrorMessage())
        if self._reactor.running:
            self._reactor.stop()
        else:
            self._failed = True
            self.stopService()

    def _log_refusal(self, peer: bytes, reason: str) -> None:
        _log.warn("refused {peer}: {reason}", peer=peer.decode(), reason=reason)

    def _log_crash(self, peer: bytes, what: str) -> None:
        _log.failure("{what} (client {peer})", what=what, peer=peer.decode())

    # Deadlines

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, when - self._clock())
        self._timer = self._reactor.callLater(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._hub is not None:
            self._hub.expire()
            next_deadline = self._hub.space.next_deadline()
            if next_deadline is not None:
                self._set_timer(next_deadline)


def _for_this_user(description: str) -> str:
    """Close a Unix socket to other users unless the operator has said who may open it."""
    if description.startswith("unix:") and ":mode=" not in description:
        return description + ":mode=600"
    return description


def address_text(port: IListeningPort) -> str:
    """Show where a port listens, for people."""
    host: Any = port.getHost()
    if hasattr(host, "port"):
        return f"{host.host}:{host.port}"
    name = host.name
    return name.decode() if isinstance(name, bytes) else str(name)


def make_service(config: Config, reactor: Any = None) -> NwsService:
    """Build a server. Without a reactor it uses Twisted's global one, and a monotonic clock.

    Twisted's own clock is that of the wall: a jump of it must not end leases. A reactor that a test
    moves by hand is also the clock.
    """
    if reactor is not None:
        return NwsService(config, reactor, reactor.seconds)
    from twisted.internet import reactor as global_reactor

    return NwsService(config, global_reactor, time.monotonic)

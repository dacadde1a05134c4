"""A server as a Twisted service: it is put together, started and stopped here."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import string
import tempfile
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from twisted.application.service import Service
from twisted.internet import defer
from twisted.internet.endpoints import UNIXServerEndpoint, serverFromString
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.logger import Logger

from nws.connection_file import (
    ServerAddress,
    remove_connection_file,
    usual_path,
    write_connection_file,
)
from nws.version import __version__
from nws.wire.login import end_address, new_secret
from nws_server import loop
from nws_server.authenticator import Authenticator
from nws_server.config import FAST_IO, NONE, Config, ConfigError
from nws_server.core.memory import MemorySpace
from nws_server.hub import NO_LIMIT, Hub, Limits
from nws_server.net import NwsFactory
from nws_server.open_files import open_files, raise_limit
from nws_server.spool import Spool

if TYPE_CHECKING:
    from nws_server.certificate import Certificate
    from nws_server.web.inspector import Inspector
    from nws_server.web.site import InspectorSite

_log = Logger()

_KEY_BYTES: Final = 16
"""Of a key to the inspector."""

_MAX_FOLDER_BYTES: Final = 70
"""Of the folder in which our own Unix sockets have one."""

_MAX_WAITING: Final = 4096
"""Connections that were not accepted yet. Linux refuses more by a Unix socket at once."""


class NwsService(Service):
    """A NetWorkSpaces server.

    Attributes:
        authenticator: decides who may use it.
        ports: where it listens, once it is started; useful when a port was chosen by the system.
        web_port: where its inspector listens, or None.
    """

    def __init__(self, config: Config, reactor: Any, clock: Callable[[], float]) -> None:
        """Prepare a server; nothing is opened before `start`."""
        self.config = config
        self.authenticator = Authenticator(
            config.secret or new_secret(),
            config.original,
            encrypted=config.tls and not config.plain,
        )
        self._certificate: Certificate | None = None
        self._clock = clock
        self._files = open_files(config.max_connections)
        self.ports: list[IListeningPort] = []
        self._reactor = reactor
        self._connection_files: list[Path] = []
        self._door = ""  # the folder of our own Unix sockets
        self._own_ports: list[IListeningPort] = []  # which are there
        self._spool: Spool | None = None
        self._hub: Hub | None = None
        self._factory: NwsFactory | None = None
        self._timer: IDelayedCall | None = None
        self._timer_when = 0.0  # by the clock
        self._failed = False
        self.web_port: IListeningPort | None = None
        self._inspector: Inspector | None = None
        self._site: InspectorSite | None = None

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        self.start().addErrback(self._cannot_start)
        if self._failed:
            raise SystemExit(1)  # else twistd would end with status 0

    @defer.inlineCallbacks
    def start(self) -> Generator[defer.Deferred[Any], Any, None]:
        """Open the spool folder and listen.

        The Deferred fails with `OSError` if the folder cannot be made, and with `ConfigError` if
        the server cannot listen or has no certificate. Then call `stopService` to clean up.
        """
        config = self.config
        self._certificate = _certificate(config)
        self._spool = Spool(config.tmp_dir, config.spool_limit)
        self._hub = self._make_hub(self._spool)
        self._factory = NwsFactory(
            self._hub,
            self._reactor,
            authenticator=self.authenticator,
            certificate=self._certificate,
            reserved=self._files.reserved,
            handshake_timeout=config.handshake_timeout,
            peer_timeout=config.peer_timeout,
            fast_io=config.io == FAST_IO,
        )
        for description in config.listen:
            endpoint = serverFromString(self._reactor, _for_this_user(description))
            try:
                port = yield endpoint.listen(self._factory)
            except Exception as error:  # some of these name no address
                raise ConfigError(f"it cannot listen on {description!r}: {error}") from error
            self.ports.append(port)
        yield self._listen_in_folder(self._factory)
        places = ", ".join(map(address_text, self.ports))
        _log.info(
            "NetWorkSpaces {version} serves on {places}, up to {most} clients ({limit} open files)",
            version=__version__,
            places=places,
            most=self._files.connections,
            limit=self._files.limit,
        )
        if self._certificate is not None:
            _log.info(
                "it speaks TLS, by the certificate {address}", address=self._certificate.address
            )
        if config.web is not None:
            yield self._start_inspector(self._hub, config, config.web)
        self._write_connection_files()

    @defer.inlineCallbacks
    def _listen_in_folder(self, factory: NwsFactory) -> Generator[defer.Deferred[Any], Any, None]:
        """Open a socket for what comes through ssh, and one for clients on this machine, unless
        Unix sockets are all that we have."""
        if not self._tcp_ports or not hasattr(socket, "AF_UNIX"):
            return
        # A new path each time, in a folder that only this user can enter.
        self._door = tempfile.mkdtemp(prefix="nws-", dir=_short_folder(self.config.tmp_dir))
        self.authenticator.forwarded_path = str(Path(self._door, "forwarded"))
        for path in (self.authenticator.forwarded_path, self._local_path):
            endpoint = UNIXServerEndpoint(self._reactor, path, _MAX_WAITING, mode=0o600)
            port = yield endpoint.listen(factory)
            self._own_ports.append(port)

    @property
    def _local_path(self) -> str:
        return str(Path(self._door, "local")) if self._door else ""

    @property
    def _tcp_ports(self) -> dict[int, str]:
        """Where we listen by TCP: port numbers, and addresses as `end_address` writes them."""
        hosts: list[Any] = [port.getHost() for port in self.ports]
        return {
            host.port: end_address((host.host, host.port))
            for host in hosts
            if hasattr(host, "port")
        }

    def _write_connection_files(self) -> None:
        ports = self._tcp_ports
        content = ServerAddress(
            secret=self.authenticator.secret,
            addresses=tuple(ports.values()),
            pid=os.getpid(),
            inspector=self._address_for_owner,
            forwarded=self.authenticator.forwarded_path,
            local=self._local_path,
            certificate="" if self._certificate is None else self._certificate.address,
        )
        given = self.config.connection_file
        paths = [given] if given is not None else [usual_path(port) for port in ports]
        try:
            for path in paths:
                write_connection_file(path, content)
                self._connection_files.append(path)
        except OSError as error:
            if given is not None:
                raise ConfigError(f"it cannot write the connection file: {error}") from error
            _log.warn(
                "there is no connection file ({error}): only programs of this user on this machine "
                "find the server; NWS_CONNECTION_FILE sets another place",
                error=str(error),
            )

    @defer.inlineCallbacks
    def open_inspector(self) -> Generator[defer.Deferred[Any], Any, str]:
        """Open an inspector on a free port, unless there is one.

        Returns its address, with the key if it asks our own browser for that. The Deferred fails
        with `ConfigError` if it cannot listen, or the server is not started.
        """
        if self._hub is None:
            raise ConfigError("the server is not started")
        if self.web_port is None:
            place = "tcp:0:interface=127.0.0.1"
            self.config = replace(self.config, web=place, web_must=True)
            yield self._start_inspector(self._hub, self.config, place)
        return self._address_for_owner

    @defer.inlineCallbacks
    def _start_inspector(
        self, hub: Hub, config: Config, description: str
    ) -> Generator[defer.Deferred[Any], Any, None]:
        # Imported late: it takes a third of a second, and private servers do without.
        from nws_server.web.babelfish_process import BabelfishProcess
        from nws_server.web.inspector import Inspector
        from nws_server.web.site import InspectorSite

        config = self.config = replace(
            config, web_key=config.web_key or secrets.token_urlsafe(_KEY_BYTES)
        )
        addresses = list(map(address_text, self.ports))
        options = babelfish_options(config.babelfish, self.ports[0])
        babelfish = None if options is None else BabelfishProcess(self._reactor, options)
        inspector = Inspector(hub, config, addresses, self._reactor, babelfish)
        site = InspectorSite(
            inspector,
            self._reactor,
            max_connections=self._files.browsers,
            authenticator=self.authenticator,
        )
        endpoint = serverFromString(self._reactor, _for_this_user(description))
        try:
            self.web_port = yield endpoint.listen(site)
        except Exception as error:
            if config.web_must:
                raise ConfigError(
                    f"the inspector cannot listen on {description!r}: {error}"
                ) from error
            _log.warn(
                "there is no inspector, for it cannot listen on {place!r}: {error}; "
                "--web sets another place",
                place=description,
                error=str(error),
            )
            return
        self._inspector, self._site = inspector, site
        web_host: Any = self.web_port.getHost()
        if hasattr(web_host, "port"):
            hub.advertise(web_host.port)
        inspector.start()
        _log.info("the inspector is at {address}", address=self.web_address)

    @property
    def web_address(self) -> str | None:
        """Where browsers find the inspector; None if there is none."""
        return None if self.web_port is None else web_address_of(self.web_port)

    @property
    def _address_for_owner(self) -> str:
        """The inspector's address, with the key if it asks our own browser for that; or empty."""
        address = self.web_address or ""
        if not address or self.authenticator.can_know_user:
            return address
        return f"{address}?key={self.config.web_key}"

    @defer.inlineCallbacks
    def stopService(self) -> Generator[defer.Deferred[Any], Any, None]:
        super().stopService()  # type: ignore[no-untyped-call]
        for path in self._connection_files:
            remove_connection_file(path, self.authenticator.secret)
        self._connection_files.clear()
        ports, self.ports = self.ports, []
        if self._site is not None and self._inspector is not None:
            self._site.stop()
            self._inspector.stop()
            self._site = self._inspector = None
        if self.web_port is not None:
            yield defer.maybeDeferred(self.web_port.stopListening)
            self.web_port = None
        own_ports, self._own_ports = self._own_ports, []
        for port in [*ports, *own_ports]:
            try:
                yield defer.maybeDeferred(port.stopListening)
            except FileNotFoundError:
                pass  # somebody has removed the socket
        if self._door:
            shutil.rmtree(self._door, ignore_errors=True)
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
        hub = Hub(
            space,
            extensions=config.extensions,
            limits=Limits(
                spool_threshold=config.long_value_size,
                max_value=NO_LIMIT if config.max_value_size is None else config.max_value_size,
            ),
            open_spool=spool.open,
            spooled=lambda: spool.used,
            clock=self._clock,
            log_crash=self._log_crash,
            log_warning=self._log_warning,
            max_connections=self._files.connections,
        )
        spool.on_refusal = lambda kind, reason: hub.incidents.add(
            kind, f"refused a long value: {reason}"
        )
        hub.on_earlier_deadline(self._set_timer)
        return hub

    def _cannot_start(self, failure: Any) -> None:
        _log.critical("the server cannot start: {error}", error=failure.getErrorMessage())
        if self._reactor.running:
            self._reactor.stop()
        else:
            self._failed = True
            self.stopService()

    def _log_warning(self, text: str) -> None:
        _log.warn("{text}", text=text)

    def _log_crash(self, peer: bytes, what: str) -> None:
        _log.failure("{what} (client {peer})", what=what, peer=peer.decode())

    # Deadlines

    def _set_timer(self, when: float) -> None:
        """Call `_expire` at this time, unless it is called earlier anyway."""
        if self._timer is not None:
            if self._timer_when <= when:
                return
            self._timer.cancel()
        self._timer_when = when
        delay = max(0.0, when - self._clock())
        self._timer = self._reactor.callLater(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._hub is not None:
            self._hub.expire()
            next_deadline = self._hub.next_deadline()
            if next_deadline is not None:
                self._set_timer(next_deadline)


def _certificate(config: Config) -> Certificate | None:
    """Return what the server needs to speak TLS; None if it shall not."""
    if not config.tls:
        return None
    from nws_server.certificate import CertificateError, make_certificate, read_certificate

    try:
        if config.tls_certificate is None or config.tls_key is None:
            return make_certificate()
        return read_certificate(config.tls_certificate, config.tls_key)
    except CertificateError as error:
        raise ConfigError(str(error)) from error


def _short_folder(folder: Path) -> str:
    """Return a folder for a socket, whose path may have some hundred bytes."""
    return str(folder) if len(os.fsencode(folder)) <= _MAX_FOLDER_BYTES else "/tmp"


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


def web_address_of(port: IListeningPort) -> str:
    """Return what to type into a browser on this machine."""
    host: Any = port.getHost()
    if not hasattr(host, "port"):
        return address_text(port)
    name = {"0.0.0.0": "localhost", "::": "localhost", "127.0.0.1": "localhost"}.get(host.host)
    if name is None:
        name = f"[{host.host}]" if ":" in host.host else host.host
    return f"http://{name}:{host.port}/"


def babelfish_options(kind: str, port: IListeningPort) -> list[str] | None:
    """Return the options of the server's own babelfish; None if it is turned off."""
    if kind == NONE:
        return None
    host: Any = port.getHost()
    if hasattr(host, "port"):
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host.host, host.host)
        options = ["-h", name, "-p", str(host.port)]
    else:
        options = ["-h", f"unix:{address_text(port)}"]
    return [*options, "--safe"] if kind == "safe" else options


def make_service(config: Config, reactor: Any = None) -> NwsService:
    """Build a server.

    Args:
        config: its settings.
        reactor: what it runs on, also its clock; by default Twisted's global reactor, for which it
            chooses the one that lingers (see `loop`) unless the program has one already; then this
            process also may open as many files as the system lets it.
    """
    if reactor is not None:
        return NwsService(config, reactor, reactor.seconds)
    if config.io == FAST_IO:
        loop.install()
    from twisted.internet import reactor as global_reactor

    raise_limit()
    # When the wall clock is set, no deadline may move.
    loop.use_monotonic_clock(global_reactor)
    return NwsService(config, global_reactor, time.monotonic)

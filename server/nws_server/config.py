"""The settings of a server, with their defaults and where they can come from."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from twisted.internet.endpoints import serverFromString

from nws.connection_file import CONNECTION_FILE, SECRET
from nws.keepalive import DEFAULT_PEER_TIMEOUT, MIN_PEER_TIMEOUT
from nws.settings import SettingsError, environment
from nws.wire.login import MIN_SECRET_CHARS
from nws_server.authenticator import ORIGINAL_KINDS, SAME_USER

DEFAULT_PORT: Final = 8765
DEFAULT_WEB_PORT: Final = 8766
MIN_LONG_VALUE_BYTES: Final = 64
"""The original's lower bound on the size from which values are spooled."""

NUMBERS: Final = {
    "long_value_size": 0,
    "max_value_size": 0,
    "memory_limit": 0,
    "spool_limit": 0,
    "max_connections": 1,
    "peer_timeout": MIN_PEER_TIMEOUT,
    "keep_runs": 0,
}
"""Settings that are whole numbers, and the minimum of each. Sizes are in bytes, times in
seconds."""

_MAX_NUMBER: Final = 2**63 - 1

NONE: Final = "none"
"""Value that turns a setting off."""

BABELFISH_KINDS: Final = ("safe", "trusting", NONE)

FAST_IO: Final = "fast"
IO_KINDS: Final = (FAST_IO, "plain")


class ConfigError(Exception):
    """A setting has a value that cannot be used; the message names both."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one server. Sizes are in bytes, times in seconds.

    Attributes:
        listen: Twisted endpoint descriptions, such as ``tcp:8765:interface=127.0.0.1`` or
            ``unix:/run/nws.sock:mode=600``.
        tmp_dir: folder in which the spool folder is made.
        long_value_size: values from this size on are kept in files.
        max_value_size: longer values are refused; None for no limit.
        memory_limit: bound on the memory for values, roughly; None for no limit.
        spool_limit: bound on the spool folder; None for no limit.
        max_connections: of clients; further ones are refused. See `open_files`.
        handshake_timeout: a connection that has not completed its handshake by then is closed.
        peer_timeout: a connection to a machine that has not answered for so long is closed.
        extensions: offer what the original protocol does not have.
        web: where the inspector listens, as a Twisted endpoint description; None for no inspector.
        web_must: whether the server fails to start if the inspector cannot listen there.
        web_actions: whether the inspector can change anything.
        web_names: names by which browsers may call this machine, beside its own and ``localhost``.
        keep_runs: how long the inspector shows a sleigh that has ended; 0 for not at all.
        web_folder: files for clients, served under ``/clientCode/``; None for none.
        web_key: a secret that browsers must give to see anything; empty for none.
        babelfish: how the server's babelfish reads values: ``safe`` runs nothing of what is in
            them, ``trusting`` lets Python unpickle them; ``none`` for no babelfish.
        secret: by which clients log in; empty for a new one.
        connection_file: where clients find it; None for the usual place.
        original: which clients that do not know it may come in: ``same-user``, ``never`` or
            ``anyone``; see `authenticator`.
        plain: may listen to other machines, although anybody on the way can read along.
        tls: speaks TLS with other machines, so it may listen to them.
        tls_certificate: file with the certificate for that, and those of authorities in between, in
            PEM; None for a new one.
        tls_key: file with its key.
        io: ``fast`` polls before it sleeps and sends past Twisted's buffers, see `loop` and `net`;
            ``plain`` uses only what Twisted promises.
        origins: where settings come from that are not the defaults.
    """

    listen: tuple[str, ...] = (f"tcp:{DEFAULT_PORT}:interface=127.0.0.1",)
    tmp_dir: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    long_value_size: int = 16 * 1024 * 1024
    max_value_size: int | None = None
    memory_limit: int | None = None
    spool_limit: int | None = None
    max_connections: int = 10_000
    handshake_timeout: float = 30.0
    peer_timeout: int = DEFAULT_PEER_TIMEOUT
    extensions: bool = True
    web: str | None = None
    web_must: bool = True
    web_actions: bool = True
    keep_runs: int = 3600
    web_names: tuple[str, ...] = ()
    web_folder: Path | None = None
    web_key: str = field(default="", repr=False)
    babelfish: str = "safe"
    secret: str = field(default="", repr=False)
    connection_file: Path | None = None
    original: str = SAME_USER
    plain: bool = False
    tls: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    io: str = FAST_IO
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not self.listen:
            raise ConfigError("a server must listen somewhere")
        for description in (*self.listen, *filter(None, [self.web])):
            _check_endpoint(description)
        if not self.plain:
            for description in () if self.tls else self.listen:
                _check_interface(description, "--tls encrypts it")
            if self.web is not None:
                _check_interface(self.web, "the inspector does not speak TLS")
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("--tls-certificate and --tls-key go together: give both, or none")
        _check_secret(self.secret)
        if not self.tmp_dir.is_dir():
            raise ConfigError(f"the folder for long values, {str(self.tmp_dir)!r}, does not exist")
        if self.web_folder is not None and not self.web_folder.is_dir():
            raise ConfigError(f"the folder for clients, {str(self.web_folder)!r}, does not exist")
        if self.babelfish not in BABELFISH_KINDS:
            kinds = ", ".join(BABELFISH_KINDS)
            raise ConfigError(f"{self.babelfish!r} is no babelfish; choose from {kinds}")
        if self.original not in ORIGINAL_KINDS:
            kinds = ", ".join(ORIGINAL_KINDS)
            raise ConfigError(f"--original {self.original!r} is none of {kinds}")
        if self.io not in IO_KINDS:
            raise ConfigError(f"{self.io!r} is no kind of I/O; choose from {', '.join(IO_KINDS)}")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: object) -> Config:
        """Read the ``NWS_*`` variables; ``given`` settings that are not None come before them.
        Without ``environ``, those of this process, and behind them the files of `nws.settings`.

        The original's names are ``NWS_INTERFACE`` (default: loopback only; empty or ``0.0.0.0``:
        all interfaces), ``NWS_SERVER_PORT``, ``NWS_WEB_PORT`` (or ``none``),
        ``NWS_WEB_SERVED_DIR``, ``NWS_TMP_DIR`` and ``NWS_LONG_VALUE_SIZE``. Ours are
        ``NWS_MAX_VALUE_SIZE``, ``NWS_MEMORY_LIMIT``, ``NWS_SPOOL_LIMIT``,
        ``NWS_MAX_CONNECTIONS``, ``NWS_PEER_TIMEOUT``, ``NWS_KEEP_RUNS``, ``NWS_IO``,
        ``NWS_WEB_KEY``, ``NWS_SECRET``, ``NWS_CONNECTION_FILE``, ``NWS_TLS`` (``yes`` or ``no``),
        ``NWS_TLS_CERTIFICATE`` and ``NWS_TLS_KEY``. A certificate that is given turns TLS on.

        A server that is told where to listen has an inspector only if it is told where. The
        inspector of one that speaks TLS is on the loopback interface unless it is told where.

        Raises:
            ConfigError: a value cannot be used.
        """
        places: Mapping[str, str] = {}
        if environ is None:
            try:
                environ, places = environment(os.environ)
            except SettingsError as error:
                raise ConfigError(str(error)) from error
        given = {name: value for name, value in given.items() if value is not None}
        options: _Found = {
            name: (value, "--" + name.replace("_", "-")) for name, value in given.items()
        }
        security = {**_read_paths(environ), **_read_tls(environ), **options}
        if "tls_certificate" in security:
            security["tls"] = True, security["tls_certificate"][1]
        is_plain = "plain" in security or "tls" not in security
        found: _Found = {
            **_read_addresses(environ, listens="listen" not in given, is_plain=is_plain),
            **_read_texts(environ),
            **_read_numbers(environ),
            **security,
        }
        if found.get("web") == (NONE, "--web"):
            found["web"] = (None, "--web")
        settings: dict[str, Any] = {name: value for name, (value, _) in found.items()}
        if "long_value_size" in settings:
            settings["long_value_size"] = max(MIN_LONG_VALUE_BYTES, settings["long_value_size"])
        origins = {
            name: places.get(origin, origin) for name, (_, origin) in found.items() if origin
        }
        settings["web_must"] = bool(origins.get("web"))
        return cls(**settings, origins=origins)


_Found = dict[str, tuple[object, str]]
"""Settings by name, and where each comes from; empty for a default."""


def _read_addresses(environ: Mapping[str, str], *, listens: bool, is_plain: bool) -> _Found:
    interface = environ.get("NWS_INTERFACE", "127.0.0.1")
    web_interface = interface if is_plain else "127.0.0.1"
    port = whole_number(environ.get("NWS_SERVER_PORT"), "NWS_SERVER_PORT", 0, 65535)
    found: _Found = {}
    if listens:
        origin = "NWS_INTERFACE" if "NWS_INTERFACE" in environ else ""
        endpoint = tcp_endpoint(DEFAULT_PORT if port is None else port, interface)
        found["listen"] = (endpoint,), origin if port is None else "NWS_SERVER_PORT"
        found["web"] = tcp_endpoint(_port_beside(port), web_interface), ""
    web = environ.get("NWS_WEB_PORT", "").strip()
    web_port = None if web == NONE else whole_number(web, "NWS_WEB_PORT", 0, 65535)
    if web == NONE or web_port is not None:
        place = None if web_port is None else tcp_endpoint(web_port, web_interface)
        found["web"] = place, "NWS_WEB_PORT"
    return found


def _port_beside(port: int | None) -> int:
    """Return the inspector's port for a server that is on this one: the next. 0 for any stays 0."""
    if port is None:
        return DEFAULT_WEB_PORT
    return port + 1 if 0 < port < 65535 else 0


def _read_paths(environ: Mapping[str, str]) -> _Found:
    names = {
        "tmp_dir": "NWS_TMP_DIR",
        "web_folder": "NWS_WEB_SERVED_DIR",
        "connection_file": CONNECTION_FILE,
        "tls_certificate": "NWS_TLS_CERTIFICATE",
        "tls_key": "NWS_TLS_KEY",
    }
    return {
        setting: (Path(environ[name]), name) for setting, name in names.items() if environ.get(name)
    }


def _read_tls(environ: Mapping[str, str]) -> _Found:
    said = environ.get("NWS_TLS", "").strip()
    if said not in ("", "yes", "no"):
        raise ConfigError(f"NWS_TLS={said!r} is neither yes nor no")
    return {"tls": (True, "NWS_TLS")} if said == "yes" else {}


def _read_texts(environ: Mapping[str, str]) -> _Found:
    names = {"io": "NWS_IO", "web_key": "NWS_WEB_KEY", "secret": SECRET}
    return {setting: (environ[name], name) for setting, name in names.items() if environ.get(name)}


def _read_numbers(environ: Mapping[str, str]) -> _Found:
    found: _Found = {}
    for setting, minimum in NUMBERS.items():
        name = f"NWS_{setting.upper()}"
        number = whole_number(environ.get(name), name, minimum)
        if number is not None:
            found[setting] = number, name
    return found


def tcp_endpoint(port: int, interface: str) -> str:
    """Describe a TCP endpoint; colons in an IPv6 address are escaped."""
    if interface in ("", "0.0.0.0"):
        return f"tcp:{port}"
    return f"tcp:{port}:interface=" + interface.replace(":", r"\:")


def whole_number(
    text: str | None, name: str, minimum: int, maximum: int = _MAX_NUMBER
) -> int | None:
    """Read a whole number; None if ``text`` is None or blank. ``name`` is for the error.

    Raises:
        ConfigError: it is something else.
    """
    text = (text or "").strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > 20 or not minimum <= int(text) <= maximum:
        span = f"of at least {minimum}"
        if maximum != _MAX_NUMBER:
            span = f"from {minimum} to {maximum}"
        raise ConfigError(f"{name}={text!r} is not a whole number {span}")
    return int(text)


def _check_secret(secret: str) -> None:
    """Raise ConfigError if a secret is given that will not do."""
    if secret and (len(secret) < MIN_SECRET_CHARS or not re.fullmatch(r"[!-?A-~]+", secret)):
        raise ConfigError(
            f"the secret of {SECRET} must have at least {MIN_SECRET_CHARS} characters, "
            "all of them letters, digits or signs of ASCII other than @"
        )


def _check_interface(description: str, remark: str) -> None:
    """Raise ConfigError if this listens to other machines, where nobody has encrypted anything.
    The remark says what the server could do about it."""
    kind, *fields = re.split(r"(?<!\\):", description)
    if kind not in ("tcp", "tcp6"):
        return
    named = [field.removeprefix("interface=") for field in fields if "interface=" in field]
    placed = [field for field in fields[1:2] if "=" not in field]
    interface = "".join(named or placed).replace("\\", "")
    if not is_loopback(interface):
        raise ConfigError(
            f"{description!r} listens to other machines, and anybody on the way could read what "
            f"is sent: {remark}; or let them come through ssh, as docs/security.md says, or give "
            "--plain if you trust the network"
        )


def is_loopback(host: str) -> bool:
    """Tell whether an address is one at which only this machine can reach us."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_endpoint(description: str) -> None:
    """Raise ConfigError if Twisted cannot read this description of an endpoint."""
    reactor: Any = None  # nothing is opened, so none is needed
    try:
        serverFromString(reactor, description)
    except Exception as error:  # each kind of endpoint has its own ways to fail
        raise ConfigError(f"it cannot listen on {description!r}: {error}") from error

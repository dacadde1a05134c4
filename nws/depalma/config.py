"""The configuration of a cluster: a TOML file, checked key by key."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from nws.errors import DepalmaConfigException
from nws.session.endpoint import UNIX

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = [
    "LOCAL",
    "SSH",
    "ClusterConfig",
    "FrontConfig",
    "HostConfig",
    "host_config",
    "load_config",
    "server_of",
]

LOCAL: Final = "local"
SSH: Final = "ssh"
_DEFAULT_PORT: Final = 8767
_MIN_LOST_AFTER: Final = 1.0


@dataclass(frozen=True)
class HostConfig:
    """A host that the master starts.

    Attributes:
        name: for people; with ``launch = "ssh"`` also where ssh goes.
        launch: ``local``, ``ssh``, or the first words of a command, in which ``{name}`` stands for
            the name.
        slots: how many jobs run at a time; 0 for one for each core.
        groups, priority: for the dispatcher.
        python: of that machine, with this package; empty for the one that runs here.
        user: for ssh; empty for its own default.
        server: where that machine reaches the cluster's server; empty for where we do.
    """

    name: str
    launch: str | Sequence[str] = LOCAL
    slots: int = 0
    groups: Sequence[str] = ()
    priority: int = 0
    python: str = ""
    user: str = ""
    server: str = ""


@dataclass(frozen=True)
class FrontConfig:
    """Where the XML-RPC front listens, and who may use it."""

    interface: str = "127.0.0.1"
    port: int = _DEFAULT_PORT
    user: str = "depalma"
    password: str = field(default="", repr=False)
    """Empty for a new one at each start."""


@dataclass(frozen=True)
class ClusterConfig:
    """A cluster.

    Attributes:
        name: of the cluster.
        server: ``HOST:PORT`` or ``unix:PATH`` of a NetWorkSpaces server; empty for a private one.
        lost_after: seconds after which a silent host is lost, and hosts give up a silent master.
        start_timeout: seconds for which `init_server` waits for hosts.
        max_output: bytes of each stream of a job that are kept.
        front: the XML-RPC front.
        hosts: that the master starts.
    """

    name: str = "depalma"
    server: str = ""
    lost_after: float = 10.0
    start_timeout: float = 30.0
    max_output: int = 64 * 1024 * 1024
    front: FrontConfig = field(default_factory=FrontConfig)
    hosts: Sequence[HostConfig] = ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data, without the password."""
        front = {"interface": self.front.interface, "port": self.front.port}
        plain = {key: getattr(self, key) for key in _KEYS}
        return {**plain, "front": front, "host": [dict(vars(host)) for host in self.hosts]}


def load_config(path: str | Path) -> ClusterConfig:
    """Read a configuration file.

    Raises:
        DepalmaConfigException: it cannot be read, or something in it is wrong. The message names
            the file, the line where that can be told, and what is expected.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        plain = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise DepalmaConfigException(f"the configuration cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise DepalmaConfigException(f"{path}: {error}") from error
    reader = _Reader(str(path), text)
    front = reader.checked(plain.pop("front", {}), _FRONT_KEYS, "front")
    tables = plain.pop("host", [])
    if not isinstance(tables, list):
        reader.fail("host", 0, "host", "each host has a table of its own, [[host]]")
    hosts = [
        HostConfig(**reader.checked(table, _HOST_KEYS, "host", number))
        for number, table in enumerate(tables)
    ]
    for number, host in enumerate(hosts):
        if host.name in [other.name for other in hosts[:number]]:
            reader.fail("host", number, "name", f"there are two hosts called {host.name!r}")
    return ClusterConfig(
        **reader.checked(plain, _KEYS, ""), front=FrontConfig(**front), hosts=tuple(hosts)
    )


def host_config(plain: object) -> HostConfig:
    """Make the configuration of one more host from a table with the keys of ``[[host]]``.

    Raises:
        DepalmaConfigException: a key is wrong.
    """
    return HostConfig(**_Reader("the host", "").checked(plain, _HOST_KEYS, "host"))


def server_of(place: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``unix:PATH``.

    Raises:
        ValueError: it is neither.
    """
    if place.startswith(UNIX):
        return place, 0
    host, _, port = place.rpartition(":")
    return host, int(port)


class _Reader:
    """Checks tables of one file."""

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def checked(
        self, table: object, keys: Mapping[str, _Check], where: str, number: int = 0
    ) -> dict[str, Any]:
        """Return the values of a table.

        Args:
            table: as it was read.
            keys: that it may have.
            where: its name; empty for the top of the file.
            number: among the tables of this name.

        Raises:
            DepalmaConfigException: a key is unknown or has a wrong value, or a name is missing.
        """
        if not isinstance(table, dict):
            self.fail(where, number, where, "it has to be a table")
            raise AssertionError
        for key, value in table.items():
            if key not in keys:
                self.fail(where, number, key, f"there is no such key; there are {', '.join(keys)}")
            fits, expected = keys[key]
            if not fits(value):
                self.fail(where, number, key, f"it has to be {expected}, not {value!r:.100}")
        if where == "host" and "name" not in table:
            self.fail(where, number, "", "a host needs a name")
        return table

    def fail(self, table: str, number: int, key: str, problem: str) -> None:
        """Raise a DepalmaConfigException about a key."""
        line = self._line_of(table, number, key)
        place = f"{self._path}, line {line}" if line else self._path
        raise DepalmaConfigException(f"{place}: {key or table}: {problem}")

    def _line_of(self, table: str, number: int, key: str) -> int:
        """Return the line of a key, or else of its table, counted from 1; 0 if it is not found.

        The parser does not tell, so this looks for what people write: one key a line.
        """
        named = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=") if key else None
        found, seen, inside = 0, -1, not table
        for place, line in enumerate(self._lines, 1):
            header = _HEADER.match(line)
            if header:
                seen += header[1] == table
                inside = header[1] == table and seen == number
                if inside or (not table and header[1] == key):
                    found = place
            elif inside and named and named.match(line):
                return place
        return found


_HEADER: Final = re.compile(r"\s*\[+\s*([^\]]*?)\s*\]+")

_Check = tuple[Callable[[Any], bool], str]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value) and value.isprintable()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_list_of_names(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _is_server(value: object) -> bool:
    if not _is_text(value):
        return False
    host, colon, port = str(value).rpartition(":")
    return (
        not value or str(value).startswith(f"{UNIX}/") or bool(host and colon and port.isdecimal())
    )


_NAME: Final = (_is_name, "a name, of printable characters")
_SERVER: Final = (_is_server, "HOST:PORT or unix:/PATH, a text")

_KEYS: Final[Mapping[str, _Check]] = {
    "name": _NAME,
    "server": _SERVER,
    "lost_after": (
        lambda value: _is_number(value) and _MIN_LOST_AFTER <= value <= 24 * 3600,
        "a number of seconds from 1 to 86400",
    ),
    "start_timeout": (
        lambda value: _is_number(value) and 0 <= value <= 24 * 3600,
        "a number of seconds from 0 to 86400",
    ),
    "max_output": (_is_count, "a number of bytes"),
}

_FRONT_KEYS: Final[Mapping[str, _Check]] = {
    "interface": (_is_name, "an address of this machine"),
    "port": (lambda value: _is_count(value) and value < 2**16, "a port, from 0 to 65535"),
    "user": (
        lambda value: _is_name(value) and ":" not in value,
        "a name without a colon",
    ),
    "password": (_is_text, "a text"),
}

_HOST_KEYS: Final[Mapping[str, _Check]] = {
    "name": (
        lambda value: _is_name(value) and not value.startswith("-"),
        "a name, of printable characters, that does not begin with a hyphen",
    ),
    "launch": (
        lambda value: value in (LOCAL, SSH) or (bool(value) and _is_list_of_names(value)),
        '"local", "ssh", or a list of the words of a command',
    ),
    "slots": (_is_count, "a number of jobs; 0 for one for each core"),
    "groups": (_is_list_of_names, "a list of names"),
    "priority": (
        lambda value: isinstance(value, int) and not isinstance(value, bool),
        "a whole number",
    ),
    "python": (_is_text, "a path"),
    "user": (
        lambda value: _is_text(value) and not value.startswith("-"),
        "a name",
    ),
    "server": _SERVER,
}

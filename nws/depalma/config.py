"""The configuration of a cluster: a TOML file, checked key by key."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

import msgspec
from msgspec import Meta

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
    "host_configs",
    "load_config",
    "server_of",
]

LOCAL: Final = "local"
SSH: Final = "ssh"
_DEFAULT_PORT: Final = 8767

_Name = Annotated[str, Meta(min_length=1)]
_Count = Annotated[int, Meta(ge=0)]
_Seconds = Annotated[float, Meta(ge=0, le=86400)]


class HostConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A host that the master starts.

    Attributes:
        name: for people; with ``launch = "ssh"`` also where ssh goes.
        launch: ``local``, ``ssh``, or the first words of a command, in which ``{name}`` stands for
            the name.
        slots: how many jobs run at a time; 0 for one for each core.
        groups, priority: of the host.
        max_load: of the system over a minute, above which the host asks for no jobs; 0 for no
            bound.
        min_memory: bytes that have to be free, or the host asks for no jobs.
        python: of that machine, with this package; empty for the one that runs here.
        user: for ssh; empty for its own default.
        server: where that machine reaches the cluster's server; empty for where we do.
    """

    name: _Name
    launch: str | Annotated[list[_Name], Meta(min_length=1)] = LOCAL
    slots: _Count = 0
    groups: list[_Name] = []
    priority: int = 0
    max_load: Annotated[float, Meta(ge=0)] = 0.0
    min_memory: _Count = 0
    python: str = ""
    user: str = ""
    server: str = ""

    def __post_init__(self) -> None:
        _check_option("name", self.name)
        _check_option("user", self.user)
        if isinstance(self.launch, str) and self.launch not in (LOCAL, SSH):
            raise ValueError('launch: it has to be "local", "ssh", or a list of words')
        _check_server(self.server)


class FrontConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the XML-RPC front listens, and who may use it.

    Attributes:
        password: empty for a new one at each start.
    """

    interface: _Name = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = _DEFAULT_PORT
    user: Annotated[str, Meta(pattern=r"\A[^:]+\Z")] = "depalma"
    password: str = ""

    def __repr__(self) -> str:
        return f"FrontConfig({self.interface!r}, {self.port}, {self.user!r})"  # no password


class ClusterConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cluster.

    Attributes:
        name: of the cluster.
        server: ``HOST:PORT`` or ``unix:/PATH`` of a NetWorkSpaces server; empty for a private one.
        lost_after: seconds after which a silent host is lost, and hosts give up a silent master.
        start_timeout: seconds for which `init_server` waits for hosts.
        max_output: bytes of each stream of a job that are kept.
        groups: of hosts that may join later; jobs can name them already.
        front: the XML-RPC front.
        host: those that the master starts.
    """

    name: _Name = "depalma"
    server: str = ""
    lost_after: Annotated[float, Meta(ge=1, le=86400)] = 10.0
    start_timeout: _Seconds = 30.0
    max_output: _Count = 64 * 1024 * 1024
    groups: list[_Name] = []
    front: FrontConfig = FrontConfig()
    host: list[HostConfig] = []

    def __post_init__(self) -> None:
        _check_option("name", self.name)
        _check_server(self.server)

    def to_plain(self) -> dict[str, Any]:
        """Return it as plain data, without the password."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        del plain["front"]["password"]
        return plain


def _check_option(key: str, text: str) -> None:
    """Refuse what could not be an argument of a command, or the name of a variable."""
    if text.startswith("-") or not text.isprintable():
        raise ValueError(f"{key}: it has to be printable, and must not begin with a hyphen")


def _check_server(text: str) -> None:
    host, _, port = text.rpartition(":")
    if text and not text.startswith(f"{UNIX}/") and not (host and port.isdecimal()):
        raise ValueError("server: it has to be HOST:PORT or unix:/PATH")


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
    config = _converted(plain, ClusterConfig, str(path), text)
    _check_names(config.host, str(path), text)
    return config


def _check_names(hosts: Sequence[HostConfig], path: str, text: str) -> None:
    names = [host.name for host in hosts]
    for number, name in enumerate(names):
        if name in names[:number]:
            _fail(path, text, f"host[{number}].name", f"there are two hosts called {name!r}")


def host_configs(plain: Iterable[object]) -> list[HostConfig]:
    """Make the configurations of further hosts; see `host_config`.

    Raises:
        DepalmaConfigException: a key is wrong, or two have the same name.
    """
    hosts = [host_config(each) for each in plain]
    _check_names(hosts, "the hosts", "")
    return hosts


def host_config(plain: object) -> HostConfig:
    """Make the configuration of one more host from a table with the keys of ``[[host]]``.

    Raises:
        DepalmaConfigException: it is none, or a key is wrong.
    """
    if not isinstance(plain, dict):
        raise DepalmaConfigException(
            f"a host is a dictionary with the keys of [[host]], not {plain!r:.100}"
        )
    plain = {  # XML-RPC has large integers as floats only
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in plain.items()
    }
    return _converted(plain, HostConfig, "the host", "")


def server_of(place: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT`` or ``unix:/PATH``.

    Raises:
        ValueError: it is neither.
    """
    if place.startswith(UNIX):
        return place, 0
    host, _, port = place.rpartition(":")
    return host, int(port)


_Config = TypeVar("_Config", ClusterConfig, HostConfig)

_PROBLEM: Final = re.compile(
    r"(?P<text>.*?(?:field `(?P<field>\w+)`)?)(?: - at `\$\.?(?P<path>.*)`)?", re.DOTALL
)
"""A message of msgspec: the problem, the key if that is unknown or missing, and where it is."""

_OURS: Final = re.compile(r"(\w+): (.*)", re.DOTALL)
"""The problem in a message that is ours, with the key."""


_TABLES: Final[dict[str, type[msgspec.Struct]]] = {"front": FrontConfig, "host": HostConfig}
"""Inside that of the cluster."""


def _converted(plain: object, kind: type[_Config], path: str, text: str) -> _Config:
    try:
        return msgspec.convert(plain, kind)
    except msgspec.ValidationError as error:
        found = _PROBLEM.fullmatch(str(error))
        assert found is not None  # it matches any text
        problem, key = found["text"], found["field"] or ""
        if not key and (ours := _OURS.fullmatch(problem)):
            key, problem = ours.groups()
        if "unknown field" in problem:
            table = _TABLES.get((found["path"] or "").partition("[")[0], kind)
            problem += f"; there are {', '.join(table.__struct_fields__)}"
        place = ".".join(filter(None, (found["path"], key)))
        _fail(path, text, place, problem, error)


def _fail(
    path: str, text: str, place: str, problem: str, cause: Exception | None = None
) -> NoReturn:
    """Raise a DepalmaConfigException about a key, such as ``host[1].slots``."""
    line = _line_of(text.splitlines(), place)
    where = f"{path}, line {line}" if line else path
    raise DepalmaConfigException(f"{where}: {place or 'the table'}: {problem}") from cause


def _line_of(lines: list[str], place: str) -> int:
    """Return the line of a key, or else of its table, counted from 1; 0 if it is not found.

    The parser does not tell, so this looks for what people write: one key a line.
    """
    parts = _PLACE.match(place)
    table, number, key = parts.groups() if parts else ("", "", "")
    found, seen, at_top, inside = 0, -1, True, False
    for line_number, line in enumerate(lines, 1):
        header, assignment = _HEADER.match(line), _ASSIGNMENT.match(line)
        if header:
            seen += header[1] == table
            at_top, inside = False, header[1] == table and seen == int(number or 0)
            found = line_number if inside else found
        elif assignment and assignment[1] == (key or table) and (inside if key else at_top):
            return line_number
    return found


_PLACE: Final = re.compile(r"(\w+)(?:\[(\d+)\])?(?:\.(\w+))?")
_HEADER: Final = re.compile(r"\s*\[+\s*([^\]]*?)\s*\]+")
_ASSIGNMENT: Final = re.compile(r"\s*[\"']?(\w+)[\"']?\s*=")

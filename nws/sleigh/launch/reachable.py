"""By which addresses workers elsewhere may reach the server, which of these does from there, and
what lets them in."""

from __future__ import annotations

import platform
import socket
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Final

from nws.client import NwsServer
from nws.errors import SleighIllegalValueException
from nws.session.address import read_address
from nws.session.endpoint import Endpoint, server_address

__all__ = ["certificate_for_workers", "hosts_for_workers", "login_for_workers", "reachable_host"]

_CONNECT_SECONDS: Final = 5.0
"""For an address to answer."""

_ELSEWHERE: Final = ("192.0.2.1", 9)
"""An address that is nobody's, as RFC 5737 has it."""

_ANY_ADDRESS: Final = ("0.0.0.0", "::")


def hosts_for_workers(endpoint: Endpoint, port: int, interface: str = "") -> list[str]:
    """Return the hosts by which workers elsewhere may reach a server, the best first.

    Args:
        endpoint: by which we reach it.
        port: at which it listens.
        interface: the name of an interface of this machine, if workers are to use only that.

    Raises:
        SleighIllegalValueException: there is no such interface, or it has no address.
    """
    if interface:
        return _addresses_of(interface)
    if not endpoint.is_here:
        return [endpoint.host]
    found = server_address(endpoint)
    places = [read_address(text, 0) for text in found.addresses] if found is not None else []
    hosts = [place.host for place in places if place.port == port]
    if any(host in _ANY_ADDRESS for host in hosts):
        return [*_addresses_of(), endpoint.host]
    return hosts or [endpoint.host]


def login_for_workers(login: str, server: NwsServer) -> str:
    """Return what lets workers on other machines in; it has the server's certificate if that speaks
    TLS with them.

    Args:
        login: what lets us in; empty for nothing.
        server: as we are connected to it.
    """
    if not login or "@" in login:
        return login
    certificate = certificate_for_workers(server)
    return f"{login}@{certificate}" if certificate else login


def certificate_for_workers(server: NwsServer) -> str:
    """Return the fingerprint of the server's certificate, as `Login` has it, if it speaks TLS with
    other machines; else nothing."""
    if server.endpoint.is_encrypted:
        return server.address
    found = server_address(server.endpoint) if server.endpoint.is_here else None
    return found.certificate if found else ""


def _addresses_of(interface: str = "") -> list[str]:
    """Return the addresses of an interface of this machine, or of all but loopback."""
    import psutil  # takes 10 ms, and few sleighs need it

    known = psutil.net_if_addrs()
    if interface and interface not in known:
        raise SleighIllegalValueException(
            f"interface={interface!r}: this machine has {', '.join(known)}"
        )
    chosen = [interface] if interface else list(known)
    internet = (socket.AF_INET, socket.AF_INET6)
    entries = [entry for name in chosen for entry in known[name] if entry.family in internet]
    main = _main_address()
    entries.sort(key=lambda entry: (entry.address != main, entry.family != socket.AF_INET))
    addresses = [str(entry.address) for entry in entries]
    usable = [each for each in addresses if interface or not _is_only_here(each)]
    if interface and not usable:
        raise SleighIllegalValueException(f"interface={interface!r} has no address")
    return usable


def _main_address() -> str:
    """Return the address of this machine towards most others; empty if it has none. The others,
    such as those of bridges to containers, mean something else elsewhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)  # this sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def _is_only_here(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    return parsed.is_loopback or parsed.is_link_local


def reachable_host(hosts: Sequence[str], port: int) -> str:
    """Return the first host that answers from this machine.

    Raises:
        OSError: none does. The error says what was tried.
    """
    tried = []
    for host in hosts:
        try:
            socket.create_connection((host, port), _CONNECT_SECONDS).close()
        except OSError as error:
            tried.append(f"{host}:{port} ({error})")
        else:
            return host
    raise OSError(_not_reached(tried))


def _not_reached(tried: Iterable[str]) -> str:
    return (
        f"from {platform.node()} the sleigh's server cannot be reached; tried {', '.join(tried)}. "
        "A server listens to other machines if it is started so (`nws server start --interface "
        "ADDRESS`), and nwsHostRemote= is its name there"
    )

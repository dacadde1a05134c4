"""The hosts that have joined a cluster, as they say themselves in its workspace."""

from __future__ import annotations

import logging
import time
from contextlib import suppress

from nws.client import DICT, NetWorkSpace
from nws.depalma.messages import (
    HostReport,
    Order,
    control_of,
    read,
    report_of,
    wake_of,
    write,
)
from nws.errors import NwsOperationException, NwsTimeoutException
from nws.workspace.presence import gone_of, ids_of_gone, ids_of_present

__all__ = ["JoinedHosts"]

_log = logging.getLogger("nws.depalma")


class JoinedHosts:
    """The hosts that are there, by their ids. It is used by one thread at a time."""

    def __init__(self, workspace: NetWorkSpace) -> None:
        """Make one for a cluster's workspace."""
        self._ws = workspace
        self._hosts: dict[str, HostReport] = {}

    def __contains__(self, host: str) -> bool:
        return host in self._hosts

    def __len__(self) -> int:
        return len(self._hosts)

    @property
    def ids(self) -> list[str]:
        return list(self._hosts)

    @property
    def names(self) -> set[str]:
        return {host.name for host in self._hosts.values()}

    @property
    def groups(self) -> set[str]:
        return {group for host in self._hosts.values() for group in host.groups}

    @property
    def priorities(self) -> tuple[int, ...]:
        """Those that there are, highest first."""
        found = {host.priority for host in self._hosts.values()}
        return tuple(sorted(found, reverse=True))

    def called(self, name: str, *, groups: bool = True) -> list[str]:
        """Return the ids of the hosts of this name, and of those in a group of this name."""
        return [
            id
            for id, host in self._hosts.items()
            if name == host.name or (groups and name in host.groups)
        ]

    def reports(self) -> list[HostReport]:
        """Return what they have said last."""
        for id, report in self._hosts.items():
            self._hosts[id] = self._read(id) or report
        return list(self._hosts.values())

    def _read(self, id: str) -> HostReport | None:
        text = self._ws.findTry(report_of(id))
        if text is None:
            return None
        try:
            return read(HostReport, text)
        except ValueError as error:
            _log.warning("a report that no host has written is not read: %s", error)
            return None

    def join(self, id: str) -> bool:
        """Let a host join, instead of those of its name; return False if it has gone already."""
        report = self._read(id)
        if report is None or report.id != id:
            return False
        for other in self.called(report.name, groups=False):
            self.put_out(other, "another one of its name has joined")
        self._hosts[id] = report
        _log.info("host %s has joined, with %d slots", report.name, report.slots)
        return True

    def put_out(self, id: str, why: str) -> HostReport:
        """Forget a host, and delete what is there for it: so it ends, if it has not. Return what
        it has said last."""
        report = self._read(id) or self._hosts[id]
        del self._hosts[id]
        _log.warning("host %s is not used any more: %s", report.name, why)
        _delete_host(self._ws, id)
        return report

    def wakes(self) -> list[tuple[str, str]]:
        """Return variables and values that let all of them read the table."""
        return [(wake_of(id), "") for id in self._hosts]

    def orders(self, order: Order) -> list[tuple[str, str]]:
        """Return variables and values that give an order to all of them."""
        text = write(order)
        return [(control_of(id), text) for id in self._hosts]

    def end_former(self, timeout: float) -> None:
        """Wait until hosts of a former master have ended, so that their jobs wait again."""
        deadline = time.monotonic() + timeout
        listing = self._ws.listVars(format=DICT)
        assert isinstance(listing, dict)
        for id in (*ids_of_gone(listing), *ids_of_present(listing)):
            try:
                self._ws.find(gone_of(id), timeout=max(0.0, deadline - time.monotonic()))
            except NwsTimeoutException:
                _log.warning("host %s of a former master does not end", id)
            _delete_host(self._ws, id)


def _delete_host(workspace: NetWorkSpace, id: str) -> None:
    """Delete the variables of a host."""
    for name in (control_of(id), wake_of(id), report_of(id), gone_of(id)):
        with suppress(NwsOperationException):  # it is not there
            workspace.deleteVar(name)

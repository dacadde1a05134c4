"""The processes that a master starts: slaves on this machine, and a server of its own."""

from __future__ import annotations

import time

from nws.errors import MasterSlaveException, SleighNwsException
from nws.masterslave.addresses import address_of
from nws.session.address import Address
from nws.sleigh.launch.child_process import ChildProcess
from nws.sleigh.launch.private_server import PrivateServer

__all__ = ["LocalSlaves", "OwnServer"]

_IMPORTS = "from nws.masterslave.launched import main"
_CODE = "main(*arguments)"


class LocalSlaves:
    """Slaves that a master has launched; they end with it."""

    def __init__(self, label: str, master_host: str | None) -> None:
        """Note for whom they are; see `SlaveProcess`."""
        self._arguments = [label, master_host]
        self._children: list[ChildProcess] = []

    def start(self) -> None:
        """Start one more."""
        child = ChildProcess(_IMPORTS, _CODE)
        self._children.append(child)
        child.send(self._arguments)

    def end(self, grace: float) -> None:
        """Wait for ``grace`` seconds until all have ended, and kill those that have not."""
        deadline = time.monotonic() + grace
        for child in self._children:
            child.wait(max(0.0, deadline - time.monotonic()))
        self._children.clear()


class OwnServer:
    """A server of a master's own.

    Attributes:
        address: where it listens.
        nearby: the same for processes of this user on this machine, for which it is quicker.
    """

    def __init__(self, master_host: str) -> None:
        """Start it, and wait until it listens.

        Raises:
            MasterSlaveException: the address is none, or it cannot listen there.
        """
        place = address_of(master_host)
        try:
            self._server = PrivateServer(place)
            self._server.wait_until_ready()
        except SleighNwsException as error:
            raise MasterSlaveException(
                f"the master's own server cannot listen on {place}: {error}; choose another port "
                "by master_host='host:port'"
            ) from error
        self.address = Address(place.host, self._server.port)
        self.nearby = self._server.socket or str(self.address)

    def stop(self) -> None:
        """End it."""
        self._server.stop()

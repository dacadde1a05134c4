"""The master: a server with the cluster's workspace, the cluster, and its XML-RPC front."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nws.client import NetWorkSpace, NwsServer
from nws.depalma.cluster import Cluster
from nws.depalma.config import ClusterConfig, load_config, server_of
from nws.depalma.front import Front
from nws.depalma.messages import MASTER_GONE, workspace_of
from nws.depalma.methods import Methods
from nws.errors import (
    DepalmaException,
    DepalmaStateException,
    DepalmaStoppedException,
    NwsException,
    NwsTimeoutException,
    SleighException,
)
from nws.session.inspector import inspector_address
from nws.sleigh.launch.private_server import PrivateServer
from nws.workspace.presence import FOREVER_SECONDS

__all__ = ["master_server"]


class master_server(Methods):  # noqa: N801 - the original's name
    """The master of a cluster. Its methods are those of the XML-RPC front; see ``docs/depalma.md``.

    Use it in a ``with`` block, or call `close` in the end.

    Attributes:
        config: of the cluster.
        address: of the front, with user and password: for ``xmlrpc.client.ServerProxy``.
    """

    def __init__(self, conf_file: str | Path) -> None:
        """Start the XML-RPC front. Jobs can be run after `init_server`.

        Args:
            conf_file: a TOML file; docs/depalma.md has the keys.

        Raises:
            DepalmaConfigException: the file cannot be read, or a key in it is wrong.
            DepalmaException: the front cannot listen where the file says.
        """
        self.config = load_config(conf_file)
        super().__init__(self.config)
        self._stack = ExitStack()
        self._password = self.config.front.password or secrets.token_urlsafe(16)
        self._front = Front(self.config.front, self._password, self)
        self._stack.callback(self._front.close)
        self.address = self._front.address(self._password)

    def _start_cluster(self) -> Cluster:
        try:
            with ExitStack() as stack:
                workspace, server, self._inspector = _opened(self.config, stack)
                cluster = Cluster(self.config, workspace, server, self._shut_down.set)
                stack.callback(cluster.close)
                self._stack.push(stack.pop_all().__exit__)
        except (NwsException, SleighException) as error:
            raise DepalmaException(f"the cluster's server cannot be used: {error}") from error
        return cluster

    def page(self) -> str:
        """Return the address of the inspector's page about the cluster, with the key to it if
        our own browser needs one.

        Raises:
            DepalmaStateException: before `init_server`; or the server has no inspector.
        """
        workspace = workspace_of(self._started.name)
        root, _, key = self._inspector().partition("?")
        return f"{root}depalma?name={quote(workspace, safe='')}" + (f"&{key}" if key else "")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until somebody has called `shutdown`; tell whether that was so in time.

        Raises:
            DepalmaStoppedException: the cluster's server is gone, and the cluster with it.
        """
        is_over = self._shut_down.wait(timeout)
        if self._cluster is not None and self._cluster.failure:
            raise DepalmaStoppedException(f"the cluster is over: {self._cluster.failure}")
        return is_over

    def close(self) -> None:
        """End all jobs, all hosts, and the front."""
        self._shut_down.set()
        self._stack.close()

    def __enter__(self) -> master_server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _opened(config: ClusterConfig, stack: ExitStack) -> tuple[NetWorkSpace, str, Callable[[], str]]:
    """Open the cluster's workspace, and return where hosts find it, and what tells where its
    inspector is; ``stack`` closes it."""
    place, private = config.server, None
    if not place:
        private = PrivateServer()
        stack.callback(private.stop)
        private.wait_until_ready()
        place = private.host
    server = NwsServer(*server_of(place), peer_timeout=config.lost_after)
    stack.callback(server.close)
    inspector = private.inspector if private else partial(_inspector_of, server)
    name = workspace_of(config.name)
    workspace = server.openWs(name, persistent=True)  # so that it outlives us if we are killed
    listing: Any = server.listWss("dict")
    if listing[name].mine:
        workspace.store(MASTER_GONE, "gone")
    try:
        workspace.lease(MASTER_GONE, timeout=0, duration=FOREVER_SECONDS)  # which is our will
    except NwsTimeoutException:
        raise DepalmaStateException(
            f"another master of the cluster {config.name!r} is at {place}: give this one another "
            "name in its configuration"
        ) from None
    return workspace, place, inspector


def _inspector_of(server: NwsServer) -> str:
    port = server.status()["web"]
    if port is None:
        raise DepalmaStateException(f"{server} has no inspector")
    return inspector_address(server.endpoint, port)

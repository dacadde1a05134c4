"""The methods of a master, as the original has them, and three of its author's wishes.

They take and return only what XML-RPC can carry, so that they are the same in Python and elsewhere:
there is no None, and bytes come as they are.
"""

from __future__ import annotations

import logging
import math
import signal
import threading
from abc import ABC, abstractmethod
from typing import Any, Final

from nws.depalma.cluster import Cluster
from nws.depalma.config import ClusterConfig, host_configs
from nws.errors import DepalmaArgumentException, DepalmaStateException
from nws.version import __version__

__all__ = ["METHODS", "Methods"]

_log = logging.getLogger("nws.depalma")

METHODS: Final = (
    "init_server",
    "load_code",
    "remove_code",
    "exec_code",
    "finished",
    "pickup",
    "pickup_avail",
    "stdin",
    "stdout",
    "stderr",
    "kill",
    "kill_9",
    "ps",
    "load",
    "add_hosts",
    "remove_hosts",
    "shutdown",
    "debug",
    "callback",
    "get_config",
    "get_web_data",
)
"""Their names, in the order of the documentation."""

_MAX_WAIT_SECONDS: Final = 3600.0


class Methods(ABC):
    """What a master can be asked. Each method raises DepalmaStoppedException when it is over, and
    all but `get_config` and `shutdown` raise DepalmaStateException before `init_server`."""

    def __init__(self, config: ClusterConfig) -> None:
        self._config = config
        self._cluster: Cluster | None = None
        self._starting = threading.Lock()
        self._shut_down = threading.Event()

    @abstractmethod
    def _start_cluster(self) -> Cluster:
        """Make the cluster that the methods are about."""

    @property
    def _started(self) -> Cluster:
        if self._cluster is None:
            raise DepalmaStateException("the cluster has not been started: call init_server first")
        return self._cluster

    def init_server(self) -> list[str]:
        """Start the hosts, and wait for them for up to the ``start_timeout`` of the configuration.

        Returns:
            The names of those that have joined; others may follow. When it is called again, those
            that are there.

        Raises:
            DepalmaException: the server of the cluster cannot be used.
            DepalmaStateException: no host has joined; the message says why.
        """
        with self._starting:
            if self._cluster is not None:
                return [host["name"] for host in self._cluster.load() if host["state"] == "ready"]
            self._cluster = self._start_cluster()
            return self._cluster.start()

    def load_code(self, code: object, code_params: object = None) -> int:
        """Add a kind of job, and return its job_code. Nothing runs yet.

        Args:
            code: a list of words, or a text for the shell.
            code_params: a dictionary; docs/depalma.md has the keys.

        Raises:
            DepalmaArgumentException: one of them is wrong, or the label is taken.
        """
        return self._started.load_code(code, _given(code_params, {}))

    def remove_code(self, code: object) -> bool:
        """Forget a kind of job, given its job_code or label.

        Raises:
            DepalmaLookupException: there is no such code.
            DepalmaStateException: jobs of it wait or run.
        """
        self._started.remove_code(code)
        return True

    def exec_code(self, code: object, arguments: object = None, options: object = None) -> int:
        """Submit a job, and return its pid at once.

        Args:
            code: a job_code or a label.
            arguments: a list of words behind those of the code.
            options: a dictionary with other values of ``env``, ``cwd``, ``timeout``, ``retries``,
                ``memory``, ``cpu``, ``groups`` and ``priority`` for this job.

        Raises:
            DepalmaLookupException: there is no such code.
            DepalmaArgumentException: an argument or an option is wrong; or there are groups, but no
                host belongs to one of them.
        """
        return self._started.exec_code(code, _given(arguments, ()), _given(options, {}))

    def finished(self, pid: object, wait: object = 0.0) -> bool:
        """Tell whether a job has ended.

        Args:
            pid: of the job.
            wait: seconds to wait for its end, at most an hour.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up.
            DepalmaArgumentException: the seconds are no such number.
        """
        if not isinstance(wait, (int, float)) or not 0 <= wait <= _MAX_WAIT_SECONDS:
            raise DepalmaArgumentException(f"wait is {wait!r}, not from 0 to 3600 seconds")
        return self._started.finished(pid, wait)

    def pickup(self, pid: object) -> dict[str, Any]:
        """Return how a job ended, and forget the job.

        Returns:
            A dictionary; docs/depalma.md has the keys. ``stdout`` and ``stderr`` are there if the
            job's code_params say so.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up.
            DepalmaStateException: it has not ended.
        """
        return self._started.pickup(pid)

    def pickup_avail(self) -> list[int]:
        """Return the pids of the jobs that have ended and were not picked up."""
        return self._started.pickup_avail()

    def stdin(self, pid: object, data: object = b"", close: object = False) -> bool:
        """Write to a job that has ``io``, also before it runs.

        Args:
            pid: of the job.
            data: bytes, or a text that is sent as UTF-8.
            close: close its stdin behind that.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up.
            DepalmaArgumentException: the data is neither bytes nor a text.
            DepalmaStateException: it has no ``io``, its stdin is closed, or it has ended.
        """
        if isinstance(data, str):
            data = data.encode()
        if not isinstance(data, bytes):
            raise DepalmaArgumentException(f"data is bytes or a text, not {data!r:.100}")
        self._started.stdin(pid, data, bool(close))
        return True

    def stdout(self, pid: object, offset: object = 0) -> bytes:
        """Return what a job that has ``io`` has written so far.

        Args:
            pid: of the job.
            offset: bytes to leave out, which were read before.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up.
            DepalmaStateException: it has no ``io``.
            DepalmaArgumentException: the offset is no number of bytes.
        """
        return self._output(pid, "stdout", offset)

    def stderr(self, pid: object, offset: object = 0) -> bytes:
        """Return what a job has written to stderr; see `stdout`."""
        return self._output(pid, "stderr", offset)

    def _output(self, pid: object, stream: str, offset: object) -> bytes:
        if not isinstance(offset, (int, float)) or not 0 <= offset < math.inf:
            raise DepalmaArgumentException(f"offset is {offset!r}, not a number of bytes")
        return self._started.output(pid, stream, int(offset))

    def kill(self, pid: object) -> bool:
        """Send SIGTERM to all processes of a job. One that waits ends without having run; one that
        has ended stays as it is.

        Raises:
            DepalmaLookupException: there is no such job, or it was picked up.
        """
        self._started.kill(pid, signal.SIGTERM)
        return True

    def kill_9(self, pid: object) -> bool:
        """Send SIGKILL to all processes of a job; see `kill`."""
        self._started.kill(pid, signal.SIGKILL)
        return True

    def ps(self) -> list[dict[str, Any]]:
        """Return a dictionary for each job that was not picked up; docs/depalma.md has the keys."""
        return self._started.ps()

    def load(self) -> list[dict[str, Any]]:
        """Return a dictionary for each host: what it is, and how busy its machine is."""
        return self._started.load()

    def add_hosts(self, hosts: object) -> bool:
        """Start further hosts. One whose name another host has takes the place of that one.

        Args:
            hosts: a list of dictionaries with the keys of ``[[host]]`` in the configuration.

        Raises:
            DepalmaConfigException: a key is wrong, or two have the same name; no host is started.
        """
        if not isinstance(hosts, (list, tuple)):
            raise DepalmaArgumentException(f"hosts is a list of dictionaries, not {hosts!r:.100}")
        self._started.add_hosts(host_configs(hosts))
        return True

    def remove_hosts(self, name: str) -> list[str]:
        """End a host, or all hosts of a group, and return their names. Their jobs run elsewhere.

        Raises:
            DepalmaLookupException: there is no such host or group.
        """
        return self._started.remove_hosts(name)

    def shutdown(self) -> bool:
        """End all jobs, all hosts and the master. It returns before that has happened."""
        self._shut_down.set()
        return True

    def debug(self, on: object = None) -> dict[str, Any]:
        """Return numbers about the cluster.

        Args:
            on: true to log all that the master does from now on, false to log what matters.

        Raises:
            DepalmaArgumentException: it is neither.
        """
        if on not in (None, True, False):  # 1 and 0 are, for languages without such a kind
            raise DepalmaArgumentException(f"on is true or false, not {on!r:.100}")
        if on is not None:
            _log.setLevel(logging.DEBUG if on else logging.INFO)
        return {"version": __version__, **self._started.overview()}

    def callback(self, host: str, callback_type: str) -> bool:
        """Tell the master that a host is ``ready`` or ``gone``, by name. Our own hosts do so
        through the workspace; this is for programs that know better, such as one that is about to
        switch a machine off.

        Raises:
            DepalmaLookupException: there is no such host.
            DepalmaArgumentException: the type is another one.
        """
        self._started.callback(host, callback_type)
        return True

    def get_config(self) -> dict[str, Any]:
        """Return the configuration, without the password."""
        return self._config.to_plain()

    def get_web_data(self) -> dict[str, Any]:
        """Return all that a page about the cluster shows: ``cluster``, ``hosts`` and ``jobs``."""
        return {"cluster": self.debug(), "hosts": self.load(), "jobs": self.ps()}


def _given(value: object, default: object) -> object:
    """Return a value, or the default for nil, by which some languages say that there is none."""
    return default if value is None else value

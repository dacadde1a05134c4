"""The processes that a benchmark needs: servers of ours, a Redis, and the small ones in `peers`.

Each is started by a context manager that also stops it. They are in sessions of their own, so that
Ctrl-C reaches the benchmark alone, which then stops them.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from nws.connection_file import CONNECTION_FILE, read_connection_file

_STOP_SECONDS: Final = 10.0
_PORT_TRIES: Final = 10

HOST: Final = "127.0.0.1"


class CannotStartError(Exception):
    """A process ended before it was ready; the message is what it wrote."""


@contextmanager
def _running(command: Sequence[str], ready: str, **variables: str) -> Iterator[str]:
    """Run a command and stop it in the end; give the first line it prints that holds ``ready``."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith("NWS_")} | variables
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=settings,
            text=True,
            start_new_session=True,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if ready in line:
                    break
            else:
                errors.seek(0)
                raise CannotStartError(f"{command[0]}:\n{''.join(said)}{errors.read()}")
            yield line
        finally:
            try:
                process.terminate()
                process.wait(_STOP_SECONDS)
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()


@contextmanager
def our_server(*options: str) -> Iterator[int]:
    """Run a server of ours, with its usual settings if no options are given; give its port."""
    command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof"]
    command += ["--listen", f"tcp:0:interface={HOST}", *options]
    with _running(command, "[") as line:
        yield int(json.loads(line)[0].rpartition(":")[2])


@contextmanager
def our_tls_server() -> Iterator[tuple[int, str]]:
    """Run a server of ours that speaks TLS; give its port, and the login by which it is spoken."""
    command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof", "--tls"]
    command += ["--listen", f"tcp:0:interface={HOST}"]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "connection.json")
        with _running(command, "[", **{CONNECTION_FILE: str(file)}) as line:
            found = read_connection_file(file)
            assert found is not None
            port = int(json.loads(line)[0].rpartition(":")[2])
            yield port, f"{found.secret}@{found.certificate}"


@contextmanager
def our_server_with_inspector() -> Iterator[tuple[int, int]]:
    """Run a server of ours with its inspector; give the ports of both."""
    command = [sys.executable, "-m", "nws_server", "--announce", "--until-eof"]
    command += ["--listen", f"tcp:0:interface={HOST}", "--web", f"tcp:0:interface={HOST}"]
    with _running(command, "[") as line:
        port, web_port = (int(each.strip("/").rpartition(":")[2]) for each in json.loads(line))
        yield port, web_port


@contextmanager
def peer(*arguments: str) -> Iterator[int]:
    """Run one of the programs in `peers`; give the port that it printed, 0 for a client."""
    command = [sys.executable, "-m", "scripts.benchmarks.peers", *arguments]
    with _running(command, "ready") as line:
        yield int(line.split()[1])


def why_no_redis() -> str:
    """Say what is missing for a comparison with Redis; empty if nothing is."""
    if shutil.which("redis-server") is None:
        return "there is no redis-server here; to install it: apt-get install redis-server"
    try:
        import_module("redis")
        import_module("hiredis")
    except ImportError as error:
        return f"{error}; to install redis-py: .venv/bin/pip install -e '.[bench]'"
    return ""


@contextmanager
def redis_server() -> Iterator[int | None]:
    """Run a Redis that writes nothing to disk; give its port, or None if there is no Redis."""
    with ExitStack() as stack:
        yield None if why_no_redis() else _start_redis(stack)


def _start_redis(stack: ExitStack) -> int:
    for _ in range(_PORT_TRIES):
        port = _free_port()
        command = ["redis-server", "--bind", HOST, "--port", str(port)]
        command += ["--save", "", "--appendonly", "no"]
        try:
            stack.enter_context(_running(command, "Ready to accept connections"))
            return port
        except CannotStartError as error:  # most likely another process took the port
            failure = error
    raise failure


def redis_client(port: int, *, tuned: bool = False) -> Any:
    """Connect with redis-py: as its guide does, or tuned, without its pool of connections and with
    the older of its protocols, which is quicker here."""
    redis: Any = import_module("redis")
    if tuned:
        return redis.Redis(HOST, port, protocol=2, single_connection_client=True)
    return redis.Redis(HOST, port)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port

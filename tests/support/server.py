"""A real server in a process of its own, and raw clients that talk to it over a socket."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from nws.wire.dialect import LOGIN
from nws.wire.login import ClientLogin, end_address
from tests.support.frames import KINDS, Speaker, framed_dict

ROOT: Final = Path(__file__).resolve().parents[2]
PATIENCE: Final = 30.0
"""Seconds until a test that waits for a server gives up. Nothing waits that long unless broken."""

LOOPBACK: Final = "tcp:0:interface=127.0.0.1"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which the checkout runs, without settings of a server."""
    names = [name for name in os.environ if not name.startswith(("NWS_", "PYTHON"))]
    env = {name: os.environ[name] for name in names}
    env["PYTHONPATH"] = os.pathsep.join(
        str(folder) for folder in (ROOT, ROOT / "server", ROOT / "babelfish")
    )
    return {**env, **(extra or {})}


class Server:
    """A running server.

    Attributes:
        process: its process.
        addresses: where it listens, in the order of its endpoints.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self.process = process
        self.addresses: list[str] = []
        self._log = log

    @property
    def port(self) -> int:
        """The first port that it listens on."""
        return int(self.addresses[0].rpartition(":")[2])

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> list[str]:
        """Return the lines that it has logged."""
        self._log.seek(0)
        return self._log.read().decode().splitlines()

    def hear(self) -> None:
        """Wait for its announcement."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if ready else b""
        assert line, f"the server did not start: {self.log()}"
        self.addresses = json.loads(line)

    def client(self, kind: str | None = "cookie", *, ws: str | None = None) -> Client:
        """Connect; with a kind, shake hands; with a workspace, use it."""
        client = Client.to(self.port)
        if kind is not None:
            client.shake_hands(KINDS[kind])
        if ws is not None:
            assert client.ask("use ws", ws, "", "no").status == 0
        return client

    def memory(self) -> int:
        """Return the bytes of memory that the process has in use."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def stop(self, how: signal.Signals | None = None) -> int:
        """End it, by a signal or by closing its stdin; return the exit status."""
        if how is not None:
            self.process.send_signal(how)
        elif self.process.stdin is not None:
            self.process.stdin.close()
        return self.process.wait(PATIENCE)


@contextmanager
def starting(
    command: list[str], folder: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a server by any command; it is killed if it is still there at the end."""
    with (folder / "log").open("w+b") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        try:
            yield Server(process, log)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()


@contextmanager
def running(
    folder: Path,
    *options: str,
    listen: str = LOOPBACK,
    env: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Server]:
    """Run a server until the end of the block; it must end well and may not have failed inside.

    The prefix is a command that runs the one behind it.
    """
    command = [*prefix, sys.executable, "-m", "nws_server", "--listen", listen]
    settings = {"NWS_TMP_DIR": str(folder), **(env or {})}
    with starting([*command, "--announce", "--until-eof", *options], folder, settings) as server:
        server.hear()
        yield server
        if server.process.poll() is None:
            assert server.stop() == 0
        assert "Traceback" not in "\n".join(server.log())


class Client(Speaker):
    """A raw client over a blocking socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""
        sock.settimeout(PATIENCE)

    @classmethod
    def to(cls, port: int) -> Client:
        """Connect to a port of this machine."""
        return cls(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))

    def log_in(self, secret: str) -> None:
        """Begin the connection with the extensions, and prove the secret."""
        self.kind = KINDS["extended"]
        self.write(self.kind.hello)
        assert self.read(4) == b"P000"
        login = ClientLogin(secret, end_address(self.socket.getpeername()))
        wanted = dict.fromkeys(self.kind.wanted, b"1")
        self.write(b"R000" + framed_dict({**wanted, LOGIN: login.answer(self.read_dict()[LOGIN])}))
        assert self.read(4) == b"A000"
        assert login.accepts(self.read_dict()[LOGIN])

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            piece = self.socket.recv(max(65536, size - len(self._buffer)))
            assert piece, f"the server hung up after {self._buffer!r}"
            self._buffer += piece
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def at_end(self) -> bool:
        """Tell whether the next thing that comes is the end of the connection."""
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def waiting(self, ws: str) -> int:
        """Count the operations that wait in a workspace which this client uses."""
        fields = [line.split(b"\t") for line in self.get("list vars", ws).payload.splitlines()]
        return sum(int(fetchers) + int(finders) for _, _, fetchers, finders, *_ in fields)

    def until_waiting(self, ws: str, count: int) -> None:
        """Ask the server until this many operations wait in a workspace."""
        for _ in range(20_000):
            if self.waiting(ws) == count:
                return
        raise AssertionError(f"{self.waiting(ws)} operations wait, not {count}")

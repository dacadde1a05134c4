"""Programs that have taken a server's port: nothing leaves a client, and nothing of theirs is used.

They speak our protocol, the original's, or another one, and send a pickle behind it that would make
a file where it is read.
"""

from __future__ import annotations

import os
import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from nws.cli import main
from nws.client import NetWorkSpace
from nws.connection_file import ServerAddress, usual_path, write_connection_file
from nws.errors import NwsConnectException, SleighNwsException
from nws.sleigh import Sleigh
from nws.wire.dialect import EXTENSIONS, LOGIN, METADATA_FROM_SERVER, SESSION
from nws_babelfish.client import WORKSPACE, BabelfishClient
from nws_babelfish.translation import Translation
from tests.support.frames import framed_dict
from tests.support.loops import running_loop, wait
from tests.support.second_user import program_of_second_user, require_second_user
from tests.support.server import PATIENCE
from tests.support.spaces import HOST

ITS_SECRET: Final = "what-only-its-owner-knows"
OFFERS: Final = {METADATA_FROM_SERVER: b"", EXTENSIONS: b"", SESSION: b""}
HELLO: Final = b"X000"
REFUSALS: Final = (NwsConnectException, SleighNwsException)
VALUE: Final = ["what must not leave"]

# What each says after a piece of what the client says; and what we say that we have found.
SQUATTERS: Final = {
    "an original server": ((b"2223",), "it speaks only the original protocol"),
    "an older original server": ((b"2222",), "it speaks only the original protocol"),
    "our protocol without login": ((b"P000" + framed_dict(OFFERS), b"A000"), "it offers no login"),
    "our protocol with no proof": (
        (b"P000" + framed_dict({**OFFERS, LOGIN: 32 * b"a"}), b"A000"),
        "it has not proved that it knows the secret",
    ),
    "our protocol with a false proof": (
        (
            b"P000" + framed_dict({**OFFERS, LOGIN: 32 * b"a"}),
            b"A000" + framed_dict({LOGIN: 64 * b"0"}),
        ),
        "it has not proved that it knows the secret",
    ),
    "another protocol": (
        (b"220 mail.example.org ESMTP\r\n",),
        r"this is not a NetWorkSpaces server \(it answered b'220 mail",
    ),
}


def blocking(port: int) -> None:
    NetWorkSpace("ws", HOST, port).store("x", VALUE)


def on_a_loop(kind: str, port: int) -> None:
    with running_loop(kind) as loop:
        wait(loop, lambda: loop.workspace("ws", port).open())


def command(port: int) -> None:
    arguments = ["store", "ws", "x", VALUE[0], "--host", HOST, "--port", str(port)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 3
    raise NwsConnectException(done.output)


def sleigh(port: int) -> None:
    with Sleigh(workerCount=1, nwsHost=HOST, nwsPort=port) as made:
        made.eachElem(len, [VALUE])


def babelfish(port: int) -> None:
    BabelfishClient(HOST, port, WORKSPACE, lambda *_: Translation("")).close()


WAYS: Final[dict[str, Callable[[int], None]]] = {
    "blocking": blocking,
    "asyncio": partial(on_a_loop, "asyncio"),
    "Twisted": partial(on_a_loop, "twisted"),
    "command": command,
    "babelfish": babelfish,
    "sleigh": sleigh,
}


class Evil:
    """Makes a file where it is unpickled."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._file,)


class Squatter:
    """Answers each connection in the same way, and then sends a value.

    Attributes:
        heard: all that clients have said.
        made: what there is once a client has read the value.
    """

    def __init__(self, texts: tuple[bytes, ...], folder: Path) -> None:
        self.heard: list[bytes] = []
        self.made = folder / "made"
        value = pickle.dumps(Evil(self.made))
        head = b"0000" + b"%020d" % 16777216 + b"%020d" % 1 + b"%020d" % 0
        self._texts = texts
        self._reply = head + b"%020d" % len(value) + value
        self._listener = socket.create_server((HOST, 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with suppress(ConnectionError), connection:
                connection.settimeout(PATIENCE)
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        for text in self._texts:
            self.heard.append(connection.recv(65536))
            connection.sendall(text)
        connection.sendall(self._reply)
        while said := connection.recv(65536):
            self.heard.append(said)

    def stop(self) -> None:
        """End, after all who have come have left."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


@contextmanager
def squatting(texts: tuple[bytes, ...], folder: Path) -> Iterator[Squatter]:
    squatter = Squatter(texts, folder)
    try:
        yield squatter
    finally:
        squatter.stop()


# The master of a sleigh connects as the blocking client does.
EACH_WITH_EACH: Final = [
    *((kind, way) for kind in SQUATTERS for way in WAYS if way != "sleigh"),
    ("our protocol without login", "sleigh"),
]


@pytest.mark.parametrize(("kind", "way"), EACH_WITH_EACH)
def test_who_knows_the_secret_finds_out_what_is_there(kind: str, way: str, tmp_path: Path) -> None:
    texts, found = SQUATTERS[kind]
    with squatting(texts, tmp_path) as squatter:
        content = ServerAddress(ITS_SECRET, (f"{HOST}:{squatter.port}",), os.getpid())
        write_connection_file(usual_path(squatter.port), content)
        with pytest.raises(REFUSALS, match=rf"{squatter.port}.*({found})") as caught:
            WAYS[way](squatter.port)
        usual_path(squatter.port).unlink()
    assert ITS_SECRET not in str(caught.value)
    assert squatter.heard
    assert {said[:4] for said in squatter.heard} <= {HELLO, b"R000", b""}
    assert ITS_SECRET.encode() not in b"".join(squatter.heard)
    assert not squatter.made.exists()


PROGRAM: Final = """
import os, socket, sys
path = f"/tmp/nws-squatter-{os.getpid()}"
is_unix = sys.argv[1:] == ["unix"]
address, family = (path, socket.AF_UNIX) if is_unix else (("127.0.0.1", 0), socket.AF_INET)
with socket.socket(family) as listener:
    listener.bind(address)
    if is_unix:
        os.chmod(path, 0o666)
    listener.listen()
    print(path if is_unix else listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        hello = client.recv(4)
        client.sendall(b"2223")
        try:
            hello += client.recv(1000)
        except ConnectionError:
            pass
        print(hello, flush=True)
"""


@pytest.mark.parametrize("way", WAYS)
def test_who_does_not_know_it_uses_no_program_of_another_user(way: str) -> None:
    require_second_user()
    with program_of_second_user("/usr/bin/env", "python3", "-c", PROGRAM) as squatter:
        assert squatter.stdout is not None
        port = int(squatter.stdout.readline())
        with pytest.raises(REFUSALS, match="program of user 65534, and it has proved"):
            WAYS[way](port)
        assert squatter.stdout.readline() == f"{HELLO!r}\n"


def test_nor_behind_a_unix_socket() -> None:
    require_second_user()
    with program_of_second_user("/usr/bin/env", "python3", "-c", PROGRAM, "unix") as squatter:
        assert squatter.stdout is not None
        path = squatter.stdout.readline().strip()
        with pytest.raises(NwsConnectException, match="program of user 65534, and it has proved"):
            NetWorkSpace("ws", f"unix:{path}")
        Path(path).unlink()
        assert squatter.stdout.readline() == f"{HELLO!r}\n"

"""Servers that are none: they listen and say what a test wants them to say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.server import PATIENCE


class Impostor:
    """Takes one connection, sends each of its texts after one piece of input, and then is silent,
    or hangs up."""

    def __init__(self, texts: tuple[bytes, ...], *, hang_up: bool, speak_first: bool) -> None:
        self._texts = texts
        self._hang_up = hang_up
        self._speak_first = speak_first
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        # A client may hang up as soon as it has seen enough, in the middle of a long text.
        with suppress(ConnectionError), connection:
            connection.settimeout(PATIENCE)
            for number, text in enumerate(self._texts):
                if (number or not self._speak_first) and not connection.recv(65536):
                    return
                connection.sendall(text)
            if not self._hang_up:
                self._stop.wait(PATIENCE)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up, if that was not done."""
        self._stop.set()
        try:  # it may still wait for a client
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            pass
        self._thread.join()
        self._listener.close()


@contextmanager
def impostor(*texts: bytes, hang_up: bool = False, speak_first: bool = False) -> Iterator[int]:
    """Run one for a while; return its port."""
    server = Impostor(texts, hang_up=hang_up, speak_first=speak_first)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()

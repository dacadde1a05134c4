"""The client that serves a workspace: it fetches values from it, and stores texts into it.

The protocol is that of the original. To have a value translated, a client stores it in the variable
`food` with its original descriptor, and fetches a text from `doof`. Texts come in the order of the
values; nothing else connects them.

One thing is added to it: just before the text of a value that consists of rows and columns, these
are stored in `table`, as JSON. That is a single variable, so tables that nobody fetches take no
room.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Final, cast

from nws.descriptors import TEXT
from nws.errors import NwsException, NwsOperationException, NwsServerException
from nws.session.endpoint import find_endpoint
from nws.session.request import Request, nothing, text
from nws.session.session import Session
from nws.values import Encoder
from nws.wire.arguments import encode_name
from nws_babelfish.translation import TOO_LARGE, Translation

__all__ = ["WORKSPACE", "BabelfishClient", "OccupiedError"]

WORKSPACE: Final = "Python babelfish"
"""Where the server's web pages look for a babelfish for Python values."""


class OccupiedError(NwsException):
    """Another babelfish serves the workspace. Two would receive each other's texts."""


class BabelfishClient:
    """A babelfish and its workspace, which it owns: the workspace ends with it."""

    def __init__(
        self,
        host: str,
        port: int,
        workspace: str,
        translate: Callable[[int, bytearray], Translation],
    ) -> None:
        """Connect to a server and open the workspace.

        Args:
            host, port: where the server is; see `nws.client.NwsServer`.
            workspace: its name.
            translate: returns what is shown for a descriptor and a payload.

        Raises:
            NwsConnectException: no server answers.
            OccupiedError: the workspace belongs to another client.
        """
        self._translate = translate
        self._name = encode_name(workspace, "workspace")
        self._session = Session(find_endpoint(host, port), Encoder())
        try:
            label = str(os.getpid()).encode()
            self._session.perform(Request([b"open ws", self._name, label, b"no"], nothing))
            if not self._is_ours():
                raise OccupiedError(f"another babelfish serves the workspace {workspace!r}")
            with suppress(NwsOperationException):  # somebody has declared it otherwise
                declare = [b"declare var", self._name, b"table", b"single"]
                self._session.perform(Request(declare, nothing))
        except BaseException:
            self.close()
            raise

    def run(self) -> str:
        """Translate until the server or the workspace is gone; return the reason.

        Raises:
            KeyboardInterrupt: this program is stopped.
        """
        try:
            while True:
                try:
                    self._serve()
                except NwsOperationException:
                    # A deleted variable, or a server without memory for the text, does not end it.
                    if not self._is_ours():
                        return f"{self} was deleted"
        except NwsServerException as error:
            return f"the server is gone: {error}"

    def close(self) -> None:
        """Disconnect; the workspace ends."""
        self._session.close()

    def __str__(self) -> str:
        return f"the workspace {self._name.decode()!r} at {self._session.endpoint}"

    def _serve(self) -> None:
        buffer = _PayloadBuffer()
        fetch = Request([b"fetch", self._name, b"food"], lambda answer: answer.descriptor, None)
        fetch.into = cast("BinaryIO", buffer)
        descriptor = self._session.perform(fetch)
        shown = (
            Translation(TOO_LARGE)
            if buffer.overflowed
            else self._translate(descriptor, buffer.payload)
        )
        if shown.table is not None:
            self._store(b"table", json.dumps(shown.table._asdict(), ensure_ascii=False))
        self._store(b"doof", shown.text)

    def _store(self, variable: bytes, said: str) -> None:
        fields = [b"store", self._name, variable, TEXT, said.encode()]
        self._session.perform(Request(fields, nothing))

    def _is_ours(self) -> bool:
        """Ask the server whether this client owns the workspace."""
        return self._session.perform(Request([b"list wss", self._name], text)).startswith(">")


class _PayloadBuffer:
    """Receives a payload in pieces.

    Attributes:
        payload: the pieces received.
        overflowed: whether it needed too much memory.
    """

    def __init__(self) -> None:
        self.payload = bytearray()
        self.overflowed = False

    def write(self, piece: bytes | memoryview) -> int:
        """Append a piece. It never fails, since the value would be put back and fetched again."""
        try:
            if not self.overflowed:
                self.payload += piece
        except MemoryError:
            self.payload = bytearray()
            self.overflowed = True
        return len(piece)

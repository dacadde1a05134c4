"""The babelfish's life: it fetches values from a workspace and stores texts into it.

The protocol is that of the original. Whoever wants a value translated stores it into the variable
`food` with the descriptor that it had, and fetches a text from `doof`. Texts come in the order of
the values; nothing else says which belongs to which.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO, Final, cast

from nws.descriptors import TEXT
from nws.errors import NwsException, NwsOperationException, NwsServerException
from nws.session.endpoint import Endpoint
from nws.session.session import Session, encode_name
from nws.values import Encoder
from nws_babelfish.translation import TOO_LARGE

__all__ = ["WORKSPACE", "BabelfishClient", "OccupiedError"]

WORKSPACE: Final = "Python babelfish"
"""Where the server's web page looks for one that reads Python's values."""


class OccupiedError(NwsException):
    """Another babelfish is in the workspace. Two would give each other's answers."""


class BabelfishClient:
    """A babelfish in its workspace, which it owns, so that the workspace vanishes with it."""

    def __init__(
        self,
        host: str,
        port: int,
        workspace: str,
        translate: Callable[[int, bytearray], str],
    ) -> None:
        """Connect to a server and open the workspace.

        Args:
            host, port: where the server is; see `nws.client.NwsServer`.
            workspace: its name.
            translate: makes a text of a descriptor and a payload.

        Raises:
            NwsConnectException: no server answers.
            OccupiedError: the workspace is somebody else's.
        """
        self._translate = translate
        self._name = encode_name(workspace, "workspace")
        self._session = Session(Endpoint(host, port), Encoder())
        try:
            label = str(os.getpid()).encode()
            self._session.run([b"open ws", self._name, label, b"no"])
            if not self._is_ours():
                raise OccupiedError(f"another babelfish serves the workspace {workspace!r}")
        except BaseException:
            self.close()
            raise

    def run(self) -> str:
        """Translate until there is nothing to translate for; return why.

        Raises:
            KeyboardInterrupt: somebody stops this program.
        """
        try:
            while True:
                try:
                    self._serve()
                except NwsOperationException:
                    # Deleting a variable, or a server without memory for the text, ends nothing.
                    if not self._is_ours():
                        return f"{self} was deleted"
        except NwsServerException as error:
            return f"the server is gone: {error}"

    def close(self) -> None:
        """Leave the server; the workspace ends."""
        self._session.close()

    def __str__(self) -> str:
        return f"the workspace {self._name.decode()!r} at {self._session.endpoint}"

    def _serve(self) -> None:
        basket = _Basket()
        into = cast("BinaryIO", basket)
        answer, _ = self._session.get(b"fetch", self._name, "food", into=into)
        text = TOO_LARGE if basket.torn else self._translate(answer.descriptor, basket.payload)
        self._session.run([b"store", self._name, b"doof", TEXT, text.encode()])

    def _is_ours(self) -> bool:
        """Ask the server whether the workspace is there and we own it."""
        return self._session.text([b"list wss", self._name]).startswith(">")


class _Basket:
    """Takes a payload that comes in pieces.

    Attributes:
        payload: what has come.
        torn: it was too much for this process.
    """

    def __init__(self) -> None:
        self.payload = bytearray()
        self.torn = False

    def write(self, piece: bytes | memoryview) -> int:
        """Take a piece. It never fails: the value would go back, and come again for ever."""
        try:
            if not self.torn:
                self.payload += piece
        except MemoryError:
            self.payload = bytearray()
            self.torn = True
        return len(piece)

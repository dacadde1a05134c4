"""Requests that are under way while nobody waits for them; see `nws.workspace.streams`.

Each has a connection of its own. To cancel a wait leaves the request under way: the next wait gets
what it brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from nws.nonblocking.connection import Connection
from nws.nonblocking.session import LoopSession
from nws.values import decode, decode_or_error
from nws.wire.dialect import BLANK_ID
from nws.wire.replies import Answer
from nws.wire.requests import Field
from nws.workspace.requests import WorkspaceRequests

__all__ = ["LoopInbox", "LoopOutbox", "LoopWatch"]


class _Stream:
    """One request after the other, on a connection that ends with its session or in `close`."""

    def __init__(self, session: LoopSession, connection: Connection) -> None:
        self._session = session
        self._connection = connection

    async def _ask(self, fields: Sequence[Field], wait: float | None = None) -> None:
        self._fields = fields
        await self._connection.send(fields, wait)

    async def _answer(self) -> Answer:
        answer = await self._connection.answer()
        self._session.check(self._fields, answer)
        return answer

    def close(self) -> None:
        """Close the connection. What has come and was not taken goes back."""
        self._session.drop(self._connection)


class LoopWatch(_Stream):
    """The values of a variable, each seen once and left there; for ``async for``."""

    def __init__(
        self, session: LoopSession, connection: Connection, workspace: bytes, variable: bytes
    ) -> None:
        """Made by the methods of a workspace."""
        super().__init__(session, connection)
        self._where = (workspace, variable)

    async def begin(self) -> None:
        """Ask for the first value."""
        await self._ask([b"ifind", *self._where, BLANK_ID, b"%020d" % 0])

    def __aiter__(self) -> LoopWatch:
        return self

    async def __anext__(self) -> Any:
        answer = await self._answer()
        place = (answer.variable_id, b"%020d" % answer.value_index)
        await self._ask([b"ifind", *self._where, *place])
        return decode(answer.descriptor, answer.payload)


class LoopInbox(_Stream):
    """The values of a variable, fetched as they come; ``async for`` gives one after the other."""

    def __init__(
        self, session: LoopSession, connection: Connection, fields: Sequence[Field]
    ) -> None:
        """Made by the methods of a workspace."""
        super().__init__(session, connection)
        self._request = fields
        self._taken: list[Any] = []

    async def begin(self) -> None:
        """Ask for values."""
        await self._ask(self._request)

    async def take(self, timeout: float | None = None) -> list[Any]:
        """Return the values that have come, or none after ``timeout`` seconds; None for any time.
        One that cannot be unpickled is the NwsUnpicklingException, which carries its bytes.

        Raises:
            NwsOperationException: the variable or the workspace was deleted.
            NwsServerException: the server is gone, or the inbox was closed.
        """
        taken, self._taken = self._taken, []
        if taken:
            return taken
        if timeout is not None and not await self._connection.has_answer(timeout):
            return []
        items = (await self._answer()).items
        values = [decode_or_error(item.descriptor, item.payload) for item in items]
        await self._ask(self._request)  # which acknowledges these
        return values

    def __aiter__(self) -> LoopInbox:
        return self

    async def __anext__(self) -> Any:
        if not self._taken:
            self._taken = (await self.take())[::-1]
        return self._taken.pop()


class LoopOutbox(_Stream):
    """Values that are stored without waiting for each reply.

    The server performs the stores in order. What was not confirmed when the connection ends may be
    stored or not.
    """

    _open = False  # what was stored last is not confirmed
    _indexes = b""

    def __init__(
        self, session: LoopSession, connection: Connection, requests: WorkspaceRequests
    ) -> None:
        """Made by the methods of a workspace."""
        super().__init__(session, connection)
        self._requests = requests

    async def store(self, stores: Iterable[tuple[str, Any]], *, numbered: bool = False) -> None:
        """Store values in one step: all of them or none.

        It returns when they are on their way; it waits for the reply to what was stored before.

        Args:
            stores: pairs of a variable and a value.
            numbered: `indexes` returns their indexes, once they are confirmed.

        Raises:
            NwsPicklingException: a value cannot be pickled; none was sent.
            NwsException: what was stored before this was refused; or the server is gone.
        """
        fields = self._requests.settle([], stores).fields
        if numbered:
            fields = [b"settle numbered", *fields[1:]]
        await self.confirm()
        await self._ask(fields, 0.0)
        self._open = True

    async def confirm(self) -> None:
        """Wait until what was stored last is stored.

        Raises:
            NwsException: it was refused, and nothing of it was stored; or the server is gone.
        """
        if self._open:
            answer = await self._connection.answer()
            self._open = False  # what was refused is reported once
            self._connection.keep()
            self._indexes = b""
            self._session.check(self._fields, answer)
            self._indexes = bytes(answer.payload)

    def indexes(self) -> list[int]:
        """Return the indexes of the values that were confirmed last, in the order of the stores;
        none unless they were stored ``numbered``."""
        return [int(index) for index in self._indexes.split()]

"""Values that are withdrawn from a queue, from any place, unless somebody has taken them."""

from __future__ import annotations

from collections.abc import Sequence

from nws_server.core.books import Books
from nws_server.core.lookup import Lookup
from nws_server.core.records import Session
from nws_server.core.replies import Reply, reply_text
from nws_server.core.values import Value


class Withdrawal:
    """The operation of a space on values that are named by their indexes."""

    def __init__(self, books: Books, lookup: Lookup) -> None:
        """Work on these books."""
        self._books = books
        self._lookup = lookup

    def withdraw(
        self,
        session: Session,
        ws: bytes,
        var: bytes,
        indexes: Sequence[int],
        reply: Reply,
        *,
        keep: bool = False,
    ) -> None:
        """See `Space.withdraw`."""
        workspace = self._lookup.workspace(session, ws, reply)
        if workspace is None:
            return
        variable = workspace.variables.get(var)
        found: list[Value] = []
        if variable is not None and variable.queue:
            values = map(variable.queue.with_index, dict.fromkeys(indexes))
            found = [value for value in values if value is not None]
            if not keep:
                for value in found:
                    self._books.withdraw(variable, value)
        reply_text(reply, b" ".join(b"%d" % value.index for value in found))

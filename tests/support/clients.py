"""Clients of a space, without a connection: each operation in one short call, with its answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nws_server.core.space import Cookie, Space, Value, Waiter
from tests.support.answers import Answer
from tests.support.values import Body, text_value

WS = b"work"
"""The workspace of most tests. Every client of a `Company` uses it."""

Store = tuple[bytes, bytes]
"""A variable of `WS`, and a payload for it."""


class Client:
    """One session of a space.

    Gets do not wait unless told to. Every method returns the `Answer`, which for an operation that
    waits comes later.

    Attributes:
        space: where operations go.
        name: for messages.
        session: the session.
        answers: of the gets; they may still wait.
    """

    def __init__(
        self, space: Space, journal: list[Answer], peer: bytes, *, acknowledges: bool = False
    ) -> None:
        self.space = space
        self._journal = journal
        self.name = peer.decode()
        self.session = space.open_session(peer, acknowledges=acknowledges)
        self.answers: list[Answer] = []

    def _ask(self, what: str, operation: Callable[[Answer], Waiter | None]) -> Answer:
        """Perform an operation, which either answers or waits."""
        answer = Answer(self._journal, f"{what} of {self.name}")
        self.answers.append(answer)
        answer.waiter = operation(answer)
        assert answer.waits == (answer.waiter is not None), f"{answer!r} waits or not?"
        return answer

    def _tell(self, what: str, operation: Callable[[Answer], None]) -> Answer:
        """Perform an operation that never waits."""
        answer = Answer(self._journal, f"{what} of {self.name}")
        operation(answer)
        assert not answer.waits, f"{answer!r} was left without an answer"
        return answer

    # Workspaces

    def open_ws(
        self,
        name: bytes = WS,
        *,
        label: bytes = b"4711",
        persistent: bool = False,
        create: bool = True,
    ) -> Answer:
        return self._tell(
            "open ws",
            lambda reply: self.space.open_ws(self.session, name, label, persistent, create, reply),
        )

    def use_ws(self, name: bytes = WS, *, create: bool = True) -> Answer:
        return self._tell(
            "use ws", lambda reply: self.space.use_ws(self.session, name, create, reply)
        )

    def mktemp_ws(self, template: bytes) -> Answer:
        return self._tell(
            "mktemp ws", lambda reply: self.space.mktemp_ws(self.session, template, reply)
        )

    def delete_ws(self, name: bytes = WS) -> Answer:
        return self._tell(
            "delete ws", lambda reply: self.space.delete_ws(self.session, name, reply)
        )

    def list_wss(self, name: bytes | None = None) -> bytes:
        answer = self._tell(
            "list wss", lambda reply: self.space.list_wss(self.session, name, reply)
        )
        return answer.listing

    # Variables

    def declare_var(self, var: bytes, mode: bytes, *, ws: bytes = WS) -> Answer:
        return self._tell(
            "declare var",
            lambda reply: self.space.declare_var(self.session, ws, var, mode, reply),
        )

    def delete_var(self, var: bytes, *, ws: bytes = WS) -> Answer:
        return self._tell(
            "delete var", lambda reply: self.space.delete_var(self.session, ws, var, reply)
        )

    def list_vars(self, *, ws: bytes = WS, leased: bool = False) -> Answer:
        return self._tell(
            "list vars", lambda reply: self.space.list_vars(self.session, ws, leased, reply)
        )

    def list_leases(self, *, ws: bytes = WS) -> Answer:
        return self._tell(
            "list leases", lambda reply: self.space.list_leases(self.session, ws, reply)
        )

    # Values

    def store(
        self, var: bytes, *payloads: bytes | Body, ws: bytes = WS, variable_id: bytes = b""
    ) -> Answer:
        values = [text_value(payload) for payload in payloads]
        return self.store_values(var, values, ws=ws, variable_id=variable_id)

    def store_values(
        self, var: bytes, values: Sequence[Value], *, ws: bytes = WS, variable_id: bytes = b""
    ) -> Answer:
        return self._tell(
            "store",
            lambda reply: self.space.store(self.session, ws, var, values, reply, variable_id),
        )

    def find(
        self,
        var: bytes,
        *,
        ws: bytes = WS,
        wait: bool = False,
        cookie: Cookie | None = None,
        timeout: float | None = None,
    ) -> Answer:
        return self._ask(
            "find",
            lambda reply: self.space.find(
                self.session, ws, var, reply, wait=wait, cookie=cookie, timeout=timeout
            ),
        )

    def fetch(
        self,
        var: bytes,
        *,
        ws: bytes = WS,
        wait: bool = False,
        cookie: Cookie | None = None,
        timeout: float | None = None,
    ) -> Answer:
        return self._ask(
            "fetch",
            lambda reply: self.space.fetch(
                self.session, ws, var, reply, wait=wait, cookie=cookie, timeout=timeout
            ),
        )

    def take(
        self,
        var: bytes,
        limit: int,
        *,
        ws: bytes = WS,
        wait: bool = False,
        timeout: float | None = None,
        lease: float | None = None,
    ) -> Answer:
        return self._ask(
            "take",
            lambda reply: self.space.take(
                self.session, ws, var, reply, limit=limit, wait=wait, timeout=timeout, lease=lease
            ),
        )

    def lease(
        self,
        var: bytes,
        limit: int = 1,
        *,
        seconds: float = 10.0,
        ws: bytes = WS,
        wait: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        return self.take(var, limit, ws=ws, wait=wait, timeout=timeout, lease=seconds)

    def take_any(
        self,
        names: Sequence[bytes],
        limit: int = 1,
        *,
        ws: bytes = WS,
        timeout: float | None = None,
        lease: float | None = None,
    ) -> Answer:
        return self._ask(
            "take any",
            lambda reply: self.space.take_any(
                self.session, ws, names, reply, limit=limit, timeout=timeout, lease=lease
            ),
        )

    def find_any(
        self, names: Sequence[bytes], *, ws: bytes = WS, timeout: float | None = None
    ) -> Answer:
        return self._ask(
            "find any",
            lambda reply: self.space.find_any(self.session, ws, names, reply, timeout=timeout),
        )

    # What becomes of them

    def confirm(self, answer: Answer) -> None:
        self.space.confirm(self.session, answer.values_got)

    def put_back(self, answer: Answer) -> None:
        assert answer.place is not None
        self.space.put_back(self.session, answer.place, answer.values_got)

    def cancel(self, answer: Answer) -> None:
        assert answer.waiter is not None
        self.space.cancel(answer.waiter)
        self.answers.remove(answer)

    def renew(self, ids: Sequence[int], seconds: float) -> Answer:
        return self._tell(
            "renew", lambda reply: self.space.renew(self.session, ids, seconds, reply)
        )

    def release(self, ids: Sequence[int], *, blame: bool = False) -> Answer:
        return self._tell(
            "release", lambda reply: self.space.release(self.session, ids, blame, reply)
        )

    def settle(self, ids: Sequence[int], *stores: Store) -> Answer:
        """Settle, with stores into `WS`."""
        values = [(WS, var, text_value(payload)) for var, payload in stores]
        return self.settle_values(ids, values)

    def settle_values(
        self,
        ids: Sequence[int],
        stores: Sequence[tuple[bytes, bytes, Value]],
        *,
        numbered: bool = False,
    ) -> Answer:
        return self._tell(
            "settle",
            lambda reply: self.space.settle(self.session, ids, stores, reply, numbered=numbered),
        )

    def withdraw(
        self, var: bytes, indexes: Sequence[int], *, ws: bytes = WS, keep: bool = False
    ) -> Answer:
        return self._tell(
            "withdraw",
            lambda reply: self.space.withdraw(self.session, ws, var, indexes, reply, keep=keep),
        )

    def leave(self) -> None:
        """End the session as a connection does: first withdraw what waits."""
        for answer in [answer for answer in self.answers if answer.waits]:
            self.cancel(answer)
        self.space.close_session(self.session)


class Company:
    """A space and its clients.

    Attributes:
        space: what is tested.
        journal: all answers, in the order in which they came.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.journal: list[Answer] = []
        self._clients: list[Client] = []

    def stranger(self, *, acknowledges: bool = False) -> Client:
        """Return a new client that has no workspace open."""
        peer = b"host:%d" % (len(self._clients) + 1)
        client = Client(self.space, self.journal, peer, acknowledges=acknowledges)
        self._clients.append(client)
        return client

    def client(self, *, acknowledges: bool = False) -> Client:
        """Return a new client that uses `WS`."""
        client = self.stranger(acknowledges=acknowledges)
        assert client.use_ws().succeeded
        return client

    def clients(self, count: int, *, acknowledge: bool = False) -> list[Client]:
        """Return several."""
        return [self.client(acknowledges=acknowledge) for _ in range(count)]

    def client_of(self, answer: Answer) -> Client:
        """Return the client whose get was given this answer; it may have left."""
        return next(client for client in self._clients if answer in client.answers)

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and end what is over."""
        self.space.now += seconds
        self.space.expire()

    def order(self, *answers: Answer) -> list[Answer]:
        """Return those of some answers that came, in the order in which they came."""
        return [answer for answer in self.journal if answer in answers]

    def check(self) -> None:
        """Make sure that every unanswered operation is one that the space knows to wait."""
        waiting = [answer for client in self._clients for answer in client.answers if answer.waits]
        assert len(waiting) == self.space.views.totals()["waiting"]

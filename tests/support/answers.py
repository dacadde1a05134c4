"""A reply target that keeps the answer it was given and refuses a second one."""

from __future__ import annotations

from enum import Enum

from nws_server.core.space import Cookie, Place, Taken, Value, Waiter


class ReplyError(Exception):
    """Raised by a reply on purpose."""


class Kind(Enum):
    """Which method of the reply was called."""

    DONE = "done"
    FAILED = "failed"
    VALUE = "value"
    VALUES = "values"
    TEXT = "text"


class Answer:
    """What one operation answered. Reading what was not answered fails the test.

    Attributes:
        who: for messages of failed tests.
        kind: the method that was called; None as long as the operation waits.
        waiter: what the operation returned, as long as it waits.
        place: where the values came from.
        values_got: the values themselves, in order.
        lease_ids: their leases; zeros for a plain take, empty for a single value.
        error: what it raised itself; then it got no values.
    """

    def __init__(self, journal: list[Answer], who: str = "") -> None:
        """Note in ``journal`` when the answer comes, so that tests see who was answered first."""
        self._journal = journal
        self.who = who
        self.kind: Kind | None = None
        self.waiter: Waiter | None = None
        self.place: Place | None = None
        self.values_got: list[Value] = []
        self.lease_ids: list[int] = []
        self.error: ReplyError | None = None
        self._status = 0
        self._reason = ""
        self._text = b""
        self._index = -1

    def __repr__(self) -> str:
        what = "nothing yet" if self.kind is None else self.kind.value
        return f"<answer to {self.who}: {what} {self._reason or self._text or self._payloads()!r}>"

    # The methods of a reply

    def done(self) -> None:
        self._answered(Kind.DONE)

    def failed(self, status: int, reason: str) -> None:
        self._answered(Kind.FAILED)
        self._status = status
        self._reason = reason

    def value(self, value: Value, index: int, place: Place) -> None:
        self._answered(Kind.VALUE)
        self.place = place
        self.values_got = [value]
        self._index = index

    def values(self, taken: list[Taken], place: Place) -> None:
        self._answered(Kind.VALUES)
        assert taken, "a take was answered with nothing"
        self.place = place
        self.values_got = [value for value, _ in taken]
        self.lease_ids = [lease for _, lease in taken]

    def text(self, text: bytes) -> None:
        self._answered(Kind.TEXT)
        self._text = text

    def raised(self, error: Exception) -> None:
        assert isinstance(error, ReplyError), f"{self!r} raised an error"
        self.values_got = []
        self.lease_ids = []
        self.error = error

    def _answered(self, kind: Kind) -> None:
        assert self.kind is None, f"{self!r} is answered again, with {kind.value}"
        self.kind = kind
        self.waiter = None
        self._journal.append(self)

    # What tests read

    @property
    def waits(self) -> bool:
        """Whether there is no answer yet."""
        return self.kind is None

    @property
    def succeeded(self) -> bool:
        """Whether it was answered, and not with a failure."""
        return self.kind not in (None, Kind.FAILED)

    @property
    def status(self) -> int:
        """The status of the failure."""
        assert self.kind is Kind.FAILED, f"{self!r} is not a failure"
        return self._status

    @property
    def reason(self) -> str:
        """The text of the failure."""
        assert self.kind is Kind.FAILED, f"{self!r} is not a failure"
        return self._reason

    @property
    def listing(self) -> bytes:
        """The text answered."""
        assert self.kind is Kind.TEXT, f"{self!r} is not a text"
        return self._text

    @property
    def payload(self) -> object:
        """The payload of the only value."""
        (payload,) = self.payloads
        return payload

    @property
    def payloads(self) -> list[object]:
        """The payloads, in order."""
        assert self.kind in (Kind.VALUE, Kind.VALUES), f"{self!r} has no values"
        return self._payloads()

    @property
    def index(self) -> int:
        """The index that came with the value."""
        assert self.kind is Kind.VALUE, f"{self!r} is not a value"
        return self._index

    @property
    def cookie(self) -> Cookie:
        """Where an iterator stands that was told this."""
        assert self.place is not None
        return Cookie(self.place.id, self.index)

    @property
    def lease_id(self) -> int:
        """The only lease."""
        (lease_id,) = self.lease_ids
        return lease_id

    def _payloads(self) -> list[object]:
        return [value.payload for value in self.values_got]

"""The bytes of the protocol, formed and read in the plainest way.

It is written a second time here so that the tests of the wire do not lean on what they test.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nws.errors import Status

BLANK: Final = b" " * 20
PYTHON_TEXT: Final = 16777217

Text = bytes | str | int


def to_bytes(text: Text) -> bytes:
    """Show a number or a text as it goes over the wire."""
    return text if isinstance(text, bytes) else str(text).encode()


def request(*fields: Text) -> bytes:
    """Form a request; the first field is the operation."""
    parts = [f"{len(fields):04}".encode()]
    for each in map(to_bytes, fields):
        parts += [f"{len(each):020}".encode(), each]
    return b"".join(parts)


def framed_dict(entries: Mapping[bytes, bytes]) -> bytes:
    """Form a dict of options or metadata."""
    parts = [f"{len(entries):04}".encode()]
    for pair in entries.items():
        for each in pair:
            parts += [f"{len(each):04}".encode(), each]
    return b"".join(parts)


@dataclass(frozen=True)
class Item:
    """One value of a reply with many."""

    payload: bytes
    lease: int = 0
    attempt: int = 0
    descriptor: int = PYTHON_TEXT
    metadata: dict[bytes, bytes] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Answer:
    """A reply, read. What its form does not carry has the default."""

    status: int = 0
    payload: bytes = b""
    descriptor: int = 0
    variable_id: bytes = BLANK
    index: int = 0
    items: tuple[Item, ...] = ()
    metadata: dict[bytes, bytes] = field(default_factory=dict, compare=False)

    @property
    def reason(self) -> str:
        """The text that came with a failure."""
        return self.metadata.get(b"nwsReason", b"").decode()


@dataclass(frozen=True)
class Kind:
    """A kind of client: what it says in the handshake and what follows from that."""

    hello: bytes
    wanted: tuple[bytes, ...] = ()

    @property
    def cookie(self) -> bool:
        return self.hello not in (b"0000", b"1111")

    @property
    def metadata_in(self) -> bool:
        return b"MetadataToServer" in self.wanted

    @property
    def metadata_out(self) -> bool:
        return b"MetadataFromServer" in self.wanted

    @property
    def extended(self) -> bool:
        return b"NwsExtensions" in self.wanted


KINDS: Final[dict[str, Kind]] = {
    "plain": Kind(b"0000"),
    "cookie": Kind(b"1112"),
    "negotiated": Kind(b"X000"),
    "metadata": Kind(b"X000", (b"MetadataToServer", b"MetadataFromServer")),
    "extended": Kind(b"X000", (b"MetadataFromServer", b"NwsExtensions")),
    "everything": Kind(b"X000", (b"MetadataToServer", b"MetadataFromServer", b"NwsExtensions")),
}

ORIGINAL_KINDS: Final = ("plain", "cookie", "negotiated", "metadata")
EXTENDED_KINDS: Final = ("extended", "everything")


class Speaker(ABC):
    """A client in the rawest form: it sends requests and reads the replies to the byte."""

    kind: Kind = KINDS["cookie"]

    @property
    def no_value(self) -> int:
        """The status of a get that finds nothing."""
        return Status.NO_VALUE if self.kind.extended else Status.FAILED

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send bytes."""

    @abstractmethod
    def read(self, size: int) -> bytes:
        """Return exactly this many bytes of what the server sent, or fail."""

    def shake_hands(self, kind: Kind) -> dict[bytes, bytes]:
        """Begin the connection; return the options that the server offered."""
        self.kind = kind
        self.write(kind.hello)
        if kind.hello != b"X000":
            assert self.read(4) == b"2223"
            return {}
        assert self.read(4) == b"P000"
        offers = self.read_dict()
        self.write(b"R000" + framed_dict(dict.fromkeys(kind.wanted, b"1")))
        assert self.read(4) == b"A000"
        return offers

    def form(self, *fields: Text, metadata: Mapping[bytes, bytes] | None = None) -> bytes:
        """Form a request in this client's dialect."""
        before = framed_dict(metadata or {}) if self.kind.metadata_in else b""
        return before + request(*fields)

    def send(self, *fields: Text, metadata: Mapping[bytes, bytes] | None = None) -> None:
        """Send a request."""
        self.write(self.form(*fields, metadata=metadata))

    # Replies

    def read_dict(self) -> dict[bytes, bytes]:
        """Read a dict."""
        entries = {}
        for _ in range(int(self.read(4))):
            name = self.read(int(self.read(4)))
            entries[name] = self.read(int(self.read(4)))
        return entries

    def _metadata(self) -> dict[bytes, bytes]:
        return self.read_dict() if self.kind.metadata_out else {}

    def short(self) -> Answer:
        """Read a short reply."""
        metadata = self._metadata()
        return Answer(int(self.read(4)), metadata=metadata)

    def long(self) -> Answer:
        """Read a long reply."""
        metadata = self._metadata()
        status, descriptor = int(self.read(4)), int(self.read(20))
        variable_id, index = BLANK, 0
        if self.kind.cookie:
            variable_id, index = self.read(20), int(self.read(20))
        payload = self.read(int(self.read(20)))
        return Answer(status, payload, descriptor, variable_id, index, metadata=metadata)

    def many(self) -> Answer:
        """Read a reply with many values."""
        metadata = self._metadata()
        status = int(self.read(4))
        items = tuple(self._item() for _ in range(int(self.read(4))))
        return Answer(status, items=items, metadata=metadata)

    def any(self) -> Answer:
        """Read a reply from any of several variables."""
        metadata = self._metadata()
        status, count, place = (int(self.read(4)) for _ in range(3))
        items = tuple(self._item() for _ in range(count))
        return Answer(status, items=items, index=place, metadata=metadata)

    def _item(self) -> Item:
        metadata = self._metadata()
        descriptor, lease, attempt = (int(self.read(width)) for width in (20, 20, 4))
        return Item(self.read(int(self.read(20))), lease, attempt, descriptor, metadata)

    # Calls

    def ask(self, *fields: Text, metadata: Mapping[bytes, bytes] | None = None) -> Answer:
        """Send a request that has a short reply, and read that."""
        self.send(*fields, metadata=metadata)
        return self.short()

    def get(self, *fields: Text) -> Answer:
        """Send a request that has a long reply, and read that."""
        self.send(*fields)
        return self.long()

    def get_many(self, *fields: Text) -> Answer:
        """Send a request that has a reply with many values, and read that."""
        self.send(*fields)
        return self.many()

    def open_ws(self, name: Text = "ws", *, persistent: bool = False) -> None:
        """Open a workspace."""
        assert self.ask("open ws", name, 4711, "yes" if persistent else "no").status == 0

    def store(self, var: Text, payload: Text, ws: Text = "ws") -> None:
        """Store a text."""
        assert self.ask("store", ws, var, f"{PYTHON_TEXT:020}", payload).status == 0

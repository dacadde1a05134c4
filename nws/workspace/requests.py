"""The operations of a workspace as data: names and values in, requests out.

Each operation is written here once; what it promises is said in `nws.client.NetWorkSpace`. The
clients, blocking or not, differ only in how they carry requests out.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, BinaryIO, Final, Protocol, TypeAlias, TypeVar

from nws.descriptors import BINARY
from nws.errors import NwsDeclarationFailedException
from nws.session.request import Request, nothing, text
from nws.session.transfers import Upload
from nws.values import Encoder, decode, decode_or_error
from nws.wire.arguments import encode_limit, encode_name, encode_timeout, milliseconds
from nws.wire.dialect import BLANK_ID
from nws.wire.listings import VariableInfo, columns_of_the_guide, parse_variables
from nws.wire.replies import Answer, Item
from nws.wire.requests import MAX_NAME_BYTES, Field
from nws.workspace.constants import DICT, FIFO, LIFO, MULTI, SINGLE, STRING
from nws.workspace.files import check_writable

__all__ = ["MakeLease", "WorkspaceRequests", "check_format"]

L = TypeVar("L")
R = TypeVar("R")

MakeLease: TypeAlias = "Callable[[str, int, int, Any], L]"
"""Makes a lease of a client from its variable, id, attempt and value."""

_MAX_BATCH_VALUES: Final = 1000
_BATCH_BYTES: Final = 1024 * 1024
_MAX_NAMES_BYTES: Final = 1024 * 1024
"""In one request: what any server has room for. It keeps all but values in memory."""

_ONE: Final = b"1"
_NO_NAME: Final = object()


class _HasId(Protocol):
    """A lease, of whatever client."""

    id: int


class WorkspaceRequests:
    """Makes the requests of one workspace."""

    def __init__(self, workspace: bytes, encoder: Encoder) -> None:
        """Take the name of the workspace, and what encodes values."""
        self._workspace = workspace
        self._encoder = encoder
        self._last: tuple[object, bytes] = _NO_NAME, b""  # of what is stored with a settle, encoded
        # What followed the last settle: who does that asks for the same again and again.
        self._asked: tuple[str | None, int, float, Sequence[Field]] = (None, 0, 0.0, ())

    # Variables

    def declare(self, varName: str, mode: str) -> Request[None]:
        """Give a variable its mode."""
        encoded = encode_name(mode, "mode")
        if mode not in (FIFO, LIFO, MULTI, SINGLE) and not mode.startswith("__"):
            raise ValueError(f"mode {mode!r} is not one of 'fifo', 'lifo', 'multi' and 'single'")
        fields = [b"declare var", self._workspace, encode_name(varName), encoded]
        request = Request(fields, nothing)
        request.failure = NwsDeclarationFailedException
        return request

    def deleteVar(self, varName: str) -> Request[None]:
        """Delete a variable."""
        return Request([b"delete var", self._workspace, encode_name(varName)], nothing)

    def listVars(
        self, wsName: str | None = None, format: str = STRING
    ) -> Request[str | dict[str, VariableInfo]]:
        """List variables."""
        check_format(format)
        name = self._workspace if wsName is None else encode_name(wsName, "workspace")
        form: Callable[[str], str | dict[str, VariableInfo]]
        form = columns_of_the_guide if format == STRING else parse_variables
        return Request([b"list vars", name], lambda answer: form(text(answer)))

    # Values

    def store(self, varName: str, val: Any) -> Request[None]:
        """Add a value to a variable."""
        descriptor, pieces = self._encoder.encode(val)
        fields = [b"store", self._workspace, encode_name(varName), descriptor, pieces]
        return Request(fields, nothing)

    def fetch(self, varName: str, *, timeout: float | None = None) -> Request[Any]:
        """Remove a value; wait for one."""
        return _get([b"fetch", self._workspace, encode_name(varName)], _value, timeout)

    def fetchTry(self, varName: str, missing: Any = None) -> Request[Any]:
        """Remove a value if there is one."""
        return self._try(b"fetchTry", varName, missing)

    def find(self, varName: str, *, timeout: float | None = None) -> Request[Any]:
        """Read a value; wait for one."""
        return _get([b"find", self._workspace, encode_name(varName)], _value, timeout)

    def findTry(self, varName: str, missing: Any = None) -> Request[Any]:
        """Read a value if there is one."""
        return self._try(b"findTry", varName, missing)

    def _try(self, operation: bytes, varName: str, missing: Any) -> Request[Any]:
        fields = [operation, self._workspace, encode_name(varName)]
        request: Request[Any] = Request(
            fields, lambda answer: decode(answer.descriptor, answer.payload, missing)
        )
        request.missing = missing
        return request

    # Files

    def storeFile(self, varName: str, body: Upload) -> Request[int]:
        """Store what a file holds."""
        name = encode_name(varName)
        fields: list[Field] = [b"store", self._workspace, name, BINARY, body]
        return Request(fields, lambda _: len(body))

    def fetchFile(
        self, varName: str, fobj: BinaryIO, *, timeout: float | None = None
    ) -> Request[int]:
        """Remove a value and write it to a file."""
        return self._to_file(b"fetch", varName, fobj, timeout)

    def fetchTryFile(self, varName: str, fobj: BinaryIO) -> Request[int | bool]:
        """Write a value to a file, and remove it, if there is one."""
        return self._to_file(b"fetchTry", varName, fobj)

    def findFile(
        self, varName: str, fobj: BinaryIO, *, timeout: float | None = None
    ) -> Request[int]:
        """Write a value to a file."""
        return self._to_file(b"find", varName, fobj, timeout)

    def findTryFile(self, varName: str, fobj: BinaryIO) -> Request[int | bool]:
        """Write a value to a file if there is one."""
        return self._to_file(b"findTry", varName, fobj)

    def _to_file(
        self, operation: bytes, varName: str, fobj: BinaryIO, timeout: float | None = None
    ) -> Request[Any]:
        check_writable(fobj)
        fields = [operation, self._workspace, encode_name(varName)]
        if operation.endswith(b"Try"):
            request: Request[Any] = Request(fields, _size)
            request.missing = False
        else:
            request = _get(fields, _size, timeout)
        request.into = fobj
        return request

    # Batches

    def store_many(self, varName: str, values: Iterable[Any]) -> Iterator[Request[None]]:
        """Store values, in as many requests as it takes."""
        where: list[Field] = [b"store many", self._workspace, encode_name(varName)]
        fields: list[Field] = []
        size = 0
        for value in values:
            descriptor, pieces = self._encoder.encode(value)
            fields += (descriptor, pieces)
            size += sum(map(len, pieces))
            if len(fields) >= 2 * _MAX_BATCH_VALUES or size >= _BATCH_BYTES:
                yield Request([*where, *fields], nothing)
                fields, size = [], 0
        if fields:
            yield Request([*where, *fields], nothing)

    def fetch_many(
        self, varName: str, limit: int, *, timeout: float | None = None
    ) -> Request[list[Any]]:
        """Remove what is there."""
        where = (self._workspace, encode_name(varName))
        fields = [b"take", *where, encode_limit(limit), encode_timeout(timeout)]
        return Request(fields, _values, _wait(timeout))

    # Leases

    def lease_many(
        self,
        make: MakeLease[L],
        varName: str | Sequence[str],
        limit: int,
        *,
        timeout: float | None = None,
        duration: float = 60.0,
        keep_unreadable: bool = False,
    ) -> Request[list[L]]:
        """Take what is there for a time."""
        bounds = (encode_limit(limit), encode_timeout(timeout), milliseconds(duration))
        if isinstance(varName, str):
            names: Sequence[str] = (varName,)
            fields = [b"lease", self._workspace, encode_name(varName), *bounds]
        else:
            names = _names(varName)
            fields = [b"lease any", self._workspace, *bounds, *map(encode_name, names)]
        value_of = decode_or_error if keep_unreadable else decode
        return Request(fields, partial(_leases, make, names, value_of), _wait(timeout))

    def settle_and_lease(
        self,
        make: MakeLease[L],
        leases: Iterable[_HasId],
        stores: Iterable[tuple[str, Any]],
        varName: str,
        limit: int,
        *,
        duration: float = 60.0,
    ) -> Request[list[L]]:
        """Remove leased values for good, store others, and take what is there for a time."""
        asked = self._asked
        if asked[0] is not varName or asked[1] is not limit or asked[2] is not duration:
            lease = self.lease_many(make, varName, limit, duration=duration)
            self._asked = asked = varName, limit, duration, lease.fields[1:]
        fields = [b"settle and lease", *asked[3], _ids(leases), *self._stores(stores)]
        return Request(fields, partial(_leases, make, (varName,), decode_or_error), None)

    def settle(
        self, leases: Iterable[_HasId] | None, stores: Iterable[tuple[str, Any]] = ()
    ) -> Request[None]:
        """Remove leased values for good and store others."""
        return Request([b"settle", _ids(leases), *self._stores(stores)], nothing)

    def _stores(self, stores: Iterable[tuple[str, Any]]) -> list[Field]:
        fields: list[Any] = []
        last, name = self._last
        for varName, value in stores:
            if varName is not last:  # most are for the variable of the one before
                last, name = self._last = varName, encode_name(varName)
            fields += (self._workspace, name, *self._encoder.encode(value))
        if len(fields) > 4:
            _check_sum([*fields[::4], *fields[1::4]])
        return fields

    def withdraw(
        self, varName: str, indexes: Iterable[int], *, keep: bool = False
    ) -> Request[list[int]]:
        """Remove values for good that nobody has taken."""
        numbers = _joined([b"%d" % operator.index(index) for index in indexes], "indexes")
        fields = [b"withdraw", self._workspace, encode_name(varName), numbers]
        fields.append(b"yes" if keep else b"no")
        return Request(fields, lambda answer: [int(index) for index in text(answer).split()])

    def release(self, leases: Iterable[_HasId] | None, *, blame: bool = True) -> Request[None]:
        """Give leased values back."""
        return Request([b"release", _ids(leases), b"yes" if blame else b"no"], nothing)

    def renew(self, leases: Iterable[_HasId] | None, duration: float) -> Request[None]:
        """Let leases last longer."""
        return Request([b"renew", _ids(leases), milliseconds(duration)], nothing)

    # Several variables

    def fetchAny(
        self, varNames: Iterable[str], *, timeout: float | None = None
    ) -> Request[tuple[str, Any]]:
        """Remove a value from one of several variables."""
        names = _names(varNames)
        fields = [b"take any", self._workspace, _ONE, encode_timeout(timeout)]
        return _any(fields, names, timeout, _named_value)

    def findAny(
        self, varNames: Iterable[str], *, timeout: float | None = None
    ) -> Request[tuple[str, Any]]:
        """Read a value of one of several variables."""
        names = _names(varNames)
        fields = [b"find any", self._workspace, encode_timeout(timeout)]
        return _any(fields, names, timeout, _named_value)

    def leaseAny(
        self,
        make: MakeLease[L],
        varNames: Iterable[str],
        *,
        timeout: float | None = None,
        duration: float = 60.0,
    ) -> Request[L]:
        """Take a value of one of several variables for a time."""
        names = _names(varNames)
        times = (encode_timeout(timeout), milliseconds(duration))

        def lease(name: str, item: Item) -> L:
            return make(name, item.lease, item.attempt, decode(item.descriptor, item.payload))

        return _any([b"lease any", self._workspace, _ONE, *times], names, timeout, lease)


def check_format(format: str) -> None:
    """Raise ValueError if listings have no such format."""
    if format not in (STRING, DICT):
        raise ValueError(f"format {format!r} is neither 'string' nor 'dict'")


def _get(fields: list[bytes], read: Callable[[Answer], R], timeout: float | None) -> Request[R]:
    """Make a request for a value that waits for one."""
    if timeout is None or timeout == math.inf:
        return Request(fields, read, None)
    request = Request([*fields, BLANK_ID, b"0", milliseconds(timeout)], read, timeout)
    request.timed = True
    return request


def _any(
    fields: list[bytes], names: list[str], timeout: float | None, make: Callable[[str, Item], R]
) -> Request[R]:
    """Make a request for a value of one of several variables."""

    def read(answer: Answer) -> R:
        return make(names[answer.place], answer.items[0])

    encoded = [encode_name(name) for name in names]
    _check_sum(encoded)
    return Request([*fields, *encoded], read, _wait(timeout))


def _check_sum(names: Sequence[bytes]) -> None:
    """Check that a server can take so many names at once.

    Raises:
        ValueError: it would hang up.
    """
    size = sum(map(len, names))
    if size > _MAX_NAMES_BYTES:
        raise ValueError(
            f"the names of this have {size:,} bytes (at most {_MAX_NAMES_BYTES:,}): "
            "do less at once, or use shorter ones"
        )


def _names(varNames: Iterable[str]) -> list[str]:
    """Return the names, of which there has to be one.

    Raises:
        TypeError: it is one name, not several, or no list.
        ValueError: there is none.
    """
    if isinstance(varNames, str):
        raise TypeError(f"varNames={varNames!r} is one name; put a list around it")
    if not isinstance(varNames, Iterable):
        raise TypeError(f"varNames={varNames!r} is no list of names")
    names = list(varNames)
    if not names:
        raise ValueError("varNames is empty: name at least one variable")
    return names


def _wait(timeout: float | None) -> float | None:
    return None if timeout == math.inf else timeout


def _ids(leases: Iterable[_HasId] | None) -> bytes:
    """Return the ids of leases as they go over the wire; None for all that the session holds."""
    return b"all" if leases is None else _joined([b"%d" % lease.id for lease in leases], "leases")


def _joined(numbers: Iterable[bytes], what: str) -> bytes:
    """Return numbers as one field.

    Raises:
        ValueError: they are too many.
    """
    field = b" ".join(numbers)
    if len(field) > MAX_NAME_BYTES:  # the server would hang up
        raise ValueError(f"{field.count(b' ') + 1:,} {what} are too many at once: do some 3,000")
    return field


def _leases(
    make: MakeLease[L],
    names: Sequence[str],
    value_of: Callable[[int, bytes | bytearray], Any],
    answer: Answer,
) -> list[L]:
    name = names[answer.place]
    return [
        make(name, item.lease, item.attempt, value_of(item.descriptor, item.payload))
        for item in answer.items
    ]


def _value(answer: Answer) -> Any:
    return decode(answer.descriptor, answer.payload)


def _values(answer: Answer) -> list[Any]:
    return [decode(item.descriptor, item.payload) for item in answer.items]


def _named_value(name: str, item: Item) -> tuple[str, Any]:
    return name, decode(item.descriptor, item.payload)


def _size(answer: Answer) -> int:
    return answer.size

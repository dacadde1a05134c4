"""The table of operations: their names on the wire, their arguments, and the form of their replies.

This is the only place that says so. The decoder of requests, the server's dispatch, the client and
its error messages go by it, and a test compares it with docs/protocol.md. What an operation does is
the server's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = [
    "EXTENDED_OPERATIONS",
    "MAX_BATCH_FIELDS",
    "MAX_FIELDS",
    "OPERATIONS",
    "Form",
    "Operation",
    "describe_request",
]

MAX_FIELDS: Final = 16
"""Of a request in the original protocol."""
MAX_BATCH_FIELDS: Final = 9999
"""The most that the four-digit count can announce: a batch of the extensions."""


_SHOWN_VARIABLES: Final = 3


class Form:
    """The forms of replies. An operation of the last form is never answered."""

    SHORT, LONG, MANY, ANY, NONE = range(5)


class Operation(NamedTuple):
    """How one operation goes over the wire. The counts of fields include its name."""

    name: bytes
    arguments: str
    """As docs/protocol.md writes them: those in brackets may be left out."""
    form: int
    min_fields: int
    max_fields: int
    first_value: int
    """The first field that is a value, which may be long; 0 if there is none."""
    value_step: int
    """Fields from one value to the next."""
    waits: bool
    """The reply may have to wait for what another client does."""
    removes: bool
    """The reply takes values out of their variable."""
    changes: bool
    """Success changes what the server holds."""

    @property
    def may_find_nothing(self) -> bool:
        """Whether it fails as a matter of course: it does not wait, or it iterates."""
        return self.name.endswith(b"Try") or self.name.startswith(b"i")


_READS, _CHANGES, _REMOVES = range(3)


def _operation(
    name: str, arguments: str, form: int, effect: int = _READS, *, waits: bool = False
) -> Operation:
    """Make a row of the table; the counts of fields follow from the arguments."""
    required, _, optional = arguments.partition("[")
    names = arguments.replace("[", "").split()
    min_fields = 1 + len(required.split())
    repeated = optional.endswith("...]")
    group = optional.rstrip(".] ").split()
    return Operation(
        name.encode(),
        arguments,
        form,
        min_fields=min_fields,
        max_fields=MAX_BATCH_FIELDS if repeated else min_fields + len(group),
        first_value=names.index("VALUE") + 1 if "VALUE" in names else 0,
        value_step=len(group) if repeated else MAX_BATCH_FIELDS,
        waits=waits,
        removes=effect == _REMOVES,
        changes=effect != _READS,
    )


def _table(*operations: Operation) -> dict[bytes, Operation]:
    return {operation.name: operation for operation in operations}


OPERATIONS: Final[Mapping[bytes, Operation]] = _table(
    _operation("open ws", "WS LABEL PERSISTENT [CREATE]", Form.SHORT, _CHANGES),
    _operation("use ws", "WS LABEL PERSISTENT [CREATE]", Form.SHORT, _CHANGES),
    _operation("mktemp ws", "[TEMPLATE]", Form.LONG, _CHANGES),
    _operation("list wss", "[WS]", Form.LONG),
    _operation("delete ws", "WS", Form.SHORT, _CHANGES),
    _operation("declare var", "WS VAR MODE", Form.SHORT, _CHANGES),
    _operation("delete var", "WS VAR", Form.SHORT, _CHANGES),
    _operation("list vars", "WS", Form.LONG),
    _operation("store", "WS VAR DESCRIPTOR VALUE [ID]", Form.SHORT, _CHANGES),
    _operation("find", "WS VAR [ID INDEX]", Form.LONG, waits=True),
    _operation("findTry", "WS VAR [ID INDEX]", Form.LONG),
    _operation("fetch", "WS VAR [ID INDEX]", Form.LONG, _REMOVES, waits=True),
    _operation("fetchTry", "WS VAR [ID INDEX]", Form.LONG, _REMOVES),
    _operation("ifind", "WS VAR ID INDEX", Form.LONG, waits=True),
    _operation("ifindTry", "WS VAR ID INDEX", Form.LONG),
    _operation("ifetch", "WS VAR ID INDEX", Form.LONG, _REMOVES, waits=True),
    _operation("ifetchTry", "WS VAR ID INDEX", Form.LONG, _REMOVES),
    _operation("deadman", "", Form.SHORT),
)
"""What the servers 1.5.1 and 2.0.0 know."""

EXTENDED_OPERATIONS: Final[Mapping[bytes, Operation]] = {
    **OPERATIONS,
    # Those that wait take one more argument: a timeout.
    **_table(
        *(
            operation._replace(max_fields=operation.max_fields + 1)
            for operation in OPERATIONS.values()
            if operation.waits
        )
    ),
    **_table(
        _operation(
            "store many",
            "WS VAR DESCRIPTOR VALUE [DESCRIPTOR VALUE ...]",
            Form.SHORT,
            _CHANGES,
        ),
        _operation("take", "WS VAR LIMIT TIMEOUT", Form.MANY, _REMOVES, waits=True),
        _operation("lease", "WS VAR LIMIT TIMEOUT TIME", Form.MANY, _REMOVES, waits=True),
        _operation("take any", "WS LIMIT TIMEOUT VAR [VAR ...]", Form.ANY, _REMOVES, waits=True),
        _operation(
            "lease any", "WS LIMIT TIMEOUT TIME VAR [VAR ...]", Form.ANY, _REMOVES, waits=True
        ),
        _operation("find any", "WS TIMEOUT VAR [VAR ...]", Form.ANY, waits=True),
        _operation("renew", "IDS TIME", Form.SHORT),
        _operation("release", "IDS BLAME", Form.SHORT, _CHANGES),
        _operation("settle", "IDS [WS VAR DESCRIPTOR VALUE ...]", Form.SHORT, _CHANGES),
        _operation("settle numbered", "IDS [WS VAR DESCRIPTOR VALUE ...]", Form.LONG, _CHANGES),
        _operation(
            "settle and lease",
            "WS VAR LIMIT TIMEOUT TIME IDS [WS VAR DESCRIPTOR VALUE ...]",
            Form.MANY,
            _REMOVES,
            waits=True,
        ),
        _operation("withdraw", "WS VAR INDEXES [KEEP]", Form.LONG, _CHANGES),
        _operation("list leases", "WS", Form.LONG),
        _operation("ack", "", Form.NONE),
        _operation("nack", "", Form.NONE),
        _operation("cancel", "", Form.NONE),
        _operation("session", "", Form.LONG),
        _operation("attach", "SECRET", Form.SHORT, _CHANGES),
        _operation("server status", "", Form.LONG),
    ),
}
"""Those and the extensions."""


def describe_request(fields: Sequence[Any]) -> str:
    """Say for people what a request asks for: its operation and the names it is about."""
    operation = EXTENDED_OPERATIONS[fields[0]]
    name = operation.name.decode()
    arguments = operation.arguments
    if arguments.startswith("WS VAR"):
        return f"{name} of {_shown(fields[2])} in workspace {_shown(fields[1])}"
    if operation.form == Form.ANY:
        variables = fields[operation.min_fields - 1 :]
        shown = ", ".join(map(_shown, variables[:_SHOWN_VARIABLES]))
        more = ", ..." if len(variables) > _SHOWN_VARIABLES else ""
        return f"{name} of {shown}{more} in workspace {_shown(fields[1])}"
    if arguments.startswith(("WS", "[WS", "[TEMPLATE")) and len(fields) > 1:
        return f"{name} {_shown(fields[1])}"
    return name


def _shown(field: bytes) -> str:
    return repr(field.decode("utf-8", "replace"))

"""What is raised when an operation fails: from statuses, values and lost connections to errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nws.errors import (
    NwsConnectionDroppedException,
    NwsException,
    NwsNoValueException,
    NwsOperationException,
    NwsProtocolException,
    NwsUnpicklingException,
    exception_for,
)
from nws.session.endpoint import Endpoint
from nws.wire.dialect import Dialect
from nws.wire.operations import EXTENDED_OPERATIONS, describe_request
from nws.wire.replies import Answer

__all__ = ["IS_IT_RUNNING", "lost", "no_server", "refused", "unreadable"]

IS_IT_RUNNING = "; is it running? "
"""Stands between what is wrong and what may help, where nobody answers."""

_START_HERE = "`nws server start` starts one on this machine"
_START_THERE = (
    "a server listens to other machines only if it is started so, as by "
    "`nws server start --interface 0.0.0.0 --tls`"
)


def no_server(endpoint: Endpoint, reason: object) -> str:
    """Say that nobody answers there, and what may help."""
    advice = _START_HERE if endpoint.is_here else _START_THERE
    problem = f"cannot connect to a NetWorkSpaces server at {endpoint}: {reason}"
    return f"{problem}{IS_IT_RUNNING}{advice}"


def refused(
    fields: Sequence[Any],
    answer: Answer,
    dialect: Dialect,
    endpoint: Endpoint,
    failure: type[NwsException] = NwsOperationException,
) -> NwsException:
    """Return what to raise for an answer with a status that is no success.

    Args:
        fields: of the request.
        answer: to it.
        dialect, endpoint: of the server.
        failure: what an ordinary failure is.
    """
    kind = exception_for(answer.status)
    if kind is NwsOperationException:
        kind = failure
        if not dialect.extensions and EXTENDED_OPERATIONS[fields[0]].may_find_nothing:
            kind = NwsNoValueException  # there, all failures have one status
    reason = answer.reason or "the server refused"
    return kind(f"{describe_request(fields)} at {endpoint}: {reason}")


def lost(
    fields: Sequence[Any],
    error: NwsConnectionDroppedException | NwsProtocolException,
    endpoint: Endpoint,
    reason: str,
) -> NwsException:
    """Return what to raise when a connection was lost during a request."""
    request = describe_request(fields)
    return type(error)(f"{request}: lost the server at {endpoint}: {reason}")


def unreadable(
    fields: Sequence[Any], error: NwsUnpicklingException, dialect: Dialect, endpoint: Endpoint
) -> NwsUnpicklingException:
    """Return an error that also says which value cannot be read, and where that is now."""
    left = ""
    if EXTENDED_OPERATIONS[fields[0]].removes:
        left = "; it stays in its place, and fetchFile takes its bytes out"
        if not dialect.extensions:
            left = "; this server has removed it: `obj` of this exception has its bytes"
    request = describe_request(fields)
    return NwsUnpicklingException(
        f"{request} at {endpoint}: {error}{left}", error.exception, error.obj
    )

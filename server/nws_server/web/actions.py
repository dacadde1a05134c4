"""The actions that pages offer: what each does, its confirmation, and the page that follows.

Nothing here checks who sent a request; `site` has done that.
"""

from __future__ import annotations

import base64
import json
import math
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from nws.errors import Status
from nws_server.core.values import Value
from nws_server.web.depalma_reports import REQUESTS
from nws_server.web.inspector import Inspector
from nws_server.web.kinds import PREVIEW_BYTES, beginning
from nws_server.web.local_client import OperationFailed
from nws_server.web.names import DisplayName
from nws_server.web.not_found import NotFound
from nws_server.web.query import BadQuery, Query
from nws_server.web.rendering import link
from nws_server.web.sleigh_reports import WAITS_FOR_WORKERS
from nws_server.web.sleigh_requests import request_cancel, request_kill
from nws_server.web.value_descriptions import describe_values

__all__ = ["ACTIONS", "NOTICES", "Action", "Outcome", "ask"]

_TEXT_DESCRIPTOR: Final = b"%020d" % (1 << 24 | 1)
_PICKLE_DESCRIPTOR: Final = b"%020d" % (1 << 24)
_MAX_NUMBER_CHARS: Final = 300
_MODES: Final = ("fifo", "lifo", "multi", "single")

_MAX_FETCHED_BYTES: Final = 8 * 1024 * 1024
"""Largest value that can be fetched here: it then exists only in the page that shows it."""

_HEXDUMP_BYTES: Final = 4096

NOTICES: Final = {
    "stored": "The value has been stored.",
    "declared": "The variable has been declared.",
    "deleted-variable": "The variable has been deleted.",
    "deleted-workspace": "The workspace has been deleted.",
    "closed": "The group has been closed.",
    "cancelling": "The call is cancelled as soon as the program waits for one of its calls.",
    "killing": "The worker is being killed, and another one takes its place.",
    "killed": "The signal is on its way to the job.",
}
"""Notices on the page that follows an action, by the word in its address."""


class Outcome(NamedTuple):
    """What follows an action: an address to go to, or else a template and its data."""

    address: str = ""
    template: str = ""
    data: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


class Action(NamedTuple):
    """An action.

    Attributes:
        perform: performs it.
        question, consequence, button: the texts of the page that asks for confirmation; empty for
            actions that destroy nothing. The question may hold ``{ws}`` and other fields.
        fields: the names of the other fields that it needs.
        page: where the link goes that does nothing.
    """

    perform: Callable[[Inspector, Query], Awaitable[Outcome]]
    question: str = ""
    consequence: str = ""
    button: str = ""
    fields: Sequence[str] = ()
    page: str = ""


async def _store(inspector: Inspector, query: Query) -> Outcome:
    ws, var = query.need("ws"), query.need("name")
    kind = query.choice("kind", ("text", "number"), "text")
    given = query.get("value")
    value = (
        Value(_TEXT_DESCRIPTOR, given.replace(b"\r\n", b"\n")) if kind == "text" else _number(given)
    )
    most = inspector.hub.limits.max_value
    if value.size > most:
        raise OperationFailed(
            Status.REFUSED, f"{value.size} bytes are over the limit of {most} for a value"
        )
    await inspector.local.store(ws, var, value)
    return Outcome(link("variable", ws=DisplayName(ws), name=DisplayName(var), said="stored"))


def _number(given: bytes) -> Value:
    """Pickle a number in the form that every version of Python and of the protocol reads."""
    text = given.decode("utf-8", "replace").strip()
    try:
        if len(text) > _MAX_NUMBER_CHARS:
            raise ValueError
        try:
            return Value(_PICKLE_DESCRIPTOR, b"I%d\n." % int(text))
        except ValueError:
            number = float(text)
            if not math.isfinite(number):
                raise
            return Value(_PICKLE_DESCRIPTOR, b"F%b\n." % repr(number).encode())
    except ValueError:
        raise BadQuery(f"{text[:40]!r} is not a number") from None


async def _declare(inspector: Inspector, query: Query) -> Outcome:
    ws, var = query.need("ws"), query.need("name")
    mode = query.choice("mode", _MODES, "fifo")
    await inspector.local.declare(ws, var, mode.encode())
    return Outcome(link("variable", ws=DisplayName(ws), name=DisplayName(var), said="declared"))


async def _fetch(inspector: Inspector, query: Query) -> Outcome:
    ws, var = query.need("ws"), query.need("name")
    view = inspector.look.variable(ws, var)
    if view is None:
        raise NotFound(f"there is no variable {DisplayName(var).short!r}")
    fetched = await inspector.local.fetch(ws, var)
    try:
        content = _content(fetched.value)
        (described,) = await describe_values(
            inspector, view.id, [fetched.value], PREVIEW_BYTES, _HEXDUMP_BYTES
        )
    except BaseException:  # for example because the browser has disconnected
        inspector.local.put_back(fetched)
        raise
    data = {
        "workspace": DisplayName(ws),
        "variable": DisplayName(var),
        "value": described,
        "content": base64.b64encode(content).decode(),
    }
    return Outcome(template="fetched", data=data)


def _content(value: Value) -> bytes:
    if value.size > _MAX_FETCHED_BYTES:
        raise BadQuery(f"a value of {value.size:,} bytes is too large to be fetched here")
    try:
        return beginning(value, _MAX_FETCHED_BYTES)
    except OSError as error:
        raise NotFound(f"the value's file cannot be read: {error}") from error


async def _delete_variable(inspector: Inspector, query: Query) -> Outcome:
    ws = query.need("ws")
    await inspector.local.delete_variable(ws, query.need("name"))
    return Outcome(link("workspace", name=DisplayName(ws), said="deleted-variable"))


async def _delete_workspace(inspector: Inspector, query: Query) -> Outcome:
    await inspector.local.delete_workspace(query.need("ws"))
    return Outcome(link("workspaces", said="deleted-workspace"))


async def _close_group(inspector: Inspector, query: Query) -> Outcome:
    ws = query.need("ws")
    await inspector.local.delete_variable(ws, WAITS_FOR_WORKERS)
    return Outcome(link("sleigh", name=DisplayName(ws), said="closed"))


async def _cancel_call(inspector: Inspector, query: Query) -> Outcome:
    ws, number = query.need("ws"), query.need_number("name", 1)
    await request_cancel(inspector, ws, number)
    return Outcome(link("sleigh", name=DisplayName(ws), said="cancelling"))


async def _kill_worker(inspector: Inspector, query: Query) -> Outcome:
    ws, rank, pid = query.need("ws"), query.need_number("name"), query.need_number("pid", 1)
    await request_kill(inspector, ws, rank, pid)
    return Outcome(link("sleigh", name=DisplayName(ws), said="killing"))


async def _kill_job(inspector: Inspector, query: Query) -> Outcome:
    """Ask the master of a cluster, as `kill` of its front does."""
    ws, pid = query.need("ws"), query.need_number("name", 1)
    request = json.dumps({"pid": pid, "signal": signal.SIGTERM}).encode()
    await inspector.local.store(ws, REQUESTS, Value(_TEXT_DESCRIPTOR, request))
    return Outcome(link("depalma", name=DisplayName(ws), said="killed"))


ACTIONS: Final = {
    "store": Action(_store),
    "declare": Action(_declare),
    "fetch": Action(
        _fetch,
        "Fetch one value of {name}?",
        "It is removed from the variable and shown once.",
        "Fetch it",
        fields=("name",),
        page="variable",
    ),
    "delete-variable": Action(
        _delete_variable,
        "Delete the variable {name}?",
        "Its values are lost, including leased ones, and clients that wait for it get an error.",
        "Delete it",
        fields=("name",),
        page="variable",
    ),
    "delete-workspace": Action(
        _delete_workspace,
        "Delete the workspace {ws}?",
        "All its variables and their values are lost, and clients that wait for one get an error.",
        "Delete it",
        page="workspace",
    ),
    "close-group": Action(
        _close_group,
        "Close the group of {ws}?",
        "The sleigh starts with the workers that have joined; no more can join.",
        "Close it",
        page="sleigh",
    ),
    "cancel-call": Action(
        _cancel_call,
        "Cancel call {name}?",
        "In the program it raises SleighCancelledException, and its results are lost. Elements "
        "that run now are stopped. Other calls go on.",
        "Cancel the call",
        fields=("name",),
        page="sleigh",
    ),
    "kill-worker": Action(
        _kill_worker,
        "Kill worker {name}, process {pid}?",
        "Another worker takes its place. The element that it runs is run again, and is an error "
        "when it has cost three workers.",
        "Kill the worker",
        fields=("name", "pid"),
        page="sleigh",
    ),
    "kill-job": Action(
        _kill_job,
        "Kill job {name}?",
        "SIGTERM is sent to all its processes. A job that waits ends without having run.",
        "Kill it",
        fields=("name",),
        page="depalma",
    ),
}


def ask(query: Query) -> dict[str, Any]:
    """Return the data of the page that asks for confirmation of an action.

    Fields: ``action``, ``ws``, and those of the action.

    Raises:
        BadQuery: there is no such action, or a field is missing.
    """
    names = [name for name, action in ACTIONS.items() if action.question]
    name = query.choice("action", names, "")
    action = ACTIONS[name]
    ws = DisplayName(query.need("ws"))
    fields = {field: DisplayName(query.need(field)) for field in action.fields}
    shown = {field: given.short for field, given in fields.items()}
    if action.page == "variable":
        back = link("variable", ws=ws, **fields)
    else:
        back = link(action.page, name=ws)
    return {
        "question": action.question.format(ws=ws.short, **shown),
        "consequence": action.consequence,
        "button": action.button,
        "address": link(f"do/{name}", ws=ws, **fields),
        "back": back,
    }

"""What the server's inspector tells programs: docs/operations.md has its addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from nws.cli.exit_status import CommandFailure
from nws.session.endpoint import Endpoint

__all__ = ["rows"]

_SECONDS: Final = 30.0
"""For it to reply."""


def rows(place: Endpoint, port: int, page: str, key: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a list.

    Args:
        place: where the server is.
        port: of its inspector.
        page: the name of the list.
        key: the inspector's; empty if it needs none.

    Raises:
        CommandFailure: the inspector does not tell.
    """
    number, pages = 1, 1
    while number <= pages:
        table = _read(f"{place.web(port)}api/{page}?page={number}", key)["table"]
        yield from table["rows"]
        number, pages = number + 1, table["pages"]


def _read(address: str, key: str) -> Any:
    opener = build_opener(ProxyHandler({}))  # it is on this machine or near it
    request = Request(address, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with opener.open(request, timeout=_SECONDS) as reply:
            return json.load(reply)
    except HTTPError as error:
        with error:
            reason = _reason_in(error.read())
        raise CommandFailure(f"the inspector at {address} refuses: {reason or error}") from error
    except (URLError, OSError, ValueError) as error:
        raise CommandFailure(f"the inspector at {address} cannot be asked: {error}") from error


def _reason_in(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return ""

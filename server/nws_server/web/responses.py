"""Responses to browsers, and refusals: the responses to requests that fail."""

from __future__ import annotations

from http import HTTPStatus
from typing import BinaryIO, NamedTuple

from nws.errors import Status
from nws_server.web.local_client import OperationFailed
from nws_server.web.not_found import NotFound
from nws_server.web.query import BadQuery

__all__ = ["HTML", "JSON", "TEXT", "HttpRefusal", "Response", "redirect", "refusal_for"]

HTML = "text/html; charset=utf-8"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


class Response(NamedTuple):
    """What is sent. A body that is a file is sent piece by piece, and then closed."""

    body: bytes | BinaryIO = b""
    media_type: str = HTML
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


class HttpRefusal(Exception):
    """A request that fails, with a status and a reason.

    Attributes:
        status: the HTTP status.
        headers: further headers of the response.
    """

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = headers

    @property
    def phrase(self) -> str:
        """The reason phrase of HTTP for the status."""
        return HTTPStatus(self.status).phrase


def refusal_for(error: Exception) -> HttpRefusal:
    """Return the refusal that tells a browser about an error."""
    match error:
        case HttpRefusal():
            return error
        case NotFound():
            return HttpRefusal(404, str(error))
        case BadQuery():
            return HttpRefusal(400, str(error))
        case OperationFailed(status=Status.NO_WORKSPACE):
            return HttpRefusal(404, str(error))
        case OperationFailed():
            return HttpRefusal(409, str(error))
    return HttpRefusal(500, f"{type(error).__name__}: {error}")


def redirect(address: str) -> Response:
    """Send the browser to another address."""
    return Response(status=303, headers={"Location": address})

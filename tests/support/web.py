"""Browsers of the inspector that draw nothing: requests to the byte, pages as parsers see them."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from urllib.parse import parse_qsl, quote_from_bytes, urlencode, urlsplit

from nws_server.web.request_checks import HEADERS
from tests.support.server import LOOPBACK, PATIENCE, Server, running

# An address may hold a long name twice, each byte of it as three.
http.client._MAXLINE = 1024 * 1024  # type: ignore[attr-defined]

Fields = Mapping[str, str | bytes | int]


class Reply(NamedTuple):
    """What came back for a request."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.headers["Location"] or ""

    def json(self) -> Any:
        """Return the JSON that came; numbers that JSON does not have are refused."""
        assert self.headers["Content-Type"] == "application/json"
        return json.loads(self.body, parse_constant=_refuse)

    def page(self) -> Seen:
        """Return the page as a parser sees it."""
        assert self.headers["Content-Type"] == "text/html; charset=utf-8", self
        return Seen(self.text)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


class Element(NamedTuple):
    """The beginning of an element of a page."""

    tag: str
    attributes: dict[str, str]


_VOID: Final = ("meta", "link", "input", "img", "br", "hr", "path")


class Seen(HTMLParser):
    """A page.

    Attributes:
        elements: in their order.
        text: what can be read.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"an attribute is there twice: {attrs}"
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    @property
    def shape(self) -> set[tuple[str, ...]]:
        """The kinds of elements, each with the names of its attributes."""
        return {(tag, *sorted(attributes)) for tag, attributes in self.elements}

    @property
    def links(self) -> list[str]:
        """Where one can go from here, and what the page loads."""
        return [
            attributes[name]
            for _, attributes in self.elements
            for name in ("href", "src", "data-events")
            if attributes.get(name)
        ]

    @property
    def forms(self) -> list[str]:
        """Where its forms are posted to."""
        return [
            each.attributes["action"]
            for each in self.elements
            if each.tag == "form" and each.attributes.get("method") == "post"
        ]

    @property
    def token(self) -> str:
        """The token of its forms."""
        return next(
            each.attributes["value"]
            for each in self.elements
            if each.tag == "input" and each.attributes.get("name") == "token"
        )


def target(page: str, /, **fields: str | bytes | int) -> str:
    """Return the address of a page, each byte of its fields as it is."""
    quoted = [f"{key}={quote(value)}" for key, value in fields.items()]
    return f"/{page}" + ("?" + "&".join(quoted) if quoted else "")


def quote(value: str | bytes | int) -> str:
    """Quote all that can be quoted."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    return quote_from_bytes(raw, safe="")


def form(
    method: str, target: str, headers: Mapping[str, str | bytes] | None = None, body: bytes = b""
) -> bytes:
    """Form a request. A body has its length, unless a header speaks of it."""
    given: dict[str, str | bytes] = {"Host": "localhost", **(headers or {})}
    names = {name.lower() for name in given}
    if body and not names & {"content-length", "transfer-encoding"}:
        given["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1".encode()]
    for name, value in given.items():
        lines.append(
            name.encode() + b": " + (value if isinstance(value, bytes) else value.encode())
        )
    return b"\r\n".join([*lines, b"", body])


class _Readable:
    """What `http.client` takes for a socket."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def makefile(self, mode: str) -> BinaryIO:
        del mode
        return self._file


class _Unclosed(io.BufferedReader):
    """A file that stays open for the next reply."""

    def close(self) -> None:
        pass


def read_reply(file: BinaryIO, method: str = "GET") -> Reply:
    """Read one reply."""
    with http.client.HTTPResponse(cast(socket.socket, _Readable(file)), method=method) as response:
        response.begin()
        return Reply(response.status, response.headers, response.read())


class Wire:
    """A connection to the inspector, to the byte."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.file = _Unclosed(socket.SocketIO(self.socket, "rb"))

    def send(self, data: bytes) -> None:
        """Send bytes; that the other side does not want them any more is all right."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def reply(self, method: str = "GET") -> Reply:
        """Read one reply."""
        return read_reply(self.file, method)

    def rest(self) -> bytes:
        """Read until the other side closes the connection."""
        data = b""
        try:
            while piece := self.file.read(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        super(_Unclosed, self.file).close()
        self.socket.close()


class Browser:
    """Asks the inspector, each time again, and keeps its cookie.

    Attributes:
        port: of the inspector.
        cookie: what it has set.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""
        self.host = f"localhost:{port}"

    def ask(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        **headers: str | bytes,
    ) -> Reply:
        """Ask for something. A header's name is written with underscores."""
        given: dict[str, str | bytes] = {"Host": self.host, "Connection": "close"}
        if self.cookie:
            given["Cookie"] = self.cookie
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        with Wire(self.port) as wire:
            wire.send(form(method, target, given, body))
            reply = wire.reply(method)
        if (cookie := reply.headers["Set-Cookie"]) is not None:
            self.cookie = cookie.partition(";")[0]
        return reply

    def get(self, page: str = "", /, **fields: str | bytes | int) -> Reply:
        """Get a page."""
        return self.ask("GET", target(page, **fields))

    def see(self, page: str = "", /, **fields: str | bytes | int) -> Seen:
        """Get a page that is there."""
        reply = self.get(page, **fields)
        assert reply.status == 200, reply.text
        return reply.page()

    def data(self, page: str, /, **fields: str | bytes | int) -> Any:
        """Get the data of a page that is there."""
        reply = self.get(f"api/{page}", **fields)
        assert reply.status == 200, reply.text
        return reply.json()

    @property
    def token(self) -> str:
        """A token that goes with the cookie."""
        return self.see("confirm", action="delete-workspace", ws="x").token

    def do(self, action: str, /, **fields: str | bytes | int) -> Reply:
        """Do an action, as a form does."""
        return self.post(f"/do/{action}", {"token": self.token, **fields})

    def post(self, target: str, fields: Fields, **headers: str | bytes) -> Reply:
        """Post a form."""
        kind = {"Content_Type": "application/x-www-form-urlencoded"}
        body = urlencode(fields).encode()
        return self.ask("POST", target, body, **{**kind, **headers})

    def follow(self, page: str, /, **fields: str | bytes | int) -> Events:
        """Follow a page."""
        return Events(self, target("events", **fields, of=page))


class Event(NamedTuple):
    """What was sent to those who follow a page."""

    kind: str
    data: str


class Events:
    """The events of a page, as browsers read them.

    Attributes:
        headers: of the reply.
    """

    def __init__(self, browser: Browser, address: str) -> None:
        self._wire = Wire(browser.port)
        self._wire.send(form("GET", address, {"Host": browser.host}))
        response = http.client.HTTPResponse(cast(socket.socket, _Readable(self._wire.file)))
        response.begin()
        self.status, self.headers = response.status, response.headers
        self._response = response

    def next(self) -> Event | None:
        """Wait for the next event; None if there is none any more."""
        lines = []
        while line := self._response.readline():
            if line != b"\n":
                lines.append(line.decode()[:-1])
            elif any(not line.startswith(":") for line in lines):
                return read_event("\n".join(lines))
        return None

    def until(self, holds: Callable[[str], bool]) -> str:
        """Wait for an event whose data fit."""
        while (event := self.next()) is not None:
            if holds(event.data):
                return event.data
        raise AssertionError("the events have ended")

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()
        self._wire.__exit__()


def read_event(text: str) -> Event:
    """Read an event as the standard for server-sent events has it."""
    kind, data = "message", []
    for line in re.split("\r\n|\r|\n", text):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        else:
            assert not name, f"a line that was not meant: {line!r}"
    return Event(kind, "\n".join(data))


class Inspected(NamedTuple):
    """A server with an inspector."""

    server: Server
    browser: Browser


@contextmanager
def inspected(
    folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> Iterator[Inspected]:
    """Run a server with an inspector until the end of the block."""
    with running(folder, "--web", LOOPBACK, *options, env=env) as server:
        port = urlsplit(server.addresses[-1]).port
        assert port is not None
        yield Inspected(server, Browser(port))


def assert_guarded(reply: Reply) -> None:
    """Each answer says what browsers may do with it."""
    for name, value in HEADERS.items():
        if name == "Content-Security-Policy":
            assert "default-src 'none'" in reply.headers[name], name
        else:
            assert reply.headers.get_all(name) == [value], (name, reply)


def fields_of(address: str) -> dict[str, bytes]:
    """Return the fields of an address, byte by byte."""
    query = urlsplit(address).query
    pairs = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    return {key: value.encode("latin-1") for key, value in pairs}

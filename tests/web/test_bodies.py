"""Bodies of requests: who sent them is checked before they are read, and reading them is linear."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cases import each
from tests.support.memory_site import MemorySite
from tests.support.web import form

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

PARAMETERS = b"multipart/form-data" + 8000 * b";a"
MULTIPART = {"Content-Type": PARAMETERS}
BODY = b"--b\r\n\r\n--b--"


@pytest.fixture
def memory_site(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as site:
        yield site


@each(
    "headers, status",
    [
        ({"Host": "evil.example"}, b"421"),
        ({"Host": "evil.example", **FORM}, b"421"),
        ({"Origin": "http://evil.example"}, b"403"),
        ({"Origin": "http://evil.example", **FORM}, b"403"),
        ({}, b"415"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"415"),
        ({"Content-Type": "text/plain"}, b"415"),
        (FORM, b"403"),
        ({"Content-Type": "Application/X-WWW-Form-URLEncoded; charset=utf-8"}, b"403"),
    ],
)
@each("chunked", [False, True])
def test_who_sent_a_form_is_checked_first(
    memory_site: MemorySite, headers: dict[str, str], status: bytes, chunked: bool
) -> None:
    link = memory_site.connect()
    body = b"token=x"
    if chunked:
        headers = {**headers, "Transfer-Encoding": "chunked"}
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    link.send(form("POST", "/do/store", headers, body))
    assert link.transport.value().split()[1] == status


@pytest.mark.parametrize("headers", [MULTIPART, {**MULTIPART, "Host": "evil.example"}])
def test_a_header_of_many_parameters_is_not_parsed(
    memory_site: MemorySite, headers: dict[str, str | bytes]
) -> None:
    """Twisted took minutes for 256,000 of them."""
    link = memory_site.connect()
    link.send(form("POST", "/do/store", headers, BODY))
    assert link.transport.value().split()[1] in (b"415", b"421")


@each("name", ["Content-Type", "Cookie", "Connection", "Host", "X"])
def test_a_header_is_bounded(memory_site: MemorySite, name: str) -> None:
    link = memory_site.connect()
    link.send(
        form("POST", "/do/store", {**FORM, name: b"multipart/form-data" + 8192 * b";a"}, BODY)
    )
    assert link.transport.value().startswith(b"HTTP/1.1 400 ")
    assert link.transport.disconnecting


@pytest.mark.parametrize("line", [b" ", b"\tx", b" x: y"])
@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_a_header_in_several_lines_is_refused(
    memory_site: MemorySite, before: bytes, line: bytes
) -> None:
    """Twisted puts it together in quadratic time."""
    link = memory_site.connect()
    link.send(before + 100_000 * (line + b"\r\n"))
    assert link.transport.value().startswith(b"HTTP/1.1 400 ")
    assert link.transport.disconnecting


@pytest.mark.parametrize("separator", ["&", ";"])
def test_the_fields_of_an_address_are_bounded(memory_site: MemorySite, separator: str) -> None:
    link = memory_site.connect()
    link.send(form("GET", "/workspaces?" + separator.join(["a=b"] * 100)))
    assert link.reply().status == 200
    link.send(form("GET", "/workspaces?" + separator.join(["a=b"] * 101)))
    assert link.reply().status == 400

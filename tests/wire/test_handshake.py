"""Both sides of the handshake: with each other, with original peers, with strangers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.wire.dialect import (
    EXTENSIONS,
    METADATA_FROM_SERVER,
    METADATA_TO_SERVER,
    PEER_TIMEOUT,
    SESSION,
    WEB_PORT,
    Dialect,
)
from nws.wire.handshake import MAX_HANDSHAKE_BYTES, ClientHandshake, ServerHandshake, refusal
from tests.support.frames import framed_dict
from tests.wire.streams import cuts, single_bytes

ALL_OFFERS: Mapping[bytes, bytes] = {
    METADATA_TO_SERVER: b"",
    METADATA_FROM_SERVER: b"",
    EXTENSIONS: b"",
    PEER_TIMEOUT: b"",
    SESSION: b"",
    WEB_PORT: b"8766",
}

offers = st.sets(st.sampled_from(sorted(ALL_OFFERS))).map(
    lambda names: {name: ALL_OFFERS[name] for name in names}
)


def served(*pieces: bytes) -> ServerHandshake:
    """Give a server a stream, until it refuses."""
    server = ServerHandshake(ALL_OFFERS)
    for piece in pieces:
        if not server.refused:
            server.feed(piece)
    return server


# Ours with ours


@given(offers, st.data())
def test_our_client_and_our_server_agree_in_any_cutting(
    offered: dict[bytes, bytes], data: st.DataObject
) -> None:
    asked = data.draw(st.sampled_from([0, 3, 10**6]))
    client, server = ClientHandshake(asked), ServerHandshake(offered, token=lambda: b"a token")
    to_server = client.start()
    while client.dialect is None:
        answer = b"".join(server.feed(piece) for piece in data.draw(cuts(to_server)))
        to_server = b"".join(client.feed(piece) for piece in data.draw(cuts(answer)))
        assert answer or to_server
    ours = {EXTENSIONS, METADATA_FROM_SERVER, SESSION} <= offered.keys()
    assert client.dialect == Dialect(metadata_out=ours, extensions=ours)
    assert client.token == (b"a token" if ours else b"")
    agreed = asked if ours and PEER_TIMEOUT in offered else 0
    assert server.dialect == replace(client.dialect, peer_timeout=agreed)
    assert (client.refused, server.refused) == (None, "")


# The server


@pytest.mark.parametrize(
    ("hello", "cookie"),
    [(b"0000", False), (b"1111", False), (b"1112", True), (b"2223", True), (4 * b"\0", True)],
)
def test_the_fixed_dialects(hello: bytes, cookie: bool) -> None:
    for pieces in ([hello], single_bytes(hello)):
        server = ServerHandshake(ALL_OFFERS)
        assert b"".join(map(server.feed, pieces)) == b"2223"
        assert server.dialect == Dialect(cookie=cookie)
        assert not server.refused


METHODS = (b"GET", b"POST", b"patch", b"OPTIONS", b"PRI", b"0000", b"1111", b"1112", b"X000")
METHODS_WITH_A_REQUEST = (b"11120003" + b"%020d" % 5 + b"store", b"X000R0000000", b"X000R000000x")


@pytest.mark.parametrize("method", METHODS + METHODS_WITH_A_REQUEST)
def test_what_a_browser_sends_is_refused(method: bytes) -> None:
    """Its method may be any hello; but what is behind that comes in the same piece."""
    for stream in (b"%b / HTTP/1.1\r\nHost: evil.example\r\n\r\n" % method, method + b" "):
        server = served(stream)
        assert server.refused
        assert server.dialect is None
        assert "browsers" in server.refused


@pytest.mark.parametrize("hello", [b"GET ", b"POST", b"put "])
def test_http_is_refused_even_if_its_beginning_comes_alone(hello: bytes) -> None:
    server = ServerHandshake(ALL_OFFERS)
    assert b"".join(map(server.feed, single_bytes(hello))) == b""
    assert "HTTP" in server.refused


def test_what_comes_behind_the_options_is_refused() -> None:
    server = ServerHandshake(ALL_OFFERS)
    server.feed(b"X000")
    assert server.feed(b"R0000000" + b"0001") == b""
    assert server.refused
    assert server.dialect is None


@pytest.mark.parametrize("hello", [b"X000", b"X123", b"XXXX"])
def test_every_hello_that_begins_with_x_asks_for_offers(hello: bytes) -> None:
    server = ServerHandshake({METADATA_TO_SERVER: b""})
    assert server.feed(hello) == b"P000" + framed_dict({METADATA_TO_SERVER: b""})
    assert server.dialect is None


@given(st.sets(st.sampled_from(sorted(ALL_OFFERS))), st.data())
def test_a_client_gets_what_it_asks_for(wanted: set[bytes], data: st.DataObject) -> None:
    values = {name: ALL_OFFERS[name] or b"1" for name in wanted}
    server = ServerHandshake(ALL_OFFERS, token=lambda: b"a token")
    answers = [server.feed(piece) for piece in data.draw(cuts(b"X000"))]
    options = data.draw(cuts(b"R000" + framed_dict(values)))
    answers += [server.feed(piece) for piece in options if piece]
    about = framed_dict({SESSION: b"a token"}) if SESSION in wanted else b""
    assert b"".join(answers) == b"P000" + framed_dict(ALL_OFFERS) + b"A000" + about
    assert server.dialect == Dialect(
        metadata_in=METADATA_TO_SERVER in wanted,
        metadata_out=METADATA_FROM_SERVER in wanted,
        extensions=EXTENSIONS in wanted,
        peer_timeout=int(PEER_TIMEOUT in wanted),
    )


def test_an_option_with_another_value_than_one_is_accepted_and_off() -> None:
    wanted = {METADATA_TO_SERVER: b"yes", METADATA_FROM_SERVER: b"", EXTENSIONS: b"0"}
    assert served(b"X000", b"R000" + framed_dict(wanted)).dialect == Dialect()


@pytest.mark.parametrize(
    "wanted",
    [
        framed_dict({b"Bogus": b"1"}),
        framed_dict({METADATA_TO_SERVER: b"1", b"": b""}),
        framed_dict({WEB_PORT: b"80"}),
        framed_dict({b"KillServerOnClose": b"1"}),
        framed_dict({b"%d" % n: b"" for n in range(65)}),
        b"x001",
        b"0001-001",
    ],
)
def test_what_is_not_offered_is_refused_with_an_answer(wanted: bytes) -> None:
    for pieces in ([b"X000", b"R000" + wanted], single_bytes(b"X000R000" + wanted)):
        server = ServerHandshake(ALL_OFFERS)
        answer = b""
        for piece in pieces:
            if not server.refused:
                answer += server.feed(piece)
        assert answer == b"P000" + framed_dict(ALL_OFFERS) + b"F000"
        assert server.refused
        assert server.dialect is None


@pytest.mark.parametrize("reply", [b"A000", b"0000", b"RRRR", b"q"])
def test_another_reply_to_the_offers_ends_it_without_a_word(reply: bytes) -> None:
    server = ServerHandshake({})
    assert server.feed(b"X000") == b"P0000000"
    assert server.feed(reply) == b""
    assert server.refused


def test_a_handshake_cannot_go_on_for_ever() -> None:
    server = ServerHandshake(ALL_OFFERS)
    endless = b"0064" + 64 * (b"9999" + 9999 * b"n")
    server.feed(b"X000")
    server.feed(b"R000" + endless[:MAX_HANDSHAKE_BYTES])
    assert server.refused
    assert served(b"X000", b"R000" + framed_dict({METADATA_TO_SERVER: 9999 * b"v"})).refused


@given(st.binary(max_size=200), st.data())
def test_no_bytes_upset_the_server(stream: bytes, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from([b"", b"X000", b"X000R000", b"X000R0000001"]))
    server = ServerHandshake(ALL_OFFERS)
    for piece in data.draw(cuts(prefix + stream)):
        if server.dialect is None and not server.refused:
            server.feed(piece)
    assert server.dialect is None or not server.refused


# The client


@pytest.mark.parametrize(
    ("answer", "dialect"), [(b"2223", Dialect()), (b"2222", Dialect(cookie=False))]
)
def test_servers_before_the_negotiation(answer: bytes, dialect: Dialect) -> None:
    for pieces in ([answer], single_bytes(answer)):
        client = ClientHandshake()
        assert client.start() == b"X000"
        assert b"".join(client.feed(piece) for piece in pieces) == b""
        assert client.dialect == dialect


def test_the_client_takes_the_extensions_only_together_with_reasons() -> None:
    client = ClientHandshake()
    assert client.feed(b"P000" + framed_dict({EXTENSIONS: b""})) == b"R0000000"
    client.feed(b"A000")
    assert client.dialect == Dialect()


def test_the_client_is_told_when_it_is_refused() -> None:
    client = ClientHandshake()
    client.feed(b"P000" + framed_dict(ALL_OFFERS))
    assert client.feed(b"F000") == b""
    client.end()
    assert client.dialect is None
    assert "refused the options" in str(client.refused)


def test_the_client_is_told_why_it_is_refused_at_once() -> None:
    answer = refusal("this is another place")
    for pieces in ([answer], single_bytes(answer)):
        client = ClientHandshake()
        assert b"".join(client.feed(piece) for piece in pieces) == b""
        assert client.dialect is None
        assert client.refused == "it refuses us: this is another place"


@pytest.mark.parametrize(
    "banner",
    [
        b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"220 mail.example.org ESMTP\r\n",
        b"-ERR unknown command\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a",
        4 * b"\0",
    ],
)
def test_strangers_are_told_apart(banner: bytes) -> None:
    for pieces in ([banner], single_bytes(banner)):
        client = ClientHandshake()
        assert b"".join(client.feed(piece) for piece in pieces) == b""
        assert client.dialect is None
        assert "not a NetWorkSpaces server" in str(client.refused)


@pytest.mark.parametrize("offer", [b"0065", b"GET ", b"0001 -1 "])
def test_an_offer_that_cannot_be_read(offer: bytes) -> None:
    client = ClientHandshake()
    assert client.feed(b"P000" + offer) == b""
    assert "its offer cannot be read" in str(client.refused)


@given(st.binary(max_size=100), st.data())
def test_no_bytes_upset_the_client(stream: bytes, data: st.DataObject) -> None:
    prefix = data.draw(st.sampled_from([b"", b"P000", b"P0000000", b"P0000001"]))
    client = ClientHandshake()
    for piece in data.draw(cuts(prefix + stream)):
        if client.dialect is None:
            client.feed(piece)
    assert client.dialect is None or client.refused is None


@pytest.mark.parametrize("text", [b"", b"-1", b"x", b"1.5", b"9" * 10, "²".encode()])
def test_a_bound_that_is_no_number_has_no_effect(text: bytes) -> None:
    server = served(b"X000", b"R000" + framed_dict({PEER_TIMEOUT: text}))
    assert server.dialect == Dialect()

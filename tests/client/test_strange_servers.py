"""Peers that are no NetWorkSpaces server, or a broken one: clear errors, never a hang."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.client import (
    NetWorkSpace,
    NwsConnectException,
    NwsConnectionDroppedException,
    NwsException,
    NwsOperationException,
    NwsProtocolException,
    NwsServer,
    NwsServerException,
)
from nws.session.endpoint import Endpoint
from nws.session.sockets import Timeouts
from nws.session.transport import Transport
from nws.wire import payloads
from tests.support.frames import framed_dict
from tests.support.impostors import impostor
from tests.support.server import running
from tests.support.spaces import HOST, Opener, opening, until_waiting

OPTIONS: Final = (b"MetadataFromServer", b"NwsExtensions", b"NwsSession")
OFFER: Final = b"P000" + framed_dict(dict.fromkeys(OPTIONS, b""))
ACCEPTED: Final = b"A000" + framed_dict({b"NwsSession": b"token"})
IMPATIENT: Final = Timeouts(reply=0.1, recovery=0.1, poll_interval=0.02)

# Handshakes


@pytest.mark.parametrize(
    "banner",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"-ERR unknown command 'X000'\r\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"2224",
        b"\0\0\0\0",
        b"x" * 100_000,
    ],
)
@pytest.mark.parametrize("speak_first", [False, True])
def test_another_service(banner: bytes, speak_first: bool) -> None:
    with impostor(banner, speak_first=speak_first) as port:
        with pytest.raises(NwsConnectException, match="not a NetWorkSpaces server") as caught:
            NwsServer(HOST, port)
        assert f"{HOST}:{port}" in str(caught.value)


@pytest.mark.parametrize("texts", [(b"",), (b"X",), (b"P000",), (b"P0000001",), (OFFER,)])
def test_it_hangs_up_during_the_handshake(texts: tuple[bytes, ...]) -> None:
    with (
        impostor(*texts, hang_up=True) as port,
        pytest.raises(NwsConnectException, match=f"{HOST}:{port}.*(closed|handshake failed)"),
    ):
        NwsServer(HOST, port)


@pytest.mark.parametrize("texts", [(), (b"22",), (b"P0000001",), (OFFER,)])
def test_it_says_nothing(texts: tuple[bytes, ...]) -> None:
    with impostor(*texts) as port, pytest.raises(NwsConnectException, match="handshake failed"):
        Transport(Endpoint(HOST, port), timeout=0.05)


def test_it_says_one_byte_at_a_time() -> None:
    """Not each of them may take the whole time."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(0.02)
                connection.sendall(b"P00000640900")
                while True:
                    try:
                        if not connection.recv(100):
                            return
                    except TimeoutError:
                        pass
                    except OSError:
                        return
                    try:
                        connection.sendall(b"x")
                    except OSError:
                        return

        thread = Thread(target=drip)
        thread.start()
        with pytest.raises(NwsConnectException, match="handshake failed"):
            Transport(Endpoint(HOST, port), timeout=0.2)
        thread.join()


@pytest.mark.parametrize("offer", [b"P000zzzz", b"P0009999", b"P0000001-001", b"P00000010001a????"])
def test_an_offer_that_cannot_be_read(offer: bytes) -> None:
    with impostor(offer) as port, pytest.raises(NwsConnectException, match="cannot be read"):
        Transport(Endpoint(HOST, port), timeout=5)


@pytest.mark.parametrize(
    ("answer", "problem"), [(b"F000", "refused the options"), (b"zzzz", "it answered b'zzzz'")]
)
def test_it_refuses_what_it_offered(answer: bytes, problem: str) -> None:
    with (
        impostor(OFFER, answer, hang_up=True) as port,
        pytest.raises(NwsConnectException, match=problem),
    ):
        NwsServer(HOST, port)


@pytest.mark.parametrize("texts", [(b"2223junk",), (OFFER, ACCEPTED + b"junk"), (OFFER + b"junk",)])
def test_it_says_more_than_it_was_asked(texts: tuple[bytes, ...]) -> None:
    with impostor(*texts, b"0000") as port, pytest.raises(NwsServerException):
        NwsServer(HOST, port).listWss()


# Answers


def short(transport: Transport) -> None:
    transport.run([b"store", b"ws", b"x", b"1", b"value"])


def long(transport: Transport) -> None:
    transport.run([b"fetch", b"ws", b"x"], wait=None)


def long_to_file(transport: Transport) -> None:
    with Path("/dev/null").open("wb") as file:
        transport.run([b"fetch", b"ws", b"x"], wait=None, into=file)


def many(transport: Transport) -> None:
    transport.run([b"take", b"ws", b"x", b"5", b""], wait=None)


HEAD = b"0000" + b"%020d" % 16777217 + b"%020d" % 1 + b"%020d" % 0
ITEM_HEAD = b"0000" + b"%020d" % 16777217 + b"%020d" % 0 + b"0000"
ITEM = ITEM_HEAD + b"%020d" % 5 + b"value"
LARGE_ITEM = ITEM_HEAD + b"%020d" % 300_000 + bytes(300_000)
REASON = framed_dict({b"nwsReason": b"because"})
FORMS: Final[dict[str, tuple[Callable[[Transport], None], bytes]]] = {
    "short": (short, b"00000000"),
    "short failure": (short, REASON + b"0001"),
    "long": (long, b"0000" + HEAD + b"%020d" % 5 + b"value"),
    "long with metadata": (long, framed_dict({b"a": b"b"}) + HEAD + b"%020d" % 5 + b"value"),
    "long failure": (long, REASON + b"0001" + b"%020d" % 0 + b" " * 20 + b"%040d" % 0),
    "large": (long, b"0000" + HEAD + b"%020d" % 300_000 + bytes(300_000)),
    "to a file": (long_to_file, b"0000" + HEAD + b"%020d" % 100_000 + bytes(100_000)),
    "many": (many, b"000000000002" + ITEM + ITEM),
    "many, some large": (many, b"000000000004" + ITEM + LARGE_ITEM + LARGE_ITEM + ITEM),
    "many failure": (many, REASON + b"00010000"),
}


@contextmanager
def answered(answer: bytes, *, hang_up: bool = True) -> Iterator[Transport]:
    """Connect to a peer that gives this answer to the first request."""
    with impostor(OFFER, ACCEPTED, answer, hang_up=hang_up) as port:
        transport = Transport(Endpoint(HOST, port), timeouts=IMPATIENT)
        try:
            yield transport
        finally:
            transport.close()


def outcome(ask: Callable[[Transport], None], answer: bytes, *, hang_up: bool = True) -> str:
    """Ask, get this answer, and name what was raised; nothing but an NwsException may be."""
    raised: NwsException | None = None
    with answered(answer, hang_up=hang_up) as transport:
        try:
            ask(transport)
        except NwsException as error:
            raised = error
    assert raised is None or f"at {transport.endpoint}" in str(raised)
    return "" if raised is None else type(raised).__name__


@pytest.mark.parametrize("form", FORMS)
def test_the_answers_are_right_if_they_are_whole(form: str) -> None:
    ask, answer = FORMS[form]
    expected = "NwsOperationException" if "failure" in form else ""
    assert outcome(ask, answer) == expected


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_breaks_off(form: str) -> None:
    ask, answer = FORMS[form]
    cuts = [cut for cut in range(len(answer)) if cut < 250 or cut == len(answer) - 1]
    for cut in cuts:
        assert outcome(ask, answer[:cut]) == "NwsConnectionDroppedException", cut


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_does_not_go_on(form: str) -> None:
    """Also of an operation that may wait for ever: once the answer has begun it must end."""
    ask, answer = FORMS[form]
    for cut in (1, len(answer) // 2, len(answer) - 1):
        got = outcome(ask, answer[:cut], hang_up=False)
        assert got == "NwsConnectionDroppedException", cut


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_that_does_not_end(form: str) -> None:
    ask, answer = FORMS[form]
    if len(answer) < 1000:
        assert outcome(ask, answer + b"junk") == "NwsProtocolException"


forms = st.sampled_from(list(FORMS.values()))


@given(forms, st.sampled_from([b"", b"0000", b"00000000"]), st.binary(max_size=200))
def test_garbage_in_place_of_an_answer(
    form: tuple[Callable[[Transport], None], bytes], begin: bytes, garbage: bytes
) -> None:
    outcome(form[0], begin + garbage)


@given(forms, st.integers(0, 200), st.sampled_from(b"0 -x\xff"))
def test_a_byte_that_is_wrong(
    form: tuple[Callable[[Transport], None], bytes], place: int, byte: int
) -> None:
    ask, answer = form
    damaged = bytearray(answer)
    damaged[place % len(answer)] = byte
    outcome(ask, bytes(damaged))


@pytest.mark.parametrize("size", [10**20 - 1, 2**63, 2**50, 2**47 + 1])
def test_a_length_that_cannot_be(size: int) -> None:
    head = b"0000" + HEAD + b"%020d" % size
    assert outcome(long, head) == "NwsProtocolException"
    assert outcome(long_to_file, head) == "NwsProtocolException"
    item = b"000000000001" + ITEM_HEAD + b"%020d" % size
    assert outcome(many, item) == "NwsProtocolException"


class Scarce(bytearray):
    """Has room for a megabyte."""

    def __init__(self, given: Any = 0) -> None:
        if isinstance(given, int) and given > 1024 * 1024:
            raise MemoryError
        super().__init__(given)


@pytest.mark.parametrize("form", ["long", "many"])
def test_an_answer_that_does_not_fit_into_the_memory(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not read for nothing: the connection is given up, the value stays with the server."""
    monkeypatch.setattr(payloads, "bytearray", Scarce, raising=False)
    ask, whole = FORMS[form]
    begin = whole[: whole.index(b"%020d" % 5)].replace(b"%020d" % 16777217, b"%020d" % 16777216)
    with answered(begin + b"%020d" % 2**40) as transport:
        with pytest.raises(MemoryError):
            ask(transport)
        with pytest.raises(NwsConnectionDroppedException, match="too many to read"):
            short(transport)


def test_after_nonsense_the_connection_is_gone() -> None:
    with answered(b"nonsense") as transport:
        with pytest.raises(NwsProtocolException, match="store of 'x' in workspace 'ws'"):
            short(transport)
        with pytest.raises(NwsConnectionDroppedException, match="is gone"):
            short(transport)


@pytest.mark.parametrize(
    ("call", "texts"),
    [
        (lambda ws: ws.server.listWss("dict"), [b"no tabs\n", b" a\tb\tc\td\te\n", b"\xff\xfe\n"]),
        (lambda ws: ws.listVars(format="dict"), [b"no tabs", b"a\tb\tc\td\te", b"a\t1\t1"]),
        (lambda ws: ws.server.status(), [b"no JSON", b"{", b"", b"[]"]),
    ],
)
def test_a_listing_that_cannot_be_read(
    call: Callable[[NetWorkSpace], object], texts: list[bytes]
) -> None:
    ok = b"00000000"
    head = b"0000" + b"0000" + b"%020d" % 0 + b" " * 20 + b"%020d" % 0
    for text in texts:
        answer = head + b"%020d" % len(text) + text
        with impostor(OFFER, ACCEPTED, ok, answer) as port:
            ws: Any = NetWorkSpace("ws", HOST, port)
            with pytest.raises(NwsProtocolException, match="cannot be read"):
                call(ws)
            ws.server.close()


# Silence


def fetch_try(transport: Transport) -> None:
    transport.run([b"fetchTry", b"ws", b"x"])


@pytest.mark.parametrize("ask", [short, fetch_try])
def test_a_server_that_owes_an_answer_is_given_up(ask: Callable[[Transport], None]) -> None:
    with (
        answered(b"", hang_up=False) as transport,
        pytest.raises(NwsConnectionDroppedException, match="no answer for"),
    ):
        ask(transport)


def test_a_server_that_reads_nothing_is_given_up() -> None:
    with impostor(OFFER, ACCEPTED, b"") as port:
        transport = Transport(Endpoint(HOST, port), timeouts=IMPATIENT)
        with pytest.raises(NwsConnectionDroppedException, match="no answer for"):
            transport.run([b"store", b"ws", b"x", b"1", bytes(20_000_000)])
        transport.close()


def test_a_wait_ends_a_while_after_its_time() -> None:
    with (
        answered(b"", hang_up=False) as transport,
        pytest.raises(NwsConnectionDroppedException, match="no answer for"),
    ):
        transport.run([b"fetch", b"ws", b"x"], wait=0.05)


# Servers that go away


def wait_for(ws: NetWorkSpace, call: str, errors: list[Exception]) -> None:
    try:
        getattr(ws, call)("x")
    except NwsException as error:
        errors.append(error)


@pytest.mark.parametrize(
    ("call", "how"),
    [
        ("fetch", signal.SIGKILL),
        ("find", signal.SIGTERM),
        ("lease", signal.SIGKILL),
        pytest.param("fetch", signal.SIGTERM, marks=pytest.mark.nightly),
        pytest.param("find", signal.SIGKILL, marks=pytest.mark.nightly),
        pytest.param("lease", signal.SIGTERM, marks=pytest.mark.nightly),
    ],
)
def test_the_server_goes_while_a_call_waits(tmp_path: Path, call: str, how: signal.Signals) -> None:
    errors: list[Exception] = []
    with running(tmp_path) as server, opening(server.port, "ws") as opener:
        ws, observer = opener(useUse=True), opener()
        thread = Thread(target=wait_for, args=(ws, call, errors))
        thread.start()
        until_waiting(observer, "x", **{"finders" if call == "find" else "fetchers": 1})
        server.stop(how)
        thread.join()
        assert f"{call} of 'x' in workspace 'ws'" in str(errors[0])
        assert f"at {HOST}:{server.port}" in str(errors[0])
        assert isinstance(errors[0], NwsConnectionDroppedException)
        assert ("the server was shut down" in str(errors[0])) == (how == signal.SIGTERM)
        for _ in range(2):
            with pytest.raises(NwsConnectionDroppedException, match=f"{HOST}:{server.port}"):
                ws.store("x", 1)
            with pytest.raises(NwsConnectionDroppedException):
                observer.listVars()


def test_another_server_in_its_place_knows_nothing_of_the_session(tmp_path: Path) -> None:
    with running(tmp_path) as server, opening(server.port, "ws") as opener:
        ws = opener()
        server.stop(signal.SIGKILL)
        listen = f"tcp:{server.port}:interface={HOST}"
        with running(tmp_path, listen=listen):
            for _ in range(3):
                with pytest.raises(NwsConnectionDroppedException):
                    ws.store("x", 1)
            opener().store("x", 1)


# What errors say


def test_errors_name_what_was_done_where(opened: Opener) -> None:
    ws = opened()
    place = f"at {HOST}:{opened.port}"
    ws.declare("x", "lifo")
    for act, words in (
        (lambda: ws.declare("x", "fifo"), f"declare var of 'x' in workspace {opened.name!r}"),
        (lambda: ws.deleteVar("y"), f"delete var of 'y' in workspace {opened.name!r}"),
        (lambda: ws.server.deleteWs("none"), "delete ws 'none'"),
        (lambda: ws.server.openWs("none", create=False), "open ws 'none'"),
        (lambda: ws.server.mktempWs("none"), "mktemp ws 'none'"),
        (lambda: ws.listVars("none"), "list vars 'none'"),
        (lambda: ws.fetch("z", timeout=0), f"fetch of 'z' in workspace {opened.name!r}"),
        (lambda: ws.lease("z", timeout=0), f"lease of 'z' in workspace {opened.name!r}"),
        (lambda: ws.fetch_many("z", 1, timeout=0), f"take of 'z' in workspace {opened.name!r}"),
    ):
        with pytest.raises(NwsOperationException) as caught:
            act()
        assert words in str(caught.value)
        assert place in str(caught.value)

"""The login inside the negotiation: of those who know the secret, and of all others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nws.wire.dialect import EXTENSIONS, LOGIN, METADATA_FROM_SERVER, REASON, SESSION, Dialect
from nws.wire.handshake import ClientHandshake, Proof, ServerHandshake
from nws.wire.login import ClientLogin, Login, ServerLogin, end_address, proofs
from tests.support.frames import framed_dict
from tests.wire.streams import cuts

SECRET: Final = "a secret that nobody knows"
HERE: Final = "127.0.0.1:8765"
OFFERS: Final = {METADATA_FROM_SERVER: b"", EXTENSIONS: b"", SESSION: b""}
EXTENDED: Final = Dialect(metadata_out=True, extensions=True)


class Door:
    """A server's side that admits who has proved the secret, and remembers what each has."""

    def __init__(self, secret: str = SECRET, address: str = HERE) -> None:
        self.proofs: list[Proof] = []
        self.handshake = ServerHandshake(OFFERS, ServerLogin(secret, address), self._admit)

    def _admit(self, dialect: Dialect, proof: Proof) -> str:
        self.proofs.append(proof)
        return "" if proof is Proof.RIGHT else f"its proof is {proof.value}"


def client_of(secret: str = SECRET, address: str = HERE) -> ClientHandshake:
    return ClientHandshake(login=ClientLogin(secret, address))


def talk(client: ClientHandshake, server: ServerHandshake) -> None:
    """Carry bytes between both until neither has more to say."""
    said = client.start()
    while said:
        said = client.feed(server.feed(said))
    if server.refused:
        client.end()


@given(st.data())
def test_who_knows_the_secret_comes_in_with_any_cutting(data: st.DataObject) -> None:
    door, client = Door(), client_of()
    to_server = client.start()
    while client.dialect is None:
        answer = b"".join(door.handshake.feed(piece) for piece in data.draw(cuts(to_server)))
        to_server = b"".join(client.feed(piece) for piece in data.draw(cuts(answer)))
        assert answer or to_server
    assert client.dialect == door.handshake.dialect == EXTENDED
    assert door.proofs == [Proof.RIGHT]


@pytest.mark.parametrize(
    ("secret", "address"),
    [("another secret", HERE), (SECRET, "[::1]:8765"), (SECRET, "127.0.0.1:8766"), ("", HERE)],
)
def test_another_secret_or_another_way_does_not(secret: str, address: str) -> None:
    """What has another address is in between, and hands bytes on."""
    door, client = Door(), client_of(secret, address)
    talk(client, door.handshake)
    assert door.proofs == [Proof.WRONG]
    assert door.handshake.dialect is client.dialect is None
    assert client.refused == "it refuses us: its proof is wrong"


def test_no_proof_is_good_for_another_connection() -> None:
    overheard: list[bytes] = []
    for _ in range(2):
        door, client = Door(), client_of()
        overheard.append(client.feed(door.handshake.feed(client.start())))
        door.handshake.feed(overheard[0])
    assert overheard[0] != overheard[1]
    assert door.handshake.dialect is None
    assert door.proofs == [Proof.WRONG]


def test_a_servers_proof_is_none_for_a_client() -> None:
    """Who asks the server to prove something cannot send that back to it."""
    first, second = ServerLogin(SECRET, HERE, 32 * "a"), ServerLogin(SECRET, HERE, 32 * "a")
    ours = ClientLogin(SECRET, HERE, 32 * "b").answer(first.offer)
    theirs = first.check(ours)
    assert theirs
    assert second.check(32 * b"b" + theirs) == b""
    assert not ClientLogin(SECRET, HERE).accepts(theirs)


@pytest.mark.parametrize("wanted", [{}, {EXTENSIONS: b"1"}])
def test_a_client_without_a_secret_has_proved_nothing(wanted: dict[bytes, bytes]) -> None:
    door = Door()
    door.handshake.feed(b"X000")
    answer = door.handshake.feed(b"R000" + framed_dict(wanted))
    assert answer == b"F000" + framed_dict({REASON: b"its proof is nothing"})
    assert door.proofs == [Proof.NONE]


def test_an_original_hello_has_proved_nothing() -> None:
    door = Door()
    assert door.handshake.feed(b"1112") == b""
    assert door.handshake.refused == "its proof is nothing"


@pytest.mark.parametrize("answer", [b"", b"x", 32 * b"a", 96 * b"\xff", 9000 * b"0"])
def test_no_answer_upsets_the_server(answer: bytes) -> None:
    door = Door()
    door.handshake.feed(b"X000")
    door.handshake.feed(b"R000" + framed_dict({LOGIN: answer}))
    assert door.handshake.dialect is None


@pytest.mark.parametrize(
    "answers",
    [
        [b"2223"],
        [b"2222"],
        [b"P000" + framed_dict(OFFERS), b"A000"],
        [b"P000" + framed_dict({**OFFERS, LOGIN: 32 * b"a"}), b"A0000000"],
        [b"P000" + framed_dict({**OFFERS, LOGIN: b""}), b"A000" + framed_dict({LOGIN: b""})],
        [
            b"P000" + framed_dict({**OFFERS, LOGIN: b"\xff"}),
            b"A000" + framed_dict({LOGIN: 64 * b"0"}),
        ],
        [b"P000" + framed_dict({**OFFERS, LOGIN: b"n"}), b"A000GET "],
        [b"P000" + framed_dict({**OFFERS, LOGIN: b"n"}), b"2223"],
    ],
)
def test_who_knows_the_secret_uses_no_server_that_does_not(answers: list[bytes]) -> None:
    client = client_of()
    for answer in answers:
        assert SECRET.encode() not in client.feed(answer)
    assert client.dialect is None
    assert client.refused


@pytest.mark.parametrize("reason", [b"", b"\x1b[2J", 9000 * b"x", b"\xff", "é".encode()])
def test_a_refusal_is_fit_to_be_shown(reason: bytes) -> None:
    client = client_of()
    client.feed(b"P000" + framed_dict({**OFFERS, LOGIN: b"n"}))
    client.feed(b"F000" + framed_dict({REASON: reason}))
    assert client.refused
    assert client.refused.isprintable()
    assert len(client.refused) < 600


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (("127.0.0.1", 1), "127.0.0.1:1"),
        (("::1", 1, 0, 0), "[::1]:1"),
        (("::ffff:10.0.0.1", 8765, 0, 0), "10.0.0.1:8765"),
        (("fe80::1%eth0", 8765, 0, 2), "[fe80::1]:8765"),
        ("/run/socket", "unix"),
        (b"\0name", "unix"),
        ("", "unix"),
    ],
)
def test_both_ends_call_an_address_the_same(name: object, address: str) -> None:
    assert end_address(name) == address


def test_a_login_as_text() -> None:
    for text in (SECRET, f"{SECRET}@10.0.0.1:8765"):
        login = Login.from_text(f" {text}\n")
        assert login.secret == SECRET
        assert login.to_text() == text
        assert SECRET not in repr(login)


def test_the_example_of_the_document() -> None:
    text = Path(__file__).parents[2].joinpath("docs/protocol.md").read_text()
    example = dict(re.findall(r"^\| (\S+) \| `([^`]+)` \|$", text.partition("## 12.")[2], re.M))
    client, server, address = example["client-nonce"], example["server-nonce"], example["address"]
    computed = proofs(example["secret"], "nws-login-1", address, server, client)
    assert [proof.decode() for proof in computed] == [
        example["client-proof"],
        example["server-proof"],
    ]
    login = ServerLogin(example["secret"], address, server)
    assert login.check(f"{client}{example['client-proof']}".encode()) == (
        example["server-proof"].encode()
    )

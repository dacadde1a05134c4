"""However a long value ends, its file ends with it."""

from __future__ import annotations

import gc
from typing import Final

import pytest

from nws.errors import Status
from nws.wire.requests import MAX_NAME_BYTES
from nws_server.hub import Limits
from nws_server.spool import Spool
from tests.support.frames import BLANK, EXTENDED_KINDS, KINDS, PYTHON_TEXT
from tests.support.link import MemoryServer, spool_files

SIZE: Final = 1000
LONG: Final = SIZE * b"v"
TEXT: Final = str(PYTHON_TEXT)

any_kind = pytest.mark.parametrize("kind", KINDS)
extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)


def assert_kept(spool: Spool, count: int) -> None:
    """There are this many long values in the spool, and nothing else."""
    if spool.used != count * SIZE:
        gc.collect()  # a file may wait for that, but not for more
    assert spool.used == count * SIZE
    assert [path.stat().st_size for path in spool_files(spool)] == count * [SIZE]


@any_kind
def test_a_long_value_is_kept_in_a_file_and_read_from_it(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    link = spooling.connect(kind)
    link.store("x", LONG)
    assert_kept(spool, 1)
    for name in ("find", "find", "fetch"):
        assert link.get(name, "ws", "x").payload == LONG
    assert link.outlet.bodies == 3
    assert link.get("findTry", "ws", "x").status == link.no_value
    assert_kept(spool, 0)


def test_the_threshold_is_exact(spooling: MemoryServer, spool: Spool) -> None:
    link = spooling.connect()
    link.store("x", 99 * b"v")
    assert spool.used == 0
    link.store("x", 100 * b"v")
    assert spool.used == 100


@any_kind
def test_it_is_spooled_while_it_arrives(spooling: MemoryServer, spool: Spool, kind: str) -> None:
    link = spooling.connect(kind)
    request = link.form("store", "ws", "x", "0", LONG)
    link.write(request[: -SIZE - 1])
    assert spool.used == 0
    link.write(request[-SIZE - 1 : -600])
    assert spool.used == SIZE
    assert [path.stat().st_size for path in spool_files(spool)] == [400]
    link.write(request[-600:])
    assert link.short().status == 0


@any_kind
def test_overwritten(spooling: MemoryServer, spool: Spool, kind: str) -> None:
    link = spooling.connect(kind)
    assert link.ask("declare var", "ws", "x", "single").status == 0
    for _ in range(3):
        link.store("x", LONG)
        assert_kept(spool, 1)
    link.store("x", "short")
    assert_kept(spool, 0)


@any_kind
@pytest.mark.parametrize("how", ["delete var", "delete ws", "owner leaves"])
def test_purged(spooling: MemoryServer, spool: Spool, kind: str, how: str) -> None:
    owner, other = spooling.connect(kind), spooling.connect(kind)
    owner.open_ws()
    for _ in range(3):
        other.store("x", LONG)
    assert_kept(spool, 3)
    if how == "owner leaves":
        owner.lose()
    else:
        assert other.ask(how, "ws", *(["x"] if how == "delete var" else [])).status == 0
    assert_kept(spool, 0)


@any_kind
@pytest.mark.parametrize("name", ["fetch", "ifetch"])
def test_handed_straight_to_a_waiting_fetcher(
    spooling: MemoryServer, spool: Spool, kind: str, name: str
) -> None:
    fetcher, link = spooling.connect(kind), spooling.connect(kind)
    fetcher.send(name, "ws", "x", BLANK, "")
    link.store("x", LONG)
    assert fetcher.long().payload == LONG
    if fetcher.kind.extended:
        assert_kept(spool, 1)  # the fetcher may still give it back
        fetcher.send("ack")
        assert fetcher.get("findTry", "ws", "x").status == fetcher.no_value
    assert_kept(spool, 0)


@any_kind
def test_handed_to_waiting_finders_and_kept(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    finders = [spooling.connect(kind) for _ in range(3)]
    for finder in finders:
        finder.send("find", "ws", "x")
    spooling.connect(kind).store("x", LONG)
    assert [finder.long().payload for finder in finders] == 3 * [LONG]
    assert_kept(spool, 1)
    assert finders[0].get("fetch", "ws", "x").payload == LONG
    finders[0].lose()
    if finders[0].kind.extended:
        assert_kept(spool, 1)
        assert spooling.connect().get("fetch", "ws", "x").payload == LONG
    assert_kept(spool, 0)


@any_kind
@pytest.mark.parametrize(
    "fields",
    [
        ("store", "nowhere", "x", TEXT, LONG),
        ("store", "ws", "x", TEXT, LONG, f"{987654321:020}"),
        ("store", "ws", "x", "no descriptor", LONG),
        ("store", "ws", "bad\nname", TEXT, LONG),
        ("store", "ws", "x", TEXT, LONG, BLANK, "too many"),
    ],
    ids=["unbound workspace", "another id", "bad descriptor", "bad name", "too many arguments"],
)
def test_refused(
    spooling: MemoryServer, spool: Spool, kind: str, fields: tuple[str | bytes, ...]
) -> None:
    link = spooling.connect(kind)
    assert link.ask(*fields).status != 0
    assert_kept(spool, 0)
    link.store("x", LONG)
    assert_kept(spool, 1)


@any_kind
def test_refused_for_want_of_memory(spool: Spool, kind: str) -> None:
    """A file costs little of it, but not nothing."""
    server = MemoryServer(
        memory_limit=6000, spool=spool, limits=Limits(spool_threshold=100, max_backlog=10**6)
    )
    link = server.connect(kind)
    stored = 0
    while link.ask("store", "ws", "x", TEXT, LONG).status == 0:
        stored += 1
    assert 3 < stored < 100
    assert_kept(spool, stored)
    server.check()
    server.space.close()


@any_kind
def test_cut_off_while_it_arrived(spooling: MemoryServer, spool: Spool, kind: str) -> None:
    link = spooling.connect(kind)
    link.write(link.form("store", "ws", "x", TEXT, LONG)[:-1])
    assert spool.used == SIZE
    link.lose()
    assert_kept(spool, 0)


@any_kind
def test_followed_by_something_that_cannot_be_read(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    link = spooling.connect(kind)
    request = link.form("store", "ws", "x", TEXT, LONG)
    link.send("fetch", "ws", "never")
    link.write(request + b"garbage")
    assert link.closed
    assert_kept(spool, 0)


@any_kind
def test_a_long_name_is_no_long_value(spooling: MemoryServer, spool: Spool, kind: str) -> None:
    link = spooling.connect(kind)
    name = 5000 * "n"
    link.store(name, "v")
    assert spool.used == 0
    link.send("store", "ws", (MAX_NAME_BYTES + 1) * "n", TEXT, LONG)
    assert link.closed
    assert_kept(spool, 0)


@extended_kind
def test_in_the_backlog_of_a_connection_that_ends(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    link = spooling.connect(kind)
    link.send("fetch", "ws", "never")
    for _ in range(3):
        link.send("store", "ws", "x", TEXT, LONG)
    assert_kept(spool, 3)
    link.lose()
    assert_kept(spool, 0)


# With the extensions


@extended_kind
@pytest.mark.parametrize("ack", [True, False])
def test_a_fetched_value_when_the_connection_ends(
    spooling: MemoryServer, spool: Spool, kind: str, ack: bool
) -> None:
    link = spooling.connect(kind)
    link.store("x", LONG)
    assert link.get("fetch", "ws", "x").payload == LONG
    if ack:
        link.send("ack")
    link.lose()
    assert_kept(spool, 0 if ack else 1)


@extended_kind
def test_a_value_given_back_to_a_variable_that_is_gone(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    link = spooling.connect(kind)
    link.store("x", LONG)
    assert link.get("fetch", "ws", "x").payload == LONG
    assert spooling.connect().ask("delete var", "ws", "x").status == 0
    link.send("nack")
    assert_kept(spool, 0)


@extended_kind
@pytest.mark.parametrize("end", ["settle", "delete var", "delete ws"])
def test_leased_and_ended(spooling: MemoryServer, spool: Spool, kind: str, end: str) -> None:
    link = spooling.connect(kind)
    for _ in range(3):
        link.store("x", LONG)
    link.get_many("lease", "ws", "x", "2", "0", "60000")
    assert_kept(spool, 3)
    if end == "settle":
        assert link.ask("settle", "1 2").status == 0
        assert_kept(spool, 1)
        assert link.get("fetch", "ws", "x").payload == LONG
        assert link.get("findTry", "ws", "x").status == link.no_value
    else:
        assert link.ask(end, "ws", *(["x"] if end == "delete var" else [])).status == 0
    assert_kept(spool, 0)


@extended_kind
@pytest.mark.parametrize("end", ["deadline", "release", "session"])
def test_leased_and_back(spooling: MemoryServer, spool: Spool, kind: str, end: str) -> None:
    link = spooling.connect(kind)
    link.store("x", LONG)
    link.get_many("lease", "ws", "x", "1", "0", "60000")
    if end == "deadline":
        spooling.advance(61)
    elif end == "release":
        assert link.ask("release", "1", "no").status == 0
    else:
        link.lose()
    assert_kept(spool, 1)
    assert spooling.connect().get("fetch", "ws", "x").payload == LONG
    assert_kept(spool, 0)


@extended_kind
@pytest.mark.parametrize(
    "fields",
    [
        ("store many", "nowhere", "x", TEXT, LONG, TEXT, LONG),
        ("store many", "ws", "x", TEXT, LONG, "bad", LONG),
        ("settle", "99", "ws", "x", TEXT, LONG),
        ("settle", "", "ws", "x", TEXT, LONG, "nowhere", "x", TEXT, LONG),
        ("settle", "", "ws", "x", TEXT, LONG, "one more"),
    ],
)
def test_refused_batches(
    spooling: MemoryServer, spool: Spool, kind: str, fields: tuple[str | bytes, ...]
) -> None:
    link = spooling.connect(kind)
    assert link.ask(*fields).status != 0
    assert_kept(spool, 0)


@extended_kind
def test_a_batch_of_long_and_short_values(spooling: MemoryServer, spool: Spool, kind: str) -> None:
    link = spooling.connect(kind)
    fields = (TEXT, LONG, TEXT, "short", TEXT, LONG)
    assert link.ask("store many", "ws", "x", *fields).status == 0
    assert_kept(spool, 2)
    taken = link.get_many("take", "ws", "x", "9", "")
    assert [item.payload for item in taken.items] == [LONG, b"short", LONG]
    link.send("ack")
    link.lose()
    assert_kept(spool, 0)


# A spool that fails


@any_kind
def test_the_limit_of_the_spool_is_told_in_the_right_form(spool: Spool, kind: str) -> None:
    spool.limit = 2 * SIZE
    server = MemoryServer(spool=spool, limits=Limits(spool_threshold=100))
    link = server.connect(kind)
    for status in (0, 0, Status.REFUSED, Status.REFUSED):
        answer = link.ask("store", "ws", "x", TEXT, LONG)
        assert answer.status == (status if link.kind.extended else bool(status))
        if status and link.kind.metadata_out:
            expected = "a value of 1000 bytes exceeds the spool limit of 2000 bytes"
            assert answer.reason == expected
    assert link.get("fetch", "ws", "x").payload == LONG
    if link.kind.extended:
        link.send("ack")
        link.get("findTry", "ws", "nothing")
    assert link.ask("store", "ws", "x", TEXT, LONG).status == 0
    server.check()
    server.space.close()
    link.lose()


@any_kind
def test_a_spool_whose_folder_is_gone_is_told_in_the_right_form(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    link = spooling.connect(kind)
    spool.folder.rename(spool.folder.with_name("moved"))
    answer = link.ask("store", "ws", "x", TEXT, LONG)
    assert answer.status == (Status.REFUSED if link.kind.extended else Status.FAILED)
    if link.kind.metadata_out:
        assert answer.reason.startswith("a value of 1000 bytes cannot be written to the server's")
    link.store("x", "short")
    spool.folder.with_name("moved").rename(spool.folder)
    link.store("x", LONG)
    assert_kept(spool, 1)


@any_kind
def test_who_waits_goes_on_waiting_when_the_value_cannot_be_spooled(
    spooling: MemoryServer, spool: Spool, kind: str
) -> None:
    fetcher, link = spooling.connect(kind), spooling.connect(kind)
    fetcher.send("fetch", "ws", "x")
    spool.limit = 10
    assert link.ask("store", "ws", "x", TEXT, LONG).status != 0
    assert fetcher.silent
    link.store("x", "short")
    assert fetcher.long().payload == b"short"

"""Bad input gets a clear answer on its own connection, in the right form, and hurts nobody else."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws.wire.operations import MAX_BATCH_FIELDS, Form
from nws.wire.requests import MAX_NAME_BYTES
from nws_server.hub import Limits
from nws_server.incidents import REFUSED_REQUESTS
from nws_server.operations import EXTENDED_OPERATIONS, OPERATIONS, Handler
from tests.support.cases import each
from tests.support.frames import BLANK, EXTENDED_KINDS, KINDS, ORIGINAL_KINDS, Answer, framed_dict
from tests.support.link import Link, MemoryServer

any_kind = pytest.mark.parametrize("kind", KINDS)
original_kind = pytest.mark.parametrize("kind", ORIGINAL_KINDS)
extended_kind = pytest.mark.parametrize("kind", EXTENDED_KINDS)

LONG_GETS = ("fetch", "find", "fetchTry", "findTry")
ITERATED_GETS = ("ifetch", "ifind", "ifetchTry", "ifindTry")
BAD_NUMBERS = ("", "x", "-1", "+1", "1 2", "1e3", 21 * "0", 5000 * "1")


def answer_of(link: Link, form: int) -> Answer:
    """Read a reply of a form."""
    if form == Form.SHORT:
        return link.short()
    if form == Form.ANY:
        return link.any()
    return link.long() if form == Form.LONG else link.many()


def assert_refused(answer: Answer, link: Link, status: int = Status.REFUSED) -> None:
    """It failed, in the way that this kind of client is told of it."""
    assert answer.status == (status if link.kind.extended else Status.FAILED)
    if link.kind.metadata_out:
        assert answer.reason
    rest = (answer.payload, answer.descriptor, answer.variable_id, answer.index, answer.items)
    assert rest == (b"", 0, BLANK, 0, ())


def assert_goes_on(link: Link) -> None:
    """The connection is as good as new."""
    assert link.silent
    assert not link.closed
    link.store("after", "all is well")
    assert link.get("fetch", "ws", "after").payload == b"all is well"


# Operations that there are not, and arguments that do not fit


@any_kind
@each("name", ["", "nonsense", "STORE", "store ", "\0\xff", 60_000 * "x"])
def test_an_unknown_operation(server: MemoryServer, kind: str, name: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask(name, "some", "arguments"), link, Status.FAILED)
    assert_goes_on(link)


@original_kind
@each("name", sorted(set(EXTENDED_OPERATIONS) - set(OPERATIONS)))
def test_the_extensions_are_unknown_without_negotiation(
    server: MemoryServer, kind: str, name: bytes
) -> None:
    link = server.connect(kind)
    assert_refused(link.ask(name), link)
    assert_goes_on(link)


def wrong_counts(operation: Handler) -> list[int]:
    """Name counts of fields, with the name, that an operation does not take."""
    counts = [*range(1, operation.min_fields), operation.max_fields + 1]
    return [count for count in counts if count <= min(MAX_BATCH_FIELDS, 16)]


@original_kind
@each("name", OPERATIONS)
def test_a_wrong_number_of_arguments(server: MemoryServer, kind: str, name: bytes) -> None:
    operation = OPERATIONS[name]
    for count in wrong_counts(operation):
        link = server.connect(kind)
        link.send(name, *((count - 1) * ["ws"]))
        assert_refused(answer_of(link, operation.form), link)
        assert_goes_on(link)


@extended_kind
@each("name", EXTENDED_OPERATIONS)
def test_a_wrong_number_of_arguments_with_the_extensions(
    server: MemoryServer, kind: str, name: bytes
) -> None:
    operation = EXTENDED_OPERATIONS[name]
    for count in wrong_counts(operation):
        link = server.connect(kind)
        link.send(name, *((count - 1) * ["ws"]))
        if operation.form != Form.NONE:  # else it is never answered
            answer = answer_of(link, operation.form)
            assert_refused(answer, link)
            assert f"does not take {count - 1} arguments" in answer.reason
        assert_goes_on(link)


@extended_kind
@each("name, counts", [("store many", (6, 8, 9998)), ("settle", (3, 4, 5, 7, 9999))])
def test_batches_need_whole_groups(
    server: MemoryServer, kind: str, name: str, counts: tuple[int, ...]
) -> None:
    link = server.connect(kind)
    for count in counts:
        assert_refused(link.ask(name, *((count - 1) * ["0"])), link)
    assert_goes_on(link)


# Numbers


@any_kind
@each("descriptor", [*BAD_NUMBERS, str(2**31), 20 * "9"])
def test_a_bad_descriptor(server: MemoryServer, kind: str, descriptor: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask("store", "ws", "x", descriptor, "value"), link)
    assert link.get("findTry", "ws", "x").status == link.no_value
    assert_goes_on(link)


@any_kind
@each("descriptor, echo", [("0", 0), (" 7 ", 7), (f"{2**31 - 1:020}", 2**31 - 1)])
def test_a_good_descriptor(server: MemoryServer, kind: str, descriptor: str, echo: int) -> None:
    link = server.connect(kind)
    assert link.ask("store", "ws", "x", descriptor, "value").status == 0
    assert link.get("fetch", "ws", "x").descriptor == echo


@any_kind
@each("name", ITERATED_GETS)
@each("index", BAD_NUMBERS)
def test_a_bad_index_with_an_id(server: MemoryServer, kind: str, name: str, index: str) -> None:
    link = server.connect(kind)
    link.store("x", "value")
    assert_refused(link.get(name, "ws", "x", f"{1:020}", index), link)
    assert link.get("findTry", "ws", "x").payload == b"value"
    assert_goes_on(link)


@any_kind
@each("name", ITERATED_GETS)
@each("index", ["", "x", "-1"])
def test_an_index_without_an_id_is_not_looked_at(
    server: MemoryServer, kind: str, name: str, index: str
) -> None:
    link = server.connect(kind)
    link.store("x", "value")
    assert link.get(name, "ws", "x", 20 * " ", index).payload == b"value"


@any_kind
@each("name", LONG_GETS)
def test_gets_that_do_not_iterate_ignore_id_and_index(
    server: MemoryServer, kind: str, name: str
) -> None:
    link = server.connect(kind)
    link.store("x", "value")
    assert link.get(name, "ws", "x", "no id", "no index").payload == b"value"


@extended_kind
@each("bad", [text for text in BAD_NUMBERS if text])
def test_bad_numbers_in_the_extensions(server: MemoryServer, kind: str, bad: str) -> None:
    link = server.connect(kind)
    link.store("x", "value")
    for name in ("fetch", "find"):
        assert_refused(link.get(name, "ws", "y", "", "", bad), link)
    for fields in ((bad, "1000"), ("0", "1000"), ("1", bad)):
        assert_refused(link.get_many("take", "ws", "x", *fields), link)
    for fields3 in ((bad, "0", "1000"), ("0", "0", "1000"), ("1", bad, "1000"), ("1", "0", bad)):
        assert_refused(link.get_many("lease", "ws", "x", *fields3), link)
    assert_refused(link.ask("renew", "1", bad), link)
    if bad != "1 2":  # a list of two ids
        assert_refused(link.ask("renew", bad, "1000"), link)
        assert_refused(link.ask("release", bad, "no"), link)
        assert_refused(link.ask("settle", bad), link)
    assert_refused(link.ask("settle", "", "ws", "x", bad, "value"), link)
    assert_refused(link.ask("store many", "ws", "x", "0", "a", bad, "b"), link)
    assert link.get("find", "ws", "x").payload == b"value"
    assert_goes_on(link)


# Names


@any_kind
@pytest.mark.parametrize("character", ["\t", "\n", "\0", "\x1b", "\x7f"])
def test_control_characters_in_names(server: MemoryServer, kind: str, character: str) -> None:
    link = server.connect(kind)
    name = f"a{character}b"
    for operation in ("open ws", "use ws"):
        assert_refused(link.ask(operation, name, "", "no"), link)
    assert_refused(link.ask("open ws", "other", name, "no"), link)
    assert_refused(link.get("mktemp ws", f"%d{character}"), link)
    assert_refused(link.ask("declare var", "ws", name, "fifo"), link)
    assert_refused(link.ask("store", "ws", name, "0", "value"), link)
    for get in LONG_GETS:
        assert_refused(link.get(get, "ws", name), link)
    for get in ITERATED_GETS:
        assert_refused(link.get(get, "ws", name, "", ""), link)
    listing = link.get("list wss").payload
    assert [line.split(b"\t")[0] for line in listing.splitlines()] == [b" __default", b" ws"]
    assert link.get("list vars", "ws").payload == b""
    assert_goes_on(link)


@any_kind
@each("name", ["", " ", "a,b", "with blanks", "käse", b"\xff\xfe", "%s %d {}"])
def test_other_characters_are_fine(server: MemoryServer, kind: str, name: str | bytes) -> None:
    link = server.connect(kind)
    link.open_ws(name)
    link.store(name, "value", ws=name)
    assert link.get("fetch", name, name).payload == b"value"


@any_kind
def test_a_name_may_be_long_but_not_longer(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    link.store(MAX_NAME_BYTES * "n", "value")
    assert link.get("fetch", "ws", MAX_NAME_BYTES * "n").payload == b"value"
    link.send("find", "ws", (MAX_NAME_BYTES + 1) * "n")
    assert link.closed
    assert link.silent
    assert "a name of 65537 bytes" in server.warnings[0]


@any_kind
def test_the_limit_of_names_holds_for_all_fields_but_values(
    server: MemoryServer, kind: str
) -> None:
    long = (MAX_NAME_BYTES + 1) * b"n"
    for fields in ((long,), ("open ws", long), ("store", "ws", "x", long), ("mktemp ws", long)):
        link = server.connect(kind)
        link.send(*fields)
        assert link.closed
        link.lose()
    link = server.connect(kind)
    link.store("x", long)
    assert link.get("fetch", "ws", "x").payload == long


# What cannot be read at all


@any_kind
@pytest.mark.parametrize(
    "garbage",
    [
        b"what is this?",
        b"0000",
        b"-001",
        b"+001",
        b"    ",
        b"0017",
        b"0001" + b"-" + 19 * b"0",
        b"0001" + 20 * b"x",
        b"0001" + b"%020d" % (MAX_NAME_BYTES + 1),
    ],
)
def test_the_connection_ends_where_it_cannot_be_read(
    server: MemoryServer, kind: str, garbage: bytes
) -> None:
    if KINDS[kind].extended and garbage == b"0017":
        garbage = b"x017"  # batches have that many fields
    link, bystander = server.connect(kind), server.connect(kind)
    link.send("declare var", "ws", "before", "fifo")
    link.write((framed_dict({}) if link.kind.metadata_in else b"") + garbage)
    assert link.short().status == 0
    assert link.silent
    assert link.closed
    assert server.hub.incidents.counts[REFUSED_REQUESTS] == len(server.warnings) == 1
    link.write(link.form("declare var", "ws", "too late", "fifo"))
    assert link.silent
    assert b"too late" not in bystander.get("list vars", "ws").payload
    assert_goes_on(bystander)


@pytest.mark.parametrize("kind", ["metadata", "everything"])
@each("garbage", [b"0065", b"x000", b"0001-001", b"00010001n-001"])
def test_the_connection_ends_where_a_dict_cannot_be_read(
    server: MemoryServer, kind: str, garbage: bytes
) -> None:
    link = server.connect(kind)
    link.write(garbage)
    assert link.silent
    assert link.closed


@original_kind
def test_requests_have_a_limited_number_of_fields(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask("x", *(15 * "y")), link)
    link.send("x", *(16 * "y"))
    assert link.closed


# What is refused


@any_kind
def test_no_client_may_stop_the_server(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask("deadman"), link)
    assert_goes_on(link)


@any_kind
@each("operation", ["store", "store with id"])
def test_a_value_over_the_limit(kind: str, operation: str) -> None:
    server = MemoryServer(limits=Limits(max_value=1000))
    link = server.connect(kind)
    id_field = [BLANK] if operation == "store with id" else []
    assert_refused(link.ask("store", "ws", "x", "0", 1001 * b"v", *id_field), link)
    assert link.ask("store", "ws", "x", "0", 1000 * b"v", *id_field).status == 0
    assert len(link.get("fetch", "ws", "x").payload) == 1000
    assert_goes_on(link)
    server.check()


@extended_kind
def test_a_value_over_the_limit_in_a_batch(kind: str) -> None:
    server = MemoryServer(limits=Limits(max_value=1000))
    link = server.connect(kind)
    answer = link.ask("store many", "ws", "x", "0", "short", "0", 1001 * b"v", "0", "short")
    assert_refused(answer, link)
    assert "1001 bytes is over the limit of 1000" in answer.reason
    assert_refused(
        link.ask("settle", "", "ws", "x", "0", "short", "ws", "x", "0", 1001 * b"v"), link
    )
    assert link.get("list vars", "ws").payload == b""
    assert_goes_on(link)
    server.check()


@any_kind
def test_stores_beyond_the_memory_limit(kind: str) -> None:
    server = MemoryServer(memory_limit=100_000)
    link = server.connect(kind)
    assert_refused(link.ask("store", "ws", "x", "0", 100_000 * b"v"), link)
    assert_goes_on(link)
    server.check()


@any_kind
def test_what_is_not_open_and_what_is_gone(server: MemoryServer, kind: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask("store", "elsewhere", "x", "0", "v"), link, Status.NOT_OPEN)
    assert_refused(link.get("find", "elsewhere", "x"), link, Status.NOT_OPEN)
    assert_refused(link.ask("declare var", "elsewhere", "x", "fifo"), link, Status.NOT_OPEN)
    no_create = ("use ws", "elsewhere", "", "no", "no")
    assert_refused(link.ask(*no_create), link, Status.NO_WORKSPACE)
    assert_refused(link.ask("delete ws", "elsewhere"), link, Status.NO_WORKSPACE)
    assert link.ask("delete ws", "ws").status == 0
    assert_refused(link.get("findTry", "ws", "x"), link, Status.NO_WORKSPACE)
    assert link.ask("use ws", "ws", "", "no").status == 0
    assert_goes_on(link)


@any_kind
@pytest.mark.parametrize("mode", ["", "FIFO", "unknown", "__time", "fifo "])
def test_an_unknown_mode(server: MemoryServer, kind: str, mode: str) -> None:
    link = server.connect(kind)
    assert_refused(link.ask("declare var", "ws", "x", mode), link)
    assert link.get("list vars", "ws").payload == b""
    assert_goes_on(link)


@any_kind
@each(
    "template",
    ["plain", "%d%d", "%", "%s", "%ld", "%-3d", "%21d", "%999999999d", "%(x)d", "%*d", ""],
)
def test_a_template_that_is_none(server: MemoryServer, kind: str, template: str) -> None:
    link = server.connect(kind)
    assert_refused(link.get("mktemp ws", template), link)
    assert_goes_on(link)


def test_a_failure_of_the_server_is_an_answer_too(
    server: MemoryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    for kind in KINDS:
        link = server.connect(kind)
        with monkeypatch.context() as patch:
            patch.setattr(server.space, "list_vars", broken)
            patch.setattr(server.space, "delete_ws", broken)
            assert_refused(link.get("list vars", "ws"), link, Status.INTERNAL)
            assert_refused(link.ask("delete ws", "ws"), link, Status.INTERNAL)
        assert_goes_on(link)
    assert len(server.crashed) == 2 * len(KINDS)
    assert server.crashed[0] == (b"10.0.0.1", "operation b'list vars' failed")
    server.crashed.clear()

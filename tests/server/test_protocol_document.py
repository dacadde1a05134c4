"""docs/protocol.md says what the server does: its examples are played, its tables compared."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from nws.errors import Status
from nws.wire.dialect import LOGIN
from nws.wire.operations import EXTENDED_OPERATIONS, OPERATIONS, Form, Operation
from tests.support.bytescript import MemoryStage, Player, parse
from tests.support.cases import each
from tests.support.link import MemoryServer

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
TEXT: Final = DOCUMENT.read_text(encoding="utf-8")
OFFERS: Final = frozenset(
    {b"MetadataToServer", b"MetadataFromServer", b"NwsExtensions", b"NwsPeerTimeout", b"NwsSession"}
)
FORMS: Final = {
    "short": Form.SHORT,
    "long": Form.LONG,
    "many": Form.MANY,
    "any": Form.ANY,
    "none": Form.NONE,
}


def examples() -> dict[str, str]:
    """Collect the examples, by the line of the document where each begins."""
    found = {}
    for match in re.finditer(r"^```nws\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        line = TEXT.count("\n", 0, match.start()) + 1
        found[f"line {line}"] = match[1]
    return found


EXAMPLES: Final = examples()


@each("name", EXAMPLES)
def test_an_example_is_true(name: str) -> None:
    server = MemoryServer()
    player = Player(MemoryStage(server), OFFERS)
    player.play(EXAMPLES[name])
    server.check()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 30
    assert TEXT.count("```") == 2 * len(EXAMPLES)


def test_each_operation_has_an_example() -> None:
    sent = b"".join(
        step.data for example in EXAMPLES.values() for step in parse(example) if step.what == ">"
    )
    missing = [name for name in EXTENDED_OPERATIONS if b"%020d%b" % (len(name), name) not in sent]
    assert missing == []


def described_operations() -> dict[bytes, tuple[str, int]]:
    """Read the headings of operations: arguments and form."""
    return {
        name.encode(): (arguments.strip(), FORMS[form or "none"])
        for name, arguments, form in re.findall(
            r"^#### `([^`]+)`([^→,\n]*)(?: → (short|long|many|any)|, no reply)$", TEXT, re.MULTILINE
        )
    }


def test_the_operations_are_described_as_they_are() -> None:
    actual = {name: (each.arguments, each.form) for name, each in EXTENDED_OPERATIONS.items()}
    assert described_operations() == actual


@pytest.mark.parametrize(
    ("operation", "counts", "values"),
    [
        (b"mktemp ws", (1, 2), (0, 0)),
        (b"store", (5, 6), (4, 9999)),
        (b"store many", (5, 9999), (4, 2)),
        (b"settle", (2, 9999), (5, 4)),
        (b"ifetchTry", (5, 5), (0, 0)),
        (b"lease", (6, 6), (0, 0)),
        (b"take any", (5, 9999), (0, 0)),
        (b"find any", (4, 9999), (0, 0)),
        (b"ack", (1, 1), (0, 0)),
    ],
)
def test_the_numbers_follow_from_the_arguments(
    operation: bytes, counts: tuple[int, int], values: tuple[int, int]
) -> None:
    row = EXTENDED_OPERATIONS[operation]
    assert (row.min_fields, row.max_fields) == counts
    assert (row.first_value, row.first_value and row.value_step) == values


def named(sentence: str) -> set[bytes]:
    """Read the operations that a sentence of the document names."""
    (found,) = re.findall(rf"^{sentence}((?:[^.]|\n)*)\.", TEXT, re.MULTILINE)
    return {name.encode() for name in re.findall(r"`([\w ]+)`", found)}


@pytest.mark.parametrize(
    ("sentence", "holds"),
    [
        ("These may wait:", lambda operation: operation.waits),
        ("These take values out of a variable:", lambda operation: operation.removes),
        ("These change nothing:", lambda operation: not operation.changes),
    ],
)
def test_the_effects_are_those_that_are_named(
    sentence: str, holds: Callable[[Operation], bool]
) -> None:
    assert named(sentence) == {n for n, each in EXTENDED_OPERATIONS.items() if holds(each)}


def test_the_gets_that_take_a_timeout_are_those_that_are_named() -> None:
    longer = {
        name.decode()
        for name, operation in OPERATIONS.items()
        if EXTENDED_OPERATIONS[name].max_fields == operation.max_fields + 1
    }
    (sentence,) = re.findall(r"^(.*) take one more argument, TIMEOUT,", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == longer


def test_the_statuses_are_those_that_are_sent() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", TEXT, re.MULTILINE)
    constants = {name: value for name, value in vars(Status).items() if name.isupper()}
    assert {name: int(number) for number, name in rows} == constants


def test_the_options_are_those_that_are_offered() -> None:
    (table,) = re.findall(r"^\| option \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    names = {name.encode() for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)}
    assert names == {*OFFERS, LOGIN}

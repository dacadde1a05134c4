"""docs/protocol.md says what the server does: its examples are played, its tables compared."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from nws.errors import Status
from nws_server.operations import EXTENDED_OPERATIONS, OPERATIONS, Form, Operation
from tests.support.bytescript import MemoryStage, Player, parse
from tests.support.link import MemoryServer

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
TEXT: Final = DOCUMENT.read_text(encoding="utf-8")
OFFERS: Final = frozenset({b"MetadataToServer", b"MetadataFromServer", b"NwsExtensions"})
FORMS: Final = {"short": Form.SHORT, "long": Form.LONG, "many": Form.MANY, "none": Form.NONE}


def examples() -> dict[str, str]:
    """Collect the examples, by the line of the document where each begins."""
    found = {}
    for match in re.finditer(r"^```nws\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        line = TEXT.count("\n", 0, match.start()) + 1
        found[f"line {line}"] = match[1]
    return found


EXAMPLES: Final = examples()


@pytest.mark.parametrize("name", EXAMPLES)
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


def described_operations() -> dict[bytes, tuple[int, int, int]]:
    """Read the headings of operations: form, least and most fields."""
    found = {}
    for name, arguments, form in re.findall(
        r"^#### `([^`]+)`([^→,\n]*)(?: → (short|long|many)|, no reply)$", TEXT, re.MULTILINE
    ):
        optional = re.search(r"\[(.*)\]", arguments)
        least = 1 + len(re.sub(r"\[.*\]", "", arguments).split())
        more = len(optional[1].split()) if optional else 0
        most = 9999 if optional and "..." in optional[1] else least + more
        found[name.encode()] = (FORMS[form or "none"], least, most)
    return found


def as_described(operation: Operation) -> tuple[int, int, int]:
    return operation.form, operation.least, operation.most


def test_the_operations_are_described_as_they_are() -> None:
    actual = {
        name: as_described(each) for name, each in {**EXTENDED_OPERATIONS, **OPERATIONS}.items()
    }
    assert described_operations() == actual


def test_the_gets_that_take_a_timeout_are_those_that_are_named() -> None:
    longer = {
        name.decode()
        for name, operation in OPERATIONS.items()
        if EXTENDED_OPERATIONS[name].most == operation.most + 1
    }
    (sentence,) = re.findall(r"^(.*) take one more argument, TIMEOUT,", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == longer


def test_the_statuses_are_those_that_are_sent() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", TEXT, re.MULTILINE)
    constants = {name: value for name, value in vars(Status).items() if name.isupper()}
    assert {name: int(number) for number, name in rows} == constants


def test_the_options_are_those_that_are_offered() -> None:
    (table,) = re.findall(r"^\| option \|.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    assert {name.encode() for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)} == OFFERS

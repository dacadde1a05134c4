"""The codes of a cluster, and the steps by which hosts follow them."""

from __future__ import annotations

import pytest

from nws.depalma.codes import Codes
from nws.depalma.messages import CodeTable, read, write
from nws.depalma.parameters import CodeSpec
from nws.errors import DepalmaLookupException


def test_each_change_is_a_step_and_numbers_are_not_used_again() -> None:
    codes = Codes()
    first = codes.add(CodeSpec("true", label="a"))
    codes.remove(first)
    second = codes.add(CodeSpec(["false"]))
    assert (codes.step, first, second, len(codes)) == (4, 1, 2, 1)
    with pytest.raises(DepalmaLookupException):
        codes.number_of("a")
    for wrong in (True, "2", 2.5, "", None, [2]):
        with pytest.raises(DepalmaLookupException):
            codes.number_of(wrong)


def test_a_code_of_which_hosts_could_not_be_told_leaves_no_step() -> None:
    """Else all of them would be behind."""
    codes = Codes()
    codes.withdraw(codes.add(CodeSpec("true", label="a")))
    assert (codes.step, len(codes)) == (1, 0)


def test_hosts_read_what_was_written() -> None:
    codes = Codes()
    number = codes.add(CodeSpec(["true"], env={"A": "ä"}, memory=2**40, groups=["x"]))
    table = read(CodeTable, write(codes.table(10.0, 1000)))
    assert (table.step, table.lost_after, table.max_output) == (2, 10.0, 1000)
    assert CodeSpec.from_plain(table.codes[str(number)]) == codes[number]

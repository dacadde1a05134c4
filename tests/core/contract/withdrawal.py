"""Values that are withdrawn by their indexes, and stores that tell these."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.core.contract.variables import MODES
from tests.support.clients import WS, Company
from tests.support.values import text_value


class WithdrawalContract:
    """What `Space` promises of `withdraw`, and of `settle` with ``numbered``."""

    @pytest.mark.parametrize("mode", MODES)
    def test_what_is_in_the_queue_is_gone(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"0", b"1", b"2", b"3")
        there = [3] if mode == b"single" else [3, 1]
        assert client.withdraw(b"x", [3, 1, 3, 7]).listing == b" ".join(b"%d" % n for n in there)
        rest = [] if mode == b"single" else [b"0", b"2"]
        assert client.list_vars().listing == b"x\t%d\t0\t0\t%b" % (len(rest), mode)
        if rest:
            assert {*client.take(b"x", 9).payloads} == {*rest}

    def test_what_was_taken_or_leased_is_not(self, company: Company) -> None:
        client, other = company.clients(2, acknowledge=True)
        client.store(b"x", b"0", b"1", b"2", b"3")
        fetched = other.fetch(b"x")
        leased = other.lease(b"x")
        gone = other.fetch(b"x")
        other.confirm(gone)
        assert client.withdraw(b"x", [0, 1, 2, 3]).listing == b"3"
        other.put_back(fetched)
        other.release(leased.lease_ids)
        assert client.withdraw(b"x", [0, 1, 2, 3]).listing == b"0 1", "when they are back"

    @pytest.mark.parametrize("mode", [b"fifo", b"lifo", b"multi"])
    def test_what_came_back_is_withdrawn_from_its_place(
        self, company: Company, mode: bytes
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", *(b"%d" % n for n in range(6)))
        client.release(client.lease(b"x", 3).lease_ids)
        assert client.withdraw(b"x", range(1, 5)).listing == b"1 2 3 4"
        assert {*client.take(b"x", 9).payloads} == {b"0", b"5"}

    def test_it_can_only_look(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1")
        assert client.withdraw(b"x", [1, 5, 0], keep=True).listing == b"1 0"
        assert client.take(b"x", 9).payloads == [b"0", b"1"]
        assert client.withdraw(b"x", [0, 1], keep=True).listing == b""

    def test_no_variable_is_made(self, company: Company) -> None:
        client, other = company.clients(2)
        assert client.withdraw(b"x", [0]).listing == b""
        assert client.list_vars().listing == b""
        other.fetch(b"x", wait=True)
        assert client.withdraw(b"x", [0]).listing == b""

    def test_in_a_workspace_that_is_not_open(self, company: Company) -> None:
        client = company.client()
        assert client.withdraw(b"x", [0], ws=b"nowhere").status == Status.NOT_OPEN
        client.delete_ws(WS)
        assert client.withdraw(b"x", [0]).status == Status.NO_WORKSPACE

    # Numbers

    def test_stores_can_be_numbered(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0")
        waiting = other.fetch(b"y", wait=True)
        stores = [(WS, var, text_value(var)) for var in (b"x", b"y", b"x", b"y")]
        numbered = client.settle_values([], stores, numbered=True)
        assert numbered.listing == b"1 0 2 1"
        assert waiting.payload == b"y"
        assert client.settle_values([], [], numbered=True).listing == b""

    def test_numbered_stores_fail_as_others_do(self, company: Company) -> None:
        client = company.client()
        stores = [(WS, b"x", text_value(b"0"))]
        assert client.settle_values([77], stores, numbered=True).status == Status.LEASE_LOST
        assert client.list_vars().listing == b""

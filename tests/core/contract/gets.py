"""Storing, and gets that find something: the four modes, and the index that a get reports."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.core.space import Space
from tests.core.contract.variables import MODES
from tests.support.clients import Company
from tests.support.values import text_value


class GetContract:
    """What `Space` promises of stores, finds and fetches that need not wait."""

    @pytest.mark.parametrize("mode", MODES)
    def test_nothing_there(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        assert client.find(b"x").status == Status.NO_VALUE
        assert client.fetch(b"x").status == Status.NO_VALUE
        assert client.take(b"x", 3).status == Status.NO_VALUE
        assert client.list_vars().listing == b"x\t0\t0\t0\t" + mode

    @pytest.mark.parametrize("mode", MODES)
    def test_find_leaves_the_value_and_fetch_takes_it(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"1")
        assert [client.find(b"x").payload for _ in range(3)] == [b"1"] * 3
        assert client.fetch(b"x").payload == b"1"
        assert client.fetch(b"x").status == Status.NO_VALUE
        assert client.find(b"x").status == Status.NO_VALUE

    def test_a_get_that_may_wait_need_not_if_there_is_a_value(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        assert client.find(b"x", wait=True).payload == b"1"
        assert client.fetch(b"x", wait=True).payload == b"1"
        assert client.take(b"x", 5, wait=True).payloads == [b"2", b"3"]

    def test_value_comes_as_it_was_stored(self, company: Company) -> None:
        client = company.client()
        value = text_value(b"\x00\xff\n" * 1000)
        value.metadata = b"00010001a0001b"
        client.store_values(b"x", [value])
        (found,) = client.find(b"x").values_got
        (fetched,) = client.fetch(b"x").values_got
        for got in (found, fetched):
            assert (got.descriptor, got.payload, got.metadata) == (
                value.descriptor,
                value.payload,
                value.metadata,
            )

    def test_empty_value_is_a_value(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"")
        assert client.list_vars().listing == b"x\t1\t0\t0\tfifo"
        assert client.fetch(b"x").payload == b""

    def test_store_of_no_values(self, company: Company) -> None:
        client = company.client()
        waiting = client.find(b"x", wait=True), client.fetch(b"x", wait=True)
        assert client.store(b"x").succeeded
        assert all(answer.waits for answer in waiting)

    # Modes

    def test_fifo_gives_the_oldest(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"fifo")
        client.store(b"x", b"1", b"2")
        client.store(b"x", b"3")
        assert client.find(b"x").payload == b"1"
        assert [client.fetch(b"x").payload for _ in range(3)] == [b"1", b"2", b"3"]

    def test_lifo_gives_the_newest(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"lifo")
        client.store(b"x", b"1", b"2")
        client.store(b"x", b"3")
        assert client.find(b"x").payload == b"3"
        assert [client.fetch(b"x").payload for _ in range(3)] == [b"3", b"2", b"1"]

    def test_lifo_gives_the_newest_of_what_is_left(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"lifo")
        client.store(b"x", b"1", b"2")
        client.fetch(b"x")
        client.store(b"x", b"3")
        assert [client.fetch(b"x").payload for _ in range(2)] == [b"3", b"1"]

    def test_multi_gives_each_value_once(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"multi")
        stored = [b"%d" % number for number in range(20)]
        client.store(b"x", *stored)
        assert client.find(b"x").payload in stored
        fetched = [client.fetch(b"x").payload for _ in stored]
        assert sorted(map(str, fetched)) == sorted(map(str, stored))

    def test_single_keeps_the_last(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"1")
        client.store(b"x", b"2", b"3")
        assert client.list_vars().listing == b"x\t1\t0\t0\tsingle"
        assert client.find(b"x").payload == b"3"
        assert client.fetch(b"x").payload == b"3"
        assert client.fetch(b"x").status == Status.NO_VALUE

    # The index

    def test_fifo_index_counts_what_has_left_the_front(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"a", b"b", b"c")
        assert client.find(b"x").index == 0
        assert [client.fetch(b"x").index for _ in range(3)] == [0, 1, 2]
        client.store(b"x", b"d")
        assert client.find(b"x").index == 3

    def test_single_index_counts_overwriting(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"a")
        assert client.find(b"x").index == 0
        client.store(b"x", b"b")
        assert client.find(b"x").index == 1
        assert client.fetch(b"x").index == 1
        client.store(b"x", b"c")
        assert client.find(b"x").index == 2

    def test_lifo_index_is_the_place_on_top(self, company: Company) -> None:
        # base + position, as the original counts: base is how many have left.
        client = company.client()
        client.declare_var(b"x", b"lifo")
        client.store(b"x", b"a", b"b", b"c")
        assert [client.fetch(b"x").index for _ in range(3)] == [2, 2, 2]
        client.store(b"x", b"d")
        assert client.find(b"x").index == 3

    @pytest.mark.parametrize("mode", MODES)
    def test_waiting_get_is_told_the_new_index(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"a")
        client.fetch(b"x")
        finder, fetcher = client.find(b"x", wait=True), client.fetch(b"x", wait=True)
        client.store(b"x", b"b")
        assert (finder.index, fetcher.index) == (1, 1)

    # Totals

    def test_totals_count_what_is_held(self, company: Company, space: Space) -> None:
        client = company.client()
        client.store(b"x", b"12345", b"67")
        client.lease(b"x")
        client.find(b"y", wait=True)
        totals = space.views.totals()
        totals.pop("memory")
        assert totals == {
            "workspaces": 2,
            "variables": 2,
            "values": 1,
            "bytes": 2,
            "leases": 1,
            "waiting": 1,
        }

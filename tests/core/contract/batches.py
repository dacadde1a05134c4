"""Taking several values with one operation."""

from __future__ import annotations

import pytest

from nws_server.core.books import MAX_TAKE_BYTES
from nws_server.core.space import Cookie
from tests.core.contract.variables import MODES
from tests.support.clients import Company
from tests.support.values import Body


class BatchContract:
    """What `Space` promises of `take`."""

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [
            (b"fifo", [b"0", b"1", b"2"]),
            (b"lifo", [b"4", b"3", b"2"]),
            (b"single", [b"4"]),
        ],
    )
    def test_takes_up_to_the_limit_by_mode(
        self, company: Company, mode: bytes, expected: list[bytes]
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", *(b"%d" % number for number in range(5)))
        taken = client.take(b"x", 3)
        assert taken.payloads == expected
        assert taken.lease_ids == [0] * len(expected)

    def test_multi_takes_different_values(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"multi")
        client.store(b"x", *(b"%d" % number for number in range(9)))
        taken = client.take(b"x", 5).payloads + client.take(b"x", 5).payloads
        assert sorted(map(str, taken)) == [str(b"%d" % number) for number in range(9)]

    def test_takes_what_is_there(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        assert client.take(b"x", 100, wait=True).payloads == [b"1", b"2"]

    def test_waits_for_the_first_only(self, company: Company) -> None:
        client, other = company.clients(2)
        waiting = client.take(b"x", 5, wait=True)
        other.store(b"x", b"1")
        assert waiting.payloads == [b"1"]

    def test_each_leased_value_has_a_lease_of_its_own(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        assert len(set(client.lease(b"x", 3).lease_ids)) == 3

    # From a waiting line

    @pytest.mark.parametrize("mode", [b"fifo", b"lifo", b"multi"])
    def test_who_waits_gets_as_many_of_one_store_as_he_may(
        self, company: Company, mode: bytes
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        takers = [client.take(b"x", limit, wait=True) for limit in (2, 1, 3)]
        single = client.fetch(b"x", wait=True)
        last = client.take(b"x", 9, wait=True)
        other.store(b"x", *(b"%d" % number for number in range(8)))
        assert [taker.payloads for taker in takers] == [[b"0", b"1"], [b"2"], [b"3", b"4", b"5"]]
        assert single.payload == b"6"
        assert last.payloads == [b"7"]

    def test_who_waits_for_a_single_variable_gets_one(self, company: Company) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", b"single")
        takers = [client.take(b"x", 5, wait=True) for _ in range(2)]
        other.store(b"x", b"0", b"1", b"2", b"3")
        assert [taker.payloads for taker in takers] == [[b"0"], [b"1"]]
        assert client.fetch(b"x").payload == b"3"

    def test_what_nobody_takes_is_kept(self, company: Company) -> None:
        client, other = company.clients(2)
        finder = client.find(b"x", wait=True)
        taker = client.take(b"x", 2, wait=True)
        other.store(b"x", b"0", b"1", b"2", b"3")
        assert finder.payload == b"0"
        assert taker.payloads == [b"0", b"1"]
        assert client.take(b"x", 9).payloads == [b"2", b"3"]

    def test_waiting_lease_of_several(self, company: Company) -> None:
        client, other = company.clients(2)
        leased = client.lease(b"x", 2, wait=True)
        other.store(b"x", b"0", b"1", b"2")
        assert leased.payloads == [b"0", b"1"]
        assert client.list_vars(leased=True).listing == b"x\t1\t0\t0\tfifo\t2"
        client.leave()
        assert other.take(b"x", 9).payloads == [b"0", b"1", b"2"]

    @pytest.mark.parametrize("mode", MODES)
    def test_returned_values_serve_who_waits_for_several(
        self, company: Company, mode: bytes
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        client.store(b"x", b"0", b"1", b"2", b"3")
        leased = client.lease(b"x", 4)
        takers = [other.take(b"x", 2, wait=True) for _ in range(3)]
        client.release(leased.lease_ids)
        served = [taker for taker in takers if not taker.waits]
        assert served == takers[: 1 if mode == b"single" else 2]
        got = [payload for taker in served for payload in taker.payloads]
        if mode == b"multi":
            assert sorted(map(str, got)) == sorted(map(str, leased.payloads))
        else:
            assert got == leased.payloads

    # Large values

    @pytest.mark.parametrize("waits", [False, True])
    def test_stops_when_the_values_are_large_together(self, company: Company, waits: bool) -> None:
        client = company.client()
        bodies = [Body(MAX_TAKE_BYTES // 2 - 1) for _ in range(5)]
        if waits:
            takers = [client.take(b"x", 9, wait=True) for _ in range(2)]
            client.store(b"x", *bodies)
        else:
            client.store(b"x", *bodies)
            takers = [client.take(b"x", 9) for _ in range(2)]
        assert [taker.payloads for taker in takers] == [bodies[:3], bodies[3:]]

    @pytest.mark.parametrize("waits", [False, True])
    def test_a_value_of_any_size_is_taken(self, company: Company, waits: bool) -> None:
        client = company.client()
        huge = [Body(10 * MAX_TAKE_BYTES) for _ in range(2)]
        if waits:
            taker = client.take(b"x", 9, wait=True)
            client.store(b"x", *huge)
        else:
            client.store(b"x", *huge)
            taker = client.take(b"x", 9)
        assert taker.payloads == huge[:1]
        assert client.fetch(b"x").payload is huge[1]

    def test_taking_goes_on_where_an_iterator_stands(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        seen = client.find(b"x", cookie=Cookie(b"", 0))
        other.take(b"x", 2)
        assert client.find(b"x", cookie=seen.cookie).payload == b"2"

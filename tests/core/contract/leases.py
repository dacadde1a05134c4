"""Leases: takes that come back unless they are settled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nws.errors import Status
from nws_server.core.space import Cookie
from tests.core.contract.variables import MODES
from tests.support.answers import Answer
from tests.support.clients import WS, Client, Company


def drain(client: Client, var: bytes = b"x") -> list[object]:
    """Fetch everything that is there."""
    payloads = []
    while (answer := client.fetch(var)).succeeded:
        payloads.append(answer.payload)
    return payloads


def _release(company: Company, client: Client, leased: Answer) -> None:
    assert client.release(leased.lease_ids).succeeded


def _blame(company: Company, client: Client, leased: Answer) -> None:
    assert client.release(leased.lease_ids, blame=True).succeeded


def _expire(company: Company, client: Client, leased: Answer) -> None:
    company.pass_time(10)


def _leave(company: Company, client: Client, leased: Answer) -> None:
    client.leave()


End = Callable[[Company, Client, Answer], None]
every_end = pytest.mark.parametrize("end", [_release, _blame, _expire, _leave])


class LeaseContract:
    """What `Space` promises of leases, but for `settle`."""

    def test_leased_value_is_out_of_the_queue_but_in_the_books(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        leased = client.lease(b"x", seconds=2.5)
        assert leased.payload == b"1"
        assert client.find(b"x").payload == b"2"
        assert client.list_vars(leased=True).listing == b"x\t1\t0\t0\tfifo\t1"
        assert client.list_leases().listing == b"x\t%d\t1\thost:1\t2500" % leased.lease_id
        assert company.space.views.totals()["leases"] == 1

    def test_listing_is_in_the_order_of_the_ids(self, company: Company) -> None:
        client, other = company.clients(2)
        client.use_ws(b"elsewhere")
        client.store(b"x", b"1", ws=b"elsewhere")
        client.store(b"b", b"1", b"2")
        client.store(b"a", b"3")
        first = client.lease(b"b", seconds=7).lease_id
        client.lease(b"x", ws=b"elsewhere")
        second = other.lease(b"a", seconds=8).lease_id
        third = other.lease(b"b", seconds=9).lease_id
        company.pass_time(1)
        assert first < second < third
        assert client.list_leases().listing == (
            b"b\t%d\t1\thost:1\t6000\na\t%d\t1\thost:2\t7000\nb\t%d\t1\thost:2\t8000"
            % (first, second, third)
        )

    def test_ids_are_never_used_again(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        seen = []
        for _ in range(5):
            seen.append(client.lease(b"x").lease_id)
            client.release(seen[-1:])
        assert len(set(seen)) == 5
        assert 0 not in seen

    def test_waiting_lease_starts_when_its_value_comes(self, company: Company) -> None:
        client, other = company.clients(2)
        waiting = client.lease(b"x", wait=True, seconds=5)
        company.pass_time(100)
        other.store(b"x", b"1")
        company.pass_time(4)
        assert client.list_leases().listing == b"x\t%d\t1\thost:1\t1000" % waiting.lease_id
        company.pass_time(1)
        assert client.list_leases().listing == b""

    # Coming back

    @every_end
    @pytest.mark.parametrize(
        ("mode", "order"),
        [
            (b"fifo", [b"0", b"1", b"2", b"3", b"4"]),
            (b"lifo", [b"4", b"3", b"2", b"1", b"0"]),
        ],
    )
    def test_value_returns_to_its_place(
        self, company: Company, mode: bytes, order: list[bytes], end: End
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        client.store(b"x", b"0", b"1", b"2", b"3")
        leased = client.lease(b"x", 2)
        client.store(b"x", b"4")
        end(company, client, leased)
        assert drain(other) == order

    @every_end
    def test_multi_value_is_among_the_others_again(self, company: Company, end: End) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", b"multi")
        client.store(b"x", b"0", b"1", b"2")
        leased = client.lease(b"x", 2)
        client.store(b"x", b"3")
        end(company, client, leased)
        assert set(drain(other)) == {b"0", b"1", b"2", b"3"}

    @every_end
    def test_single_value_returns_if_it_is_the_newest(self, company: Company, end: End) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", b"single")
        client.store(b"x", b"0")
        end(company, client, client.lease(b"x"))
        assert drain(other) == [b"0"]

    @every_end
    @pytest.mark.parametrize("fetched", [False, True])
    def test_single_value_does_not_return_if_a_newer_one_was_stored(
        self, company: Company, fetched: bool, end: End
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", b"single")
        client.store(b"x", b"0")
        leased = client.lease(b"x")
        other.store(b"x", b"1")
        if fetched:
            other.fetch(b"x")
        end(company, client, leased)
        assert drain(other) == ([] if fetched else [b"1"])
        assert company.space.views.totals()["leases"] == 0

    def test_two_leases_of_one_single_variable(self, company: Company) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", b"single")
        client.store(b"x", b"0")
        client.lease(b"x")
        client.store(b"x", b"1")
        client.lease(b"x")
        client.leave()
        assert drain(other) == [b"1"]

    @pytest.mark.parametrize("mode", [b"fifo", b"lifo"])
    @pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
    def test_places_do_not_depend_on_the_order_of_return(
        self, company: Company, mode: bytes, order: tuple[int, ...]
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", *(b"%d" % number for number in range(5)))
        expected = drain(client)
        client.store(b"x", *(b"%d" % number for number in range(5)))
        leased = client.lease(b"x", 3).lease_ids
        for place in order:
            client.release([leased[place]])
        assert drain(client) == expected

    @pytest.mark.parametrize("mode", [b"fifo", b"lifo"])
    def test_returned_values_are_taken_and_return_again(
        self, company: Company, mode: bytes
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"0", b"1", b"2")
        for _ in range(3):
            leased = client.lease(b"x", 2)
            client.release(leased.lease_ids[:1])
            again = client.lease(b"x", 5)
            client.release(again.lease_ids)
            client.release(leased.lease_ids[1:])
        expected = [b"0", b"1", b"2"]
        assert drain(client) == (expected if mode == b"fifo" else expected[::-1])

    def test_index_stays_the_values_own(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1", b"2")
        leased = client.lease(b"x", 2)
        client.release(leased.lease_ids[1:])
        assert client.find(b"x").index == 1
        client.release(leased.lease_ids[:1])
        assert [client.fetch(b"x").index for _ in range(3)] == [0, 1, 2]

    @every_end
    @pytest.mark.parametrize("mode", MODES)
    def test_returned_value_serves_finders_and_then_the_first_fetcher(
        self, company: Company, mode: bytes, end: End
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        client.store(b"x", b"0")
        leased = client.lease(b"x")
        fetchers = [other.fetch(b"x", wait=True) for _ in range(2)]
        finders = [other.find(b"x", wait=True) for _ in range(2)]
        end(company, client, leased)
        assert company.order(*fetchers, *finders) == [*finders, fetchers[0]]
        assert {answer.payload for answer in (*finders, fetchers[0])} == {b"0"}
        assert fetchers[1].waits

    @every_end
    def test_values_that_return_together_are_served_in_order(
        self, company: Company, end: End
    ) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        leased = client.lease(b"x", 3)
        fetchers = [other.fetch(b"x", wait=True) for _ in range(2)]
        end(company, client, leased)
        assert [fetcher.payload for fetcher in fetchers] == [b"0", b"1"]
        assert drain(other) == [b"2"]

    def test_values_of_several_variables_return(self, company: Company) -> None:
        client, other = company.clients(2)
        for var in (b"x", b"y"):
            client.store(var, b"1", b"2")
            client.lease(var)
        client.lease(b"x")
        client.leave()
        assert drain(other, b"x") == drain(other, b"y") == [b"1", b"2"]

    # Attempts

    @pytest.mark.parametrize(
        ("end", "attempt"), [(_release, 1), (_blame, 2), (_expire, 2), (_leave, 2)]
    )
    def test_attempts_are_counted(self, company: Company, end: End, attempt: int) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        end(company, client, client.lease(b"x"))
        again = other.lease(b"x")
        fields = other.list_leases().listing.split(b"\t")
        assert fields[1:4] == [b"%d" % again.lease_id, b"%d" % attempt, b"host:2"]

    def test_attempts_add_up(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        for attempt in range(1, 5):
            leased = client.lease(b"x").lease_id
            assert client.list_leases().listing.split(b"\t")[2] == b"%d" % attempt
            client.release([leased], blame=True)

    def test_only_the_blamed_values_count(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        one, two, three = client.lease(b"x", 3).lease_ids
        client.release([two], blame=True)
        client.release([one, three])
        client.lease(b"x", 3)
        lines = client.list_leases().listing.split(b"\n")
        assert [line.split(b"\t")[2] for line in lines] == [b"1", b"2", b"1"]

    # Deadlines

    def test_lease_ends_at_its_deadline_and_not_before(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        client.lease(b"x", seconds=10)
        company.pass_time(9.75)
        assert client.fetch(b"x").status == Status.NO_VALUE
        company.pass_time(0.25)
        assert client.fetch(b"x").payload == b"1"

    def test_renewed_lease_ends_later(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        leased = client.lease(b"x", 2, seconds=10).lease_ids
        company.pass_time(8)
        assert client.renew(leased[:1], 10).succeeded
        company.pass_time(8)
        assert drain(client) == [b"2"]
        company.pass_time(2)
        assert drain(client) == [b"1"]

    def test_renewed_lease_may_end_sooner(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        client.renew(client.lease(b"x", seconds=1000).lease_ids, 5)
        assert company.space.next_deadline() == company.space.now + 5
        company.pass_time(5)
        assert drain(client) == [b"1"]

    def test_renewing_does_not_count_as_an_attempt(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        leased = client.lease(b"x", seconds=1)
        client.renew(leased.lease_ids, 3)
        assert client.list_leases().listing == b"x\t%d\t1\thost:1\t3000" % leased.lease_id

    def test_lease_handed_over_at_a_deadline_starts_then(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        client.lease(b"x", seconds=3)
        waiting = other.lease(b"x", seconds=4, wait=True)
        company.pass_time(5)
        assert other.list_leases().listing == b"x\t%d\t2\thost:2\t4000" % waiting.lease_id

    # Who holds it

    def test_lease_that_is_over_cannot_be_used(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        leased = client.lease(b"x", seconds=1)
        company.pass_time(1)
        again = other.lease(b"x")
        for answer in (
            client.renew(leased.lease_ids, 5),
            client.release(leased.lease_ids),
            client.settle(leased.lease_ids),
        ):
            assert answer.status == Status.LEASE_LOST
            assert str(leased.lease_id) in answer.reason
        assert other.settle(again.lease_ids).succeeded

    def test_lease_of_another_session_cannot_be_used(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        leased = client.lease(b"x").lease_ids
        for answer in (other.renew(leased, 5), other.release(leased), other.settle(leased)):
            assert answer.status == Status.LEASE_LOST
        assert client.settle(leased).succeeded

    def test_renew_and_release_are_all_or_none(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        leased = client.lease(b"x", 2, seconds=10).lease_ids
        ids = [leased[0], 12345, leased[1]]
        assert client.renew(ids, 99).status == Status.LEASE_LOST
        answer = client.release(ids, blame=True)
        assert answer.status == Status.LEASE_LOST
        assert "12345" in answer.reason
        assert str(leased[0]) not in answer.reason.replace("12345", "")
        assert company.space.next_deadline() == company.space.now + 10
        assert [line.split(b"\t")[2] for line in client.list_leases().listing.split(b"\n")] == [
            b"1",
            b"1",
        ]

    def test_same_lease_named_twice_is_one(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        (leased,) = client.lease(b"x").lease_ids
        assert client.renew([leased, leased], 5).succeeded
        assert client.release([leased, leased]).succeeded
        assert drain(client) == [b"1"]
        assert client.release([leased]).status == Status.LEASE_LOST

    def test_no_leases_are_all_held(self, company: Company) -> None:
        client = company.client()
        assert client.renew([], 5).succeeded
        assert client.release([]).succeeded
        assert client.settle([]).succeeded

    def test_leases_outlive_the_binding(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        leased = client.lease(b"x").lease_ids
        other.use_ws(b"elsewhere")
        assert client.release(leased).succeeded
        assert other.fetch(b"x", ws=WS).payload == b"1"

    def test_leased_values_are_no_obstacle_for_iterators(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1")
        leased = other.lease(b"x")
        answer = client.find(b"x", cookie=Cookie(b"", 0))
        assert answer.payload == b"1"
        assert client.fetch(b"x", cookie=Cookie(b"", 0)).payload == b"1"
        other.release(leased.lease_ids)
        assert client.find(b"x", cookie=answer.cookie).status == Status.NO_VALUE
        assert client.find(b"x").payload == b"0"

"""Deliveries: confirmed, or undone because they never reached their client."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.core.contract.leases import drain
from tests.core.contract.variables import MODES
from tests.support.clients import Company


class PutBackContract:
    """What `Space` promises of `confirm` and `put_back`."""

    @pytest.mark.parametrize("mode", MODES)
    def test_value_returns(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"0")
        client.put_back(client.fetch(b"x"))
        assert client.list_vars().listing == b"x\t1\t0\t0\t" + mode
        assert drain(client) == [b"0"]

    @pytest.mark.parametrize(
        ("mode", "order"),
        [(b"fifo", [b"0", b"1", b"2", b"3"]), (b"lifo", [b"3", b"2", b"1", b"0"])],
    )
    @pytest.mark.parametrize("taken", [1, 2, 3])
    def test_values_return_to_their_places(
        self, company: Company, mode: bytes, order: list[bytes], taken: int
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"0", b"1", b"2")
        answer = client.take(b"x", taken)
        client.store(b"x", b"3")
        client.put_back(answer)
        assert drain(client) == order

    def test_multi_values_return(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"multi")
        client.store(b"x", b"0", b"1", b"2")
        answer = client.take(b"x", 2)
        client.put_back(answer)
        assert set(drain(client)) == {b"0", b"1", b"2"}

    def test_single_value_returns_unless_a_newer_one_was_stored(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"0")
        old = client.fetch(b"x")
        client.store(b"x", b"1")
        client.put_back(old)
        new = client.fetch(b"x")
        assert new.payload == b"1"
        client.put_back(old)
        assert client.fetch(b"x").status == Status.NO_VALUE
        client.put_back(new)
        assert client.fetch(b"x").payload == b"1"

    def test_order_when_older_and_newer_values_return(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", *(b"%d" % number for number in range(6)))
        answers = [client.fetch(b"x") for _ in range(4)]
        for place in (2, 0, 3):
            client.put_back(answers[place])
        assert client.fetch(b"x").payload == b"0"
        client.put_back(answers[1])
        assert drain(client) == [b"1", b"2", b"3", b"4", b"5"]

    @pytest.mark.parametrize("mode", MODES)
    def test_finders_and_then_the_first_fetcher_are_served(
        self, company: Company, mode: bytes
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        client.store(b"x", b"0")
        answer = client.fetch(b"x")
        fetchers = [other.fetch(b"x", wait=True) for _ in range(2)]
        finders = [other.find(b"x", wait=True) for _ in range(2)]
        client.put_back(answer)
        assert company.order(*fetchers, *finders) == [*finders, fetchers[0]]
        assert {got.payload for got in (*finders, fetchers[0])} == {b"0"}
        client.put_back(fetchers[0])
        assert fetchers[1].payload == b"0"

    def test_value_handed_straight_to_a_waiting_fetcher_returns(self, company: Company) -> None:
        client, other = company.clients(2)
        waiting = [client.fetch(b"x", wait=True), client.take(b"x", 2, wait=True)]
        other.store(b"x", b"0", b"1", b"2", b"3")
        client.put_back(waiting[1])
        client.put_back(waiting[0])
        assert drain(other) == [b"0", b"1", b"2", b"3"]

    def test_values_returned_one_after_another_to_several_fetchers(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        answer = client.take(b"x", 3)
        fetchers = [other.fetch(b"x", wait=True) for _ in range(2)]
        client.put_back(answer)
        assert [fetcher.payload for fetcher in fetchers] == [b"0", b"1"]
        assert drain(other) == [b"2"]

    def test_it_is_no_attempt(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0")
        for _ in range(3):
            client.put_back(client.fetch(b"x"))
        client.lease(b"x")
        assert client.list_leases().listing.split(b"\t")[2] == b"1"

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("remade", [False, True])
    def test_nothing_happens_if_the_variable_is_gone(
        self, company: Company, mode: bytes, remade: bool
    ) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        client.store(b"x", b"0")
        answer = client.fetch(b"x")
        client.delete_ws()
        client.use_ws()
        if remade:
            client.declare_var(b"x", mode)
        client.put_back(answer)
        assert client.fetch(b"x").status == Status.NO_VALUE
        assert company.space.views.totals()["values"] == 0

    def test_value_returns_although_its_fetcher_left(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0")
        answer = client.fetch(b"x")
        client.leave()
        client.put_back(answer)
        assert drain(other) == [b"0"]

    # Sessions that acknowledge

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("waits", [False, True])
    def test_what_was_not_confirmed_returns_at_the_end_of_the_session(
        self, company: Company, mode: bytes, waits: bool
    ) -> None:
        client, other = company.client(acknowledges=True), company.client()
        other.declare_var(b"x", mode)
        if not waits:
            other.store(b"x", b"0")
        fetched = client.fetch(b"x", wait=True)
        if waits:
            other.store(b"x", b"0")
        assert fetched.payload == b"0"
        assert other.fetch(b"x").status == Status.NO_VALUE
        client.leave()
        assert drain(other) == [b"0"]

    def test_it_returns_to_its_place_and_to_who_waits(self, company: Company) -> None:
        client, other = company.client(acknowledges=True), company.client()
        other.store(b"x", b"0", b"1", b"2", b"3")
        client.fetch(b"x")
        client.confirm(client.take(b"x", 2))
        client.lease(b"x")
        fetchers = [other.fetch(b"x", wait=True) for _ in range(2)]
        client.leave()
        assert [fetcher.payload for fetcher in fetchers] == [b"0", b"3"]

    def test_it_is_no_attempt_but_an_unsettled_lease_is_one(self, company: Company) -> None:
        client, other = company.client(acknowledges=True), company.client()
        other.store(b"x", b"0", b"1")
        client.fetch(b"x")
        client.lease(b"x")
        client.leave()
        other.lease(b"x", 2)
        lines = other.list_leases().listing.split(b"\n")
        assert [line.split(b"\t")[2] for line in lines] == [b"1", b"2"]

    def test_confirmed_values_are_gone(self, company: Company) -> None:
        client, other = company.client(acknowledges=True), company.client()
        other.store(b"x", b"0", b"1", b"2")
        for answer in (client.fetch(b"x"), client.take(b"x", 2)):
            client.confirm(answer)
            client.confirm(answer)  # does nothing
        client.leave()
        assert drain(other) == []

    def test_confirmed_values_can_still_be_put_back(self, company: Company) -> None:
        client = company.client(acknowledges=True)
        client.store(b"x", b"0", b"1", b"2")
        answer = client.take(b"x", 2)
        client.confirm(answer)
        client.put_back(answer)
        assert drain(client) == [b"0", b"1", b"2"]

    def test_sessions_that_do_not_acknowledge_hold_nothing(self, company: Company) -> None:
        client, other = company.clients(2)
        other.store(b"x", b"0")
        client.fetch(b"x")
        client.leave()
        assert drain(other) == []

    def test_deliveries_of_a_deleted_variable_are_forgotten(self, company: Company) -> None:
        client, other = company.client(acknowledges=True), company.client()
        other.store(b"x", b"0", b"1")
        kept, confirmed = client.fetch(b"x"), client.fetch(b"x")
        other.delete_var(b"x")
        client.confirm(confirmed)
        client.leave()
        other.declare_var(b"x", b"fifo")
        assert kept.payload == b"0"
        assert drain(other) == []

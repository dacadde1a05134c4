"""Waiting: who is served, in which order, and who only stood there."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.core.contract.variables import MODES
from tests.support.clients import Company


class WaitingContract:
    """What `Space` promises of gets that wait."""

    @pytest.mark.parametrize("mode", MODES)
    def test_store_serves_who_waits(self, company: Company, mode: bytes) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        waiting = client.fetch(b"x", wait=True)
        assert waiting.waits
        other.store(b"x", b"1")
        assert waiting.payload == b"1"
        assert client.list_vars().listing == b"x\t0\t0\t0\t" + mode

    @pytest.mark.parametrize("mode", MODES)
    def test_one_store_serves_one_fetcher_the_longest_waiting(
        self, company: Company, mode: bytes
    ) -> None:
        clients = company.clients(4)
        clients[0].declare_var(b"x", mode)
        waiting = [client.fetch(b"x", wait=True) for client in clients[:3]]
        for number, answer in enumerate(waiting):
            clients[3].store(b"x", b"%d" % number)
            assert answer.payload == b"%d" % number
            assert all(later.waits for later in waiting[number + 1 :])

    @pytest.mark.parametrize("mode", MODES)
    def test_one_store_serves_every_finder_then_one_fetcher(
        self, company: Company, mode: bytes
    ) -> None:
        client, other = company.clients(2)
        client.declare_var(b"x", mode)
        fetchers = [client.fetch(b"x", wait=True)]
        finders = [client.find(b"x", wait=True)]
        fetchers.append(client.fetch(b"x", wait=True))
        finders.append(client.find(b"x", wait=True))
        stored = other.store(b"x", b"1")
        assert company.order(*fetchers, *finders, stored) == [*finders, fetchers[0], stored]
        assert fetchers[1].waits
        assert client.list_vars().listing == b"x\t0\t1\t0\t" + mode

    @pytest.mark.parametrize("mode", MODES)
    def test_finders_alone_leave_the_value(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        finders = [client.find(b"x", wait=True) for _ in range(3)]
        client.store(b"x", b"1")
        assert [finder.payload for finder in finders] == [b"1"] * 3
        assert client.fetch(b"x").payload == b"1"

    def test_single_value_handed_to_a_fetcher_is_not_kept(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.fetch(b"x", wait=True)
        client.store(b"x", b"1")
        assert client.find(b"x").status == Status.NO_VALUE

    def test_each_variable_has_its_own_lines(self, company: Company) -> None:
        client = company.client()
        x, y = client.fetch(b"x", wait=True), client.fetch(b"y", wait=True)
        client.store(b"y", b"1")
        assert x.waits
        assert y.payload == b"1"

    def test_one_client_may_wait_several_times(self, company: Company) -> None:
        client = company.client()
        waiting = [client.fetch(b"x", wait=True) for _ in range(3)]
        client.store(b"x", b"1", b"2")
        assert [answer.payload for answer in waiting[:2]] == [b"1", b"2"]
        assert waiting[2].waits

    # Several values in one store

    @pytest.mark.parametrize("mode", MODES)
    def test_storing_many_is_one_store_after_another(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        fetchers = [client.fetch(b"x", wait=True) for _ in range(2)]
        finders = [client.find(b"x", wait=True) for _ in range(2)]
        client.store(b"x", b"1", b"2", b"3")
        assert company.order(*fetchers, *finders) == [*finders, *fetchers]
        assert [finder.payload for finder in finders] == [b"1", b"1"]
        assert [fetcher.payload for fetcher in fetchers] == [b"1", b"2"]
        assert client.find(b"x").payload == b"3"

    def test_fetchers_left_over_wait_on(self, company: Company) -> None:
        client = company.client()
        fetchers = [client.fetch(b"x", wait=True) for _ in range(4)]
        client.store(b"x", b"1", b"2")
        assert [fetcher.payload for fetcher in fetchers[:2]] == [b"1", b"2"]
        client.store(b"x", b"3", b"4", b"5")
        assert [fetcher.payload for fetcher in fetchers[2:]] == [b"3", b"4"]
        assert client.fetch(b"x").payload == b"5"

    # Leaving the line

    def test_cancelled_operation_is_never_answered(self, company: Company) -> None:
        client = company.client()
        fetcher, finder = client.fetch(b"x", wait=True), client.find(b"x", wait=True)
        client.cancel(fetcher)
        client.cancel(finder)
        client.store(b"x", b"1")
        assert fetcher.waits
        assert finder.waits
        assert client.fetch(b"x").payload == b"1"

    @pytest.mark.parametrize("leaver", range(4))
    def test_who_leaves_changes_nothing_for_the_others(self, company: Company, leaver: int) -> None:
        client = company.client()
        fetchers = [client.fetch(b"x", wait=True) for _ in range(4)]
        client.cancel(fetchers.pop(leaver))
        for number, fetcher in enumerate(fetchers):
            client.store(b"x", b"%d" % number)
            assert fetcher.payload == b"%d" % number

    def test_who_comes_back_stands_at_the_end(self, company: Company) -> None:
        client = company.client()
        first, second = client.fetch(b"x", wait=True), client.fetch(b"x", wait=True)
        client.cancel(first)
        again = client.fetch(b"x", wait=True)
        client.store(b"x", b"1", b"2")
        assert (second.payload, again.payload) == (b"1", b"2")

    def test_who_leaves_with_his_session_is_not_served(self, company: Company) -> None:
        one, other = company.clients(2)
        gone, waiting = one.fetch(b"x", wait=True), other.fetch(b"x", wait=True)
        one.leave()
        other.store(b"x", b"1")
        assert gone.waits
        assert waiting.payload == b"1"

    def test_cancelled_waiter_leaves_the_listing(self, company: Company) -> None:
        client = company.client()
        client.cancel(client.fetch(b"x", wait=True))
        client.cancel(client.find(b"x", wait=True))
        assert client.list_vars().listing == b"x\t0\t0\t0\tunknown"

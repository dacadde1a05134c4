"""Settling: leased values go for good and others are stored, in one step or not at all."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.support.clients import WS, Company
from tests.support.values import text_value


class SettlingContract:
    """What `Space` promises of `settle`."""

    def test_settled_value_is_gone(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1", b"2")
        leased = client.lease(b"x", 2)
        assert client.settle(leased.lease_ids).succeeded
        company.pass_time(1000)
        client.leave()
        assert other.list_vars(leased=True).listing == b"x\t0\t0\t0\tfifo\t0"

    def test_settles_some_and_keeps_others(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        one, two, three = client.lease(b"x", 3).lease_ids
        assert client.settle([three, one]).succeeded
        assert client.release([two]).succeeded
        assert client.fetch(b"x").payload == b"2"

    def test_stores_in_order(self, company: Company) -> None:
        client = company.client()
        client.store(b"task", b"1")
        leased = client.lease(b"task")
        answer = client.settle(
            leased.lease_ids, (b"r", b"a"), (b"s", b"b"), (b"r", b"c"), (b"r", b"d")
        )
        assert answer.succeeded
        assert client.take(b"r", 9).payloads == [b"a", b"c", b"d"]
        assert client.take(b"s", 9).payloads == [b"b"]

    def test_stores_by_mode(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"single", b"single")
        client.declare_var(b"lifo", b"lifo")
        client.settle(
            [], *((var, payload) for var in (b"single", b"lifo") for payload in (b"1", b"2"))
        )
        assert client.take(b"single", 9).payloads == [b"2"]
        assert client.take(b"lifo", 9).payloads == [b"2", b"1"]

    def test_serves_who_waits_before_it_answers(self, company: Company) -> None:
        client, other = company.clients(2)
        finder = other.find(b"r", wait=True)
        fetcher = other.fetch(b"r", wait=True)
        second = other.fetch(b"r", wait=True)
        settled = client.settle([], (b"r", b"a"), (b"r", b"b"))
        assert company.order(finder, fetcher, second, settled) == [finder, fetcher, second, settled]
        assert (finder.payload, fetcher.payload, second.payload) == (b"a", b"a", b"b")

    def test_stores_into_the_variable_it_leased_from(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        leased = client.lease(b"x")
        waiting = other.lease(b"x", wait=True)
        assert client.settle(leased.lease_ids, (b"x", b"2")).succeeded
        assert waiting.payload == b"2"
        assert client.list_vars(leased=True).listing == b"x\t0\t0\t0\tfifo\t1"

    def test_stores_without_any_lease(self, company: Company) -> None:
        client = company.client()
        assert client.settle([], (b"x", b"1")).succeeded
        assert client.fetch(b"x").payload == b"1"

    # All or nothing

    @pytest.mark.parametrize("leases", [[], [WS], [b"other"], [WS, b"other"]])
    @pytest.mark.parametrize("stores", [[], [WS], [b"other"], [WS, b"other", WS]])
    def test_two_workspaces_are_refused(
        self, company: Company, leases: list[bytes], stores: list[bytes]
    ) -> None:
        client, other = company.clients(2)
        client.use_ws(b"other")
        held = []
        for ws in (WS, b"other"):
            client.store(b"x", b"1", ws=ws)
            lease = client.lease(b"x", ws=ws)
            held += lease.lease_ids if ws in leases else []
        finder = other.find(b"r", wait=True)
        values = [(ws, b"r", text_value(b"%d" % number)) for number, ws in enumerate(stores)]
        answer = client.settle_values(held, values)
        if len({*leases, *stores}) < 2:
            assert answer.succeeded
            return
        assert answer.status == Status.REFUSED
        assert "'work'" in answer.reason
        assert "'other'" in answer.reason
        assert finder.waits
        assert client.list_vars(ws=b"other", leased=True).listing == b"x\t0\t0\t0\tfifo\t1"
        assert client.release(held).succeeded  # still held

    @pytest.mark.parametrize("late", [True, False])
    def test_lost_lease_refuses_it_all(self, company: Company, late: bool) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1", b"2")
        leased = client.lease(b"x", 2, seconds=5).lease_ids
        if late:
            client.renew(leased[1:], 50)
            company.pass_time(5)
            lost = leased[0]
        else:
            lost = 999
        finder = other.find(b"r", wait=True)
        answer = client.settle([leased[1], lost], (b"r", b"a"))
        assert answer.status == Status.LEASE_LOST
        assert str(lost) in answer.reason
        assert finder.waits
        assert client.release(leased[1:]).succeeded  # still held

    def test_value_leased_again_by_the_same_session_is_another_lease(
        self, company: Company
    ) -> None:
        client = company.client()
        client.store(b"x", b"1")
        first = client.lease(b"x", seconds=1)
        company.pass_time(1)
        second = client.lease(b"x")
        assert client.settle(first.lease_ids, (b"r", b"a")).status == Status.LEASE_LOST
        assert client.settle(second.lease_ids, (b"r", b"a")).succeeded
        assert client.take(b"r", 9).payloads == [b"a"]

    @pytest.mark.parametrize(
        ("workspace", "variable", "status"),
        [
            (b"never opened", b"r", Status.NOT_OPEN),
            (b"deleted", b"r", Status.NO_WORKSPACE),
            (WS, b"r\n", Status.REFUSED),
        ],
    )
    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_store_that_cannot_be_refuses_it_all(
        self, company: Company, workspace: bytes, variable: bytes, status: int, place: int
    ) -> None:
        client, other = company.clients(2)
        client.use_ws(b"deleted")
        client.delete_ws(b"deleted")
        client.store(b"x", b"1")
        leased = client.lease(b"x").lease_ids
        finder = other.find(b"x", wait=True)
        stores = [(WS, b"new", text_value(b"a")), (WS, b"x", text_value(b"b"))]
        stores.insert(place, (workspace, variable, text_value(b"c")))
        assert client.settle_values(leased, stores).status == status
        assert finder.waits
        assert client.list_vars(leased=True).listing == b"x\t0\t0\t1\tfifo\t1"
        assert client.settle(leased).succeeded  # still held

    def test_every_store_must_be_possible_but_is_asked_about_once(self, company: Company) -> None:
        client = company.client()
        stores = [(b"nowhere", b"a", text_value(b"1")), (b"nowhere", b"b", text_value(b"2"))]
        assert client.settle_values([], stores).status == Status.NOT_OPEN

    def test_same_new_variable_many_times(self, company: Company) -> None:
        client = company.client()
        assert client.settle([], *((b"new", b"%d" % number) for number in range(50))).succeeded
        assert client.list_vars().listing == b"new\t50\t0\t0\tfifo"
        assert client.fetch(b"new").index == 0

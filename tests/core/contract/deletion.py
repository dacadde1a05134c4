"""Deleting variables and workspaces while others wait or hold leases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nws.errors import Status
from tests.support.clients import Client, Company


def _delete_variable(owner: Client) -> None:
    assert owner.delete_var(b"x").succeeded


def _delete_workspace(owner: Client) -> None:
    assert owner.delete_ws().succeeded


def _leave(owner: Client) -> None:
    owner.leave()


ways = pytest.mark.parametrize("delete", [_delete_variable, _delete_workspace, _leave])


class DeletionContract:
    """What `Space` promises of deletion."""

    @ways
    def test_fetchers_fail_and_then_finders(
        self, company: Company, delete: Callable[[Client], None]
    ) -> None:
        owner, client = company.stranger(), company.stranger()
        owner.open_ws()
        client.use_ws()
        finders = [client.find(b"x", wait=True)]
        fetchers = [client.fetch(b"x", wait=True)]
        finders.append(client.find(b"x", wait=True))
        fetchers.append(client.take(b"x", 5, wait=True, timeout=1))
        delete(owner)
        assert company.order(*finders, *fetchers) == [*fetchers, *finders]
        status = Status.FAILED if delete is _delete_variable else Status.NO_WORKSPACE
        for answer in (*fetchers, *finders):
            assert answer.status == status
            assert "deleted" in answer.reason
        company.pass_time(2)  # no answer comes a second time

    def test_waiters_fail_variable_by_variable_before_the_requester_is_told(
        self, company: Company
    ) -> None:
        client, other = company.clients(2)
        finder_x, finder_y = client.find(b"x", wait=True), client.find(b"y", wait=True)
        fetcher_x, fetcher_y = client.fetch(b"x", wait=True), client.fetch(b"y", wait=True)
        deleted = other.delete_ws()
        assert company.order(finder_x, finder_y, fetcher_x, fetcher_y, deleted) == [
            *(fetcher_x, finder_x),
            *(fetcher_y, finder_y),
            deleted,
        ]

    def test_deleting_twice_fails(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        assert client.delete_var(b"x").succeeded
        answer = client.delete_var(b"x")
        assert answer.status == Status.FAILED
        assert "x" in answer.reason

    def test_variable_of_unknown_mode_can_be_deleted(self, company: Company) -> None:
        client = company.client()
        client.find(b"x")
        assert client.delete_var(b"x").succeeded
        waiting = client.find(b"x", wait=True)
        assert client.delete_var(b"x").succeeded
        assert waiting.status == Status.FAILED
        assert client.list_vars().listing == b""

    def test_values_are_gone(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        client.delete_var(b"x")
        assert client.fetch(b"x").status == Status.NO_VALUE
        assert company.space.views.totals()["values"] == 0

    @ways
    def test_leases_are_lost(self, company: Company, delete: Callable[[Client], None]) -> None:
        owner, client = company.stranger(), company.stranger()
        owner.open_ws()
        client.use_ws()
        client.store(b"x", b"1", b"2")
        leases = client.lease(b"x", 2).lease_ids
        delete(owner)
        assert company.space.views.totals()["leases"] == 0
        assert client.release(leases).status == Status.LEASE_LOST
        assert client.settle(leases).status == Status.LEASE_LOST
        assert client.renew(leases, 9).status == Status.LEASE_LOST
        company.pass_time(100)
        client.leave()

    def test_leased_value_does_not_turn_up_in_the_next_variable_of_that_name(
        self, company: Company
    ) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1")
        client.lease(b"x", seconds=1)
        client.delete_var(b"x")
        client.declare_var(b"x", b"fifo")
        waiting = other.fetch(b"x", wait=True)
        company.pass_time(2)
        client.leave()
        assert waiting.waits
        other.store(b"x", b"2")
        assert (waiting.payload, waiting.index) == (b"2", 0)

    def test_fetched_value_does_not_return_to_the_next_variable_of_that_name(
        self, company: Company
    ) -> None:
        client = company.client()
        client.store(b"x", b"1")
        fetched = client.fetch(b"x")
        client.delete_var(b"x")
        client.put_back(fetched)
        client.store(b"x", b"2")
        client.put_back(fetched)
        assert client.list_vars().listing == b"x\t1\t0\t0\tfifo"
        assert client.fetch(b"x").payload == b"2"

    def test_leases_of_other_variables_are_untouched(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        client.store(b"y", b"2")
        client.lease(b"x")
        kept = client.lease(b"y")
        client.delete_var(b"x")
        assert client.release(kept.lease_ids).succeeded
        assert client.fetch(b"y").payload == b"2"

    def test_owner_who_leaves_loses_leases_in_his_own_workspace(self, company: Company) -> None:
        owner, other = company.stranger(), company.client()
        owner.open_ws(b"own")
        owner.use_ws()
        for ws in (b"own", b"work"):
            owner.store(b"x", b"1", ws=ws)
            owner.lease(b"x", ws=ws)
        owner.leave()
        assert company.space.views.totals()["leases"] == 0
        assert other.fetch(b"x").payload == b"1"

"""What can be seen of a space from outside, by those who only views."""

from __future__ import annotations

from tests.support.clients import WS, Company


class ViewsContract:
    """What `Views` shows of a space."""

    def test_what_is_not_there_is_nothing(self, company: Company) -> None:
        views = company.space.views
        assert views.workspace(b"nowhere") is None
        assert views.variable(WS, b"x") is None
        assert views.variables(b"nowhere") == []
        assert list(views.values(WS, b"x", 0, 10)) == []
        assert views.value(WS, b"x", 0) is None
        assert views.waiters(WS, b"x", 10) == []
        assert views.leases(WS, b"x", 10) == []

    def test_numbers_of_a_workspace(self, company: Company) -> None:
        client, other = company.clients(2)
        company.pass_time(3)
        client.open_ws(b"mine", label=b"label", persistent=True)
        client.store(b"x", b"12", b"345", ws=b"mine")
        client.declare_var(b"empty", b"lifo", ws=b"mine")
        other.use_ws(b"mine")
        other.fetch(b"y", ws=b"mine", wait=True)
        other.find(b"y", ws=b"mine", wait=True)
        client.lease(b"x", ws=b"mine")
        seen = company.space.views.workspace(b"mine")
        assert seen is not None
        assert seen in company.space.views.workspaces()
        assert (seen.name, seen.owner, seen.persistent) == (b"mine", b"host:1 (label)", True)
        assert seen.created == company.space.now
        assert (seen.variables, seen.values, seen.bytes) == (3, 1, 3)
        assert (seen.leased, seen.waiting) == (1, 2)

    def test_numbers_of_a_variable(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"12", b"345", b"6")
        client.lease(b"x")
        other.find(b"z", wait=True)
        views = company.space.views
        seen = {variable.name: views.view(variable) for variable in views.variables(WS)}
        assert list(seen) == [b"x", b"z"]
        assert seen[b"x"] == company.space.views.variable(WS, b"x")
        assert seen[b"x"][2:] == (b"fifo", 2, 1, 0, 0, 4, 3)
        assert seen[b"z"][2:] == (b"unknown", 0, 0, 0, 1, 0, 0)
        assert seen[b"x"].id != seen[b"z"].id

    def test_values_are_seen_and_stay(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", *(b"%d" % number for number in range(20)))
        views = company.space.views
        assert [value.payload for value in views.values(WS, b"x", 5, 2)] == [b"5", b"6"]
        found = views.value(WS, b"x", 7)
        assert found is not None
        assert found.payload == b"7"
        assert views.totals()["values"] == 20

    def test_who_waits_and_who_holds(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"1", b"22")
        client.lease(b"x", seconds=5)
        company.pass_time(1)
        client.lease(b"x", seconds=5)
        since = company.space.now
        other.find(b"x", wait=True)
        client.fetch(b"x", wait=True, timeout=9)
        first, second = company.space.views.leases(WS, b"x", 10)
        assert (first.peer, first.attempt, first.size) == (b"host:1", 1, 1)
        assert (second.since, second.deadline, second.size) == (since, since + 5, 2)
        assert company.space.views.leases(WS, b"x", 1) == [first]
        newest = company.space.views.leased_values(WS, b"x", 1)
        assert [len(newest), newest[0].size] == [1, second.size]
        assert len(company.space.views.leased_values(WS, b"x", 10)) == 2
        fetcher, finder = company.space.views.waiters(WS, b"x", 10)
        assert (fetcher.peer, fetcher.removes, fetcher.deadline) == (b"host:1", True, since + 9)
        assert (finder.peer, finder.removes, finder.since) == (b"host:2", False, since)
        assert finder.deadline is None

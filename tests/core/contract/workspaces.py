"""Workspaces: bindings, owners, persistence, temporary names, listings."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.core.space import Space
from tests.support.clients import WS, Company

DEFAULT_LINE = b" __default\t[system]\tFalse\t0\t\n"


class WorkspaceContract:
    """What `Space` promises of workspaces and sessions."""

    # Bindings

    def test_default_workspace_is_there_from_the_start(self, company: Company) -> None:
        client = company.stranger()
        assert client.list_wss() == DEFAULT_LINE
        assert client.use_ws(b"__default", create=False).succeeded

    def test_every_operation_needs_a_binding(self, company: Company) -> None:
        company.client()
        client = company.stranger()
        answers = [
            client.declare_var(b"x", b"fifo"),
            client.delete_var(b"x"),
            client.list_vars(),
            client.list_leases(),
            client.store(b"x", b"1"),
            client.find(b"x"),
            client.find(b"x", wait=True),
            client.fetch(b"x", wait=True),
            client.take(b"x", 1, wait=True),
            client.settle([], (b"x", b"1")),
        ]
        assert {answer.status for answer in answers} == {Status.NOT_OPEN}
        assert all("work" in answer.reason for answer in answers)

    def test_default_workspace_needs_a_binding_too(self, company: Company) -> None:
        client = company.stranger()
        assert client.store(b"x", b"1", ws=b"__default").status == Status.NOT_OPEN

    def test_binding_is_the_sessions_own(self, company: Company) -> None:
        one, other = company.stranger(), company.stranger()
        one.open_ws()
        assert other.store(b"x", b"1").status == Status.NOT_OPEN
        other.use_ws()
        other.store(b"x", b"1")
        assert one.find(b"x").payload == b"1"

    def test_binding_to_a_deleted_workspace_is_dead(self, company: Company) -> None:
        client, other = company.clients(2)
        other.delete_ws()
        answers = [
            client.declare_var(b"x", b"fifo"),
            client.delete_var(b"x"),
            client.list_vars(),
            client.list_leases(),
            client.store(b"x", b"1"),
            client.find(b"x", wait=True),
            client.fetch(b"x"),
            client.take(b"x", 1, wait=True),
            client.settle([], (b"x", b"1")),
        ]
        assert {answer.status for answer in answers} == {Status.NO_WORKSPACE}

    def test_dead_binding_stays_dead_when_the_name_is_used_again(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"old")
        other.delete_ws()
        other.open_ws()
        other.store(b"x", b"new")
        assert client.find(b"x").status == Status.NO_WORKSPACE
        client.use_ws()
        assert client.find(b"x").payload == b"new"

    def test_failed_open_leaves_the_binding_alone(self, company: Company) -> None:
        client = company.client()
        assert client.open_ws(WS, label=b"a\tb").status == Status.REFUSED
        assert client.store(b"x", b"1").succeeded

    @pytest.mark.parametrize("by", ["open_ws", "use_ws"])
    def test_without_create_a_missing_workspace_is_refused(self, company: Company, by: str) -> None:
        client = company.stranger()
        answer = getattr(client, by)(b"ghost", create=False)
        assert answer.status == Status.NO_WORKSPACE
        assert "ghost" in answer.reason
        assert client.list_wss() == DEFAULT_LINE
        assert client.store(b"x", b"1", ws=b"ghost").status == Status.NOT_OPEN

    def test_without_create_an_existing_workspace_is_bound(self, company: Company) -> None:
        company.client()
        client = company.stranger()
        assert client.open_ws(create=False).succeeded
        assert client.store(b"x", b"1").succeeded

    # Owners

    def test_open_owns_what_it_makes(self, company: Company) -> None:
        client, other = company.stranger(), company.stranger()
        client.open_ws(b"mine", label=b"pid 7")
        line = b"mine\thost:1 (pid 7)\tFalse\t0\t\n"
        assert client.list_wss(b"mine") == b">" + line
        assert other.list_wss(b"mine") == b" " + line

    def test_use_makes_it_unowned(self, company: Company) -> None:
        client = company.stranger()
        client.use_ws(b"free")
        assert client.list_wss(b"free") == b" free\t\tFalse\t0\t\n"

    def test_open_takes_an_unowned_workspace(self, company: Company) -> None:
        user, owner = company.stranger(), company.stranger()
        user.use_ws(b"free")
        owner.open_ws(b"free", label=b"l", persistent=True)
        assert owner.list_wss(b"free") == b">free\thost:2 (l)\tTrue\t0\t\n"

    def test_open_does_not_take_an_owned_workspace(self, company: Company) -> None:
        owner, other = company.stranger(), company.stranger()
        owner.open_ws(b"mine", label=b"l")
        assert other.open_ws(b"mine", label=b"m").succeeded
        assert other.list_wss(b"mine") == b" mine\thost:1 (l)\tFalse\t0\t\n"

    def test_only_who_becomes_the_owner_decides_on_persistence(self, company: Company) -> None:
        owner, other = company.stranger(), company.stranger()
        owner.open_ws(b"mine")
        other.open_ws(b"mine", persistent=True)
        owner.open_ws(b"mine", persistent=True)
        assert b"\tFalse\t" in owner.list_wss(b"mine")

    def test_default_workspace_is_the_systems(self, company: Company) -> None:
        client = company.stranger()
        assert client.open_ws(b"__default", persistent=True).succeeded
        assert client.list_wss() == DEFAULT_LINE
        client.leave()
        assert company.stranger().list_wss() == DEFAULT_LINE

    def test_default_workspace_may_be_deleted_and_comes_back_ordinary(
        self, company: Company
    ) -> None:
        client = company.stranger()
        assert client.delete_ws(b"__default").succeeded
        assert client.list_wss() == b"\n"
        client.open_ws(b"__default", label=b"l")
        assert client.list_wss() == b">__default\thost:1 (l)\tFalse\t0\t\n"

    # The end of a session

    def test_owned_workspace_goes_with_its_owner_whoever_uses_it(self, company: Company) -> None:
        owner, user = company.stranger(), company.stranger()
        owner.open_ws()
        user.use_ws()
        user.store(b"x", b"1")
        waiting = user.find(b"y", wait=True)
        owner.leave()
        assert waiting.status == Status.NO_WORKSPACE
        assert user.list_wss() == DEFAULT_LINE
        assert user.find(b"x").status == Status.NO_WORKSPACE

    def test_later_openers_are_not_owners(self, company: Company) -> None:
        owner, other = company.stranger(), company.stranger()
        owner.open_ws()
        other.open_ws()
        other.leave()
        assert owner.store(b"x", b"1").succeeded

    def test_unowned_workspace_stays(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        client.leave()
        assert company.client().find(b"x").payload == b"1"

    def test_persistent_workspace_stays_and_nobody_can_take_it_over(self, company: Company) -> None:
        owner = company.stranger()
        owner.open_ws(label=b"l", persistent=True)
        owner.store(b"x", b"1")
        owner.leave()
        other = company.stranger()
        assert other.open_ws(persistent=False, label=b"m").succeeded
        assert other.list_wss(WS) == b" work\thost:1 (l)\tTrue\t1\tx\n"
        other.leave()
        assert company.client().find(b"x").payload == b"1"

    def test_owner_who_deleted_his_workspace_does_not_purge_the_next_one(
        self, company: Company
    ) -> None:
        owner, other = company.stranger(), company.stranger()
        owner.open_ws()
        other.delete_ws()
        other.use_ws()
        owner.leave()
        assert other.store(b"x", b"1").succeeded

    def test_owner_of_several_leaves_nothing(self, company: Company) -> None:
        owner = company.stranger()
        for name in (b"a", b"b", b"c"):
            owner.open_ws(name)
        owner.leave()
        assert company.stranger().list_wss() == DEFAULT_LINE

    # Deletion

    def test_anyone_may_delete_by_name_alone(self, company: Company) -> None:
        owner, other = company.stranger(), company.stranger()
        owner.open_ws(b"mine", persistent=True)
        assert other.delete_ws(b"mine").succeeded
        assert other.list_wss(b"mine") == b"\n"

    def test_deleting_what_is_not_there_fails(self, company: Company) -> None:
        client = company.client()
        assert client.delete_ws().succeeded
        answer = client.delete_ws()
        assert answer.status == Status.NO_WORKSPACE
        assert "work" in answer.reason

    # Temporary names

    def test_mktemp_fills_its_template_and_binds(self, company: Company) -> None:
        client = company.stranger()
        name = client.mktemp_ws(b"sleigh_ride_%04d").listing
        number, _, token = name.removeprefix(b"sleigh_ride_").partition(b"__nwss")
        assert len(number) == 4
        assert number.isdigit()
        assert len(token) == 6
        assert client.store(b"x", b"1", ws=name).succeeded
        assert client.list_wss(name) == b" " + name + b"\t\tFalse\t1\tx\n"

    def test_mktemp_makes_a_new_name_each_time(self, company: Company) -> None:
        one, other = company.stranger(), company.stranger()
        names = [client.mktemp_ws(b"t%d").listing for client in (one, other) * 20]
        assert len(set(names)) == len(names)

    def test_mktemp_shares_its_counter_with_other_new_workspaces(self, company: Company) -> None:
        client = company.client()
        assert client.mktemp_ws(b"%d").listing.startswith(b"1__nwss")
        client.use_ws(b"another")
        client.use_ws(b"another")
        assert client.mktemp_ws(b"%d").listing.startswith(b"3__nwss")

    def test_mktemp_steps_over_names_that_are_taken(self, company: Company) -> None:
        client = company.stranger()
        first = client.mktemp_ws(b"a%d").listing
        token = first.partition(b"__nwss")[2]
        client.use_ws(b"a3__nwss" + token)  # the third workspace made; the next number is 2
        names = [client.mktemp_ws(b"a%d").listing for _ in range(2)]
        assert names == [b"a2__nwss" + token, b"a4__nwss" + token]

    def test_mktemp_leaves_the_workspace_unowned(self, company: Company) -> None:
        client = company.stranger()
        name = client.mktemp_ws(b"t%d").listing
        client.leave()
        other = company.stranger()
        assert other.open_ws(name, label=b"l", create=False).succeeded
        assert other.list_wss(name) == b">" + name + b"\thost:2 (l)\tFalse\t0\t\n"

    @pytest.mark.parametrize(
        "template", [b"plain", b"", b"%d%d", b"%s", b"%", b"%99d", b"%d\n", b"\t%d", b"%d\x7f"]
    )
    def test_mktemp_refuses_bad_templates(self, company: Company, template: bytes) -> None:
        client = company.stranger()
        assert client.mktemp_ws(template).status == Status.REFUSED
        assert client.list_wss() == DEFAULT_LINE

    # Names

    @pytest.mark.parametrize("name", [b"a\tb", b"a\nb", b"\0", b"\x1f", b"\x7f"])
    def test_names_and_labels_have_no_control_characters(
        self, company: Company, name: bytes
    ) -> None:
        client = company.stranger()
        assert client.open_ws(name).status == Status.REFUSED
        assert client.use_ws(name).status == Status.REFUSED
        assert client.open_ws(label=name).status == Status.REFUSED
        assert client.list_wss() == DEFAULT_LINE

    @pytest.mark.parametrize("name", [b"a b", b"a,b", b"", b"__x", b"\xff\x80", "é".encode()])
    def test_any_other_name_is_legal(self, company: Company, name: bytes) -> None:
        client = company.stranger()
        assert client.open_ws(name).succeeded
        assert client.list_wss(name) == b">%b\thost:1 (4711)\tFalse\t0\t\n" % name

    # Listings

    def test_listing_is_sorted_by_name_and_ends_each_line(self, company: Company) -> None:
        client = company.stranger()
        client.use_ws(b"b")
        client.open_ws(b"a", label=b"l", persistent=True)
        client.use_ws(b"B")
        client.store(b"y", b"1", ws=b"b")
        client.find(b"x", ws=b"b")
        assert client.list_wss() == (
            b" B\t\tFalse\t0\t\n"
            + DEFAULT_LINE
            + b">a\thost:1 (l)\tTrue\t0\t\n"
            + b" b\t\tFalse\t2\tx,y\n"
        )

    def test_listing_of_an_unknown_name_is_a_lone_newline(self, company: Company) -> None:
        assert company.stranger().list_wss(b"ghost") == b"\n"

    def test_closed_space_has_nothing_left(self, company: Company, space: Space) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        client.lease(b"x")
        waiting = client.find(b"y", wait=True)
        space.close()
        assert (waiting.status, waiting.reason) == (Status.SHUT_DOWN, "the server was shut down")
        assert client.list_wss() == b"\n"
        totals = space.views.totals()
        assert not any(totals.values()), totals

"""Gets from any of several variables."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.core.contract.variables import MODES
from tests.support.clients import Company

NAMES = [b"x", b"y", b"z"]


class AnyOfContract:
    """What `Space` promises of `take_any` and `find_any`."""

    def test_the_first_name_with_a_value_is_preferred(self, company: Company) -> None:
        client = company.client()
        client.store(b"z", b"3")
        client.store(b"y", b"2")
        taken = client.take_any(NAMES)
        assert taken.payload == b"2"
        assert taken.place is not None
        assert taken.place.name == b"y"
        assert client.take_any(NAMES).payload == b"3"

    def test_it_takes_several_from_one_variable_only(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        client.store(b"y", b"4")
        assert client.take_any(NAMES, 2).payloads == [b"1", b"2"]
        assert client.take_any(NAMES, 2).payloads == [b"3"]

    def test_to_find_leaves_the_value(self, company: Company) -> None:
        client = company.client()
        client.store(b"y", b"1")
        for _ in range(2):
            found = client.find_any(NAMES)
            assert found.payload == b"1"
            assert found.lease_ids == [0]
        assert client.fetch(b"y").payload == b"1"

    @pytest.mark.parametrize("mode", MODES)
    def test_the_first_store_ends_the_wait_in_all(self, company: Company, mode: bytes) -> None:
        client, other = company.clients(2)
        for name in NAMES:
            client.declare_var(name, mode)
        taker, finder = client.take_any(NAMES), client.find_any(NAMES)
        other.store(b"y", b"1")
        assert (taker.payload, finder.payload) == (b"1", b"1")
        other.store(b"x", b"2")
        other.store(b"y", b"3")
        counts = [line.split(b"\t")[1:4] for line in client.list_vars().listing.split(b"\n")]
        assert counts == [[b"1", b"0", b"0"], [b"1", b"0", b"0"], [b"0", b"0", b"0"]]

    def test_who_came_first_is_served_first_in_each(self, company: Company) -> None:
        first, second, third, other = company.clients(4)
        for_y = first.fetch(b"y", wait=True)
        for_any = second.take_any(NAMES)
        for_x = third.fetch(b"x", wait=True)
        other.store(b"y", b"1")
        other.store(b"x", b"2")
        other.store(b"x", b"3")
        assert (for_y.payload, for_any.payload, for_x.payload) == (b"1", b"2", b"3")

    def test_a_name_given_twice_is_as_good_as_once(self, company: Company) -> None:
        client = company.client()
        waiting = client.take_any([b"x", b"x", b"y"])
        assert client.list_vars().listing == b"x\t0\t1\t0\tunknown\ny\t0\t1\t0\tunknown"
        client.store(b"x", b"1", b"2")
        assert waiting.payload == b"1"
        assert client.fetch(b"x").payload == b"2"

    def test_a_value_that_comes_back_serves_it(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"y", b"1")
        lease = client.lease(b"y")
        waiting = other.take_any(NAMES, lease=5.0)
        client.release(lease.lease_ids)
        assert waiting.payload == b"1"
        assert waiting.lease_id != lease.lease_id

    def test_cancelled_it_stands_nowhere(self, company: Company) -> None:
        client = company.client()
        waiting = client.take_any(NAMES)
        client.cancel(waiting)
        for name in NAMES:
            client.store(name, b"1")
            assert client.fetch(name).payload == b"1"

    def test_its_time_passes_once(self, company: Company) -> None:
        client = company.client()
        waiting = client.take_any(NAMES, timeout=2.0)
        company.pass_time(2.0)
        assert waiting.status == Status.TIMED_OUT
        client.store(b"x", b"1")
        assert client.fetch(b"x").payload == b"1"

    def test_without_time_nothing_is_made(self, company: Company) -> None:
        client = company.client()
        assert client.take_any(NAMES, timeout=0).status == Status.TIMED_OUT
        assert client.find_any(NAMES, timeout=0).status == Status.TIMED_OUT
        assert client.list_vars().listing == b""

    def test_one_deleted_variable_ends_the_wait(self, company: Company) -> None:
        client, other = company.clients(2)
        waiting = client.take_any(NAMES)
        other.delete_var(b"y")
        assert waiting.status == Status.FAILED
        assert b"'y'" in waiting.reason.encode()
        other.store(b"x", b"1")
        assert client.fetch(b"x").payload == b"1"

    def test_a_deleted_workspace_ends_it_once(self, company: Company) -> None:
        client, other = company.clients(2)
        waiting = client.take_any(NAMES)
        other.delete_ws()
        assert waiting.status == Status.NO_WORKSPACE
        assert client.take_any(NAMES).status == Status.NO_WORKSPACE
        assert company.stranger().find_any(NAMES).status == Status.NOT_OPEN

    def test_one_bad_name_refuses_all(self, company: Company) -> None:
        client = company.client()
        assert client.take_any([b"x", b"a\nb"]).status == Status.REFUSED
        assert client.list_vars().listing == b""

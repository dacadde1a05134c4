"""Variables: how they come into being, their modes, ids and listings."""

from __future__ import annotations

import pytest

from nws.errors import Status
from tests.support.clients import Company

MODES = [b"fifo", b"lifo", b"multi", b"single"]


class VariableContract:
    """What `Space` promises of variables."""

    @pytest.mark.parametrize("mode", MODES)
    def test_declare_gives_the_mode(self, company: Company, mode: bytes) -> None:
        client = company.client()
        assert client.declare_var(b"x", mode).succeeded
        assert client.list_vars().listing == b"x\t0\t0\t0\t" + mode

    @pytest.mark.parametrize("mode", MODES)
    @pytest.mark.parametrize("again", MODES)
    def test_declaring_again_must_agree(self, company: Company, mode: bytes, again: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        answer = client.declare_var(b"x", again)
        if mode == again:
            assert answer.succeeded
        else:
            assert answer.status == Status.FAILED
            assert mode.decode() in answer.reason
        assert client.list_vars().listing == b"x\t0\t0\t0\t" + mode

    @pytest.mark.parametrize("mode", [b"unknown", b"", b"FIFO", b"fifo ", b"__time", b"\xff\n"])
    def test_other_modes_are_refused_and_leave_nothing(self, company: Company, mode: bytes) -> None:
        client = company.client()
        assert not client.declare_var(b"x", mode).succeeded
        assert client.list_vars().listing == b""

    def test_first_store_makes_it_fifo(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        assert client.list_vars().listing == b"x\t1\t0\t0\tfifo"
        assert client.declare_var(b"x", b"fifo").succeeded
        assert client.declare_var(b"x", b"single").status == Status.FAILED

    def test_store_keeps_the_declared_mode(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"1")
        assert client.list_vars().listing == b"x\t1\t0\t0\tsingle"

    def test_any_get_makes_an_unknown_variable(self, company: Company) -> None:
        client = company.client()
        client.find(b"a")
        client.fetch(b"b")
        client.find(b"c", wait=True)
        client.fetch(b"d", wait=True)
        client.take(b"e", 1)
        client.take(b"f", 1, wait=True)
        assert client.list_vars().listing == (
            b"a\t0\t0\t0\tunknown\n"
            b"b\t0\t0\t0\tunknown\n"
            b"c\t0\t0\t1\tunknown\n"
            b"d\t0\t1\t0\tunknown\n"
            b"e\t0\t0\t0\tunknown\n"
            b"f\t0\t1\t0\tunknown"
        )

    @pytest.mark.parametrize("mode", MODES)
    def test_unknown_variable_takes_any_mode_and_keeps_its_waiters(
        self, company: Company, mode: bytes
    ) -> None:
        client = company.client()
        finder, fetcher = client.find(b"x", wait=True), client.fetch(b"x", wait=True)
        assert client.declare_var(b"x", mode).succeeded
        assert client.list_vars().listing == b"x\t0\t1\t1\t" + mode
        client.store(b"x", b"1")
        assert (finder.payload, fetcher.payload) == (b"1", b"1")

    def test_deleted_variable_is_unknown_again(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"lifo")
        assert client.delete_var(b"x").succeeded
        assert client.list_vars().listing == b""
        assert client.declare_var(b"x", b"multi").succeeded

    def test_variables_of_two_workspaces_have_nothing_in_common(self, company: Company) -> None:
        client = company.client()
        client.use_ws(b"other")
        client.store(b"x", b"1")
        assert client.find(b"x", ws=b"other").status == Status.NO_VALUE
        client.delete_ws(b"other")
        assert client.find(b"x").payload == b"1"

    # Ids

    def test_id_is_twenty_digits_and_stays(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2")
        ids = [client.fetch(b"x").cookie.variable_id for _ in range(2)]
        assert ids[0] == ids[1]
        assert len(ids[0]) == 20
        assert ids[0].isdigit()

    def test_each_new_variable_has_another_id(self, company: Company) -> None:
        client = company.client()
        ids = set()
        for _ in range(10):
            client.store(b"x", b"1")
            client.store(b"y", b"1")
            ids |= {client.find(var).cookie.variable_id for var in (b"x", b"y")}
            client.delete_var(b"x")
            client.delete_var(b"y")
        assert len(ids) == 20

    def test_store_with_the_right_id(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        the_id = client.find(b"x").cookie.variable_id
        assert client.store(b"x", b"2", variable_id=the_id).succeeded
        assert client.list_vars().listing == b"x\t2\t0\t0\tfifo"

    def test_store_with_another_id_fails_and_changes_nothing(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1")
        the_id = client.find(b"x").cookie.variable_id
        client.delete_var(b"x")
        assert client.store(b"x", b"2", variable_id=the_id).status == Status.FAILED
        assert client.list_vars().listing == b""
        client.find(b"x")
        assert client.store(b"x", b"2", variable_id=the_id).status == Status.FAILED
        assert client.list_vars().listing == b"x\t0\t0\t0\tunknown"
        client.delete_ws()
        assert client.store(b"x", b"2", variable_id=the_id).status == Status.NO_WORKSPACE

    # Names

    @pytest.mark.parametrize("name", [b"a\tb", b"a\nb", b"\0", b"\x1b[m", b"\x7f"])
    def test_names_have_no_control_characters(self, company: Company, name: bytes) -> None:
        client = company.client()
        answers = [
            client.declare_var(name, b"fifo"),
            client.store(name, b"1"),
            client.find(name, wait=True),
            client.fetch(name),
            client.take(name, 1, wait=True),
            client.settle([], (name, b"1")),
        ]
        assert {answer.status for answer in answers} == {Status.REFUSED}
        assert client.list_vars().listing == b""

    @pytest.mark.parametrize("name", [b"a b", b"a,b", b"", b"__x", b"\xff\x80", "é".encode()])
    def test_any_other_name_is_legal(self, company: Company, name: bytes) -> None:
        client = company.client()
        assert client.store(name, b"1").succeeded
        assert client.list_vars().listing == name + b"\t1\t0\t0\tfifo"
        assert client.fetch(name).payload == b"1"
        assert client.delete_var(name).succeeded

    # Listings

    def test_listing_is_sorted_bytewise_with_newlines_between(self, company: Company) -> None:
        client = company.client()
        client.store(b"b", b"1", b"2")
        client.declare_var(b"a", b"single")
        client.fetch(b"B", wait=True)
        client.find(b"B", wait=True)
        client.find(b"B", wait=True)
        assert client.list_vars().listing == (
            b"B\t0\t1\t2\tunknown\na\t0\t0\t0\tsingle\nb\t2\t0\t0\tfifo"
        )

    def test_listing_of_nothing_is_empty(self, company: Company) -> None:
        client = company.client()
        assert client.list_vars().listing == b""
        assert client.list_vars(leased=True).listing == b""
        assert client.list_leases().listing == b""

    def test_listing_shows_leased_values_if_asked(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"1", b"2", b"3")
        client.lease(b"x", 2)
        client.declare_var(b"y", b"multi")
        assert client.list_vars().listing == b"x\t1\t0\t0\tfifo\ny\t0\t0\t0\tmulti"
        assert client.list_vars(leased=True).listing == (
            b"x\t1\t0\t0\tfifo\t2\ny\t0\t0\t0\tmulti\t0"
        )

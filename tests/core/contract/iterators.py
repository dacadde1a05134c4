"""Iterators: gets with a cookie, which says what the iterator was told last."""

from __future__ import annotations

import pytest

from nws.errors import Status
from nws_server.core.space import Cookie
from tests.support.clients import Client, Company

START = Cookie(b"", 0)


def walk(client: Client, var: bytes, cookie: Cookie = START) -> list[object]:
    """Find value after value until none is left."""
    seen = []
    while (answer := client.find(var, cookie=cookie)).succeeded:
        seen.append(answer.payload)
        cookie = answer.cookie
    return seen


def told(client: Client, var: bytes, last: int) -> Cookie:
    """Return the cookie of an iterator over this variable that saw a value with this index."""
    return Cookie(client.find(var).cookie.variable_id, last)


class IteratorContract:
    """What `Space` promises of gets with a cookie."""

    def test_walks_a_fifo_from_its_oldest_value(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1", b"2", b"3")
        client.fetch(b"x")
        assert walk(client, b"x") == [b"1", b"2", b"3"]
        assert client.list_vars().listing == b"x\t3\t0\t0\tfifo"

    def test_fetching_iterator_empties_it(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1", b"2")
        cookie, seen = START, []
        while (answer := client.fetch(b"x", cookie=cookie)).succeeded:
            seen.append((answer.payload, answer.index))
            cookie = answer.cookie
        assert seen == [(b"0", 0), (b"1", 1), (b"2", 2)]
        assert client.list_vars().listing == b"x\t0\t0\t0\tfifo"

    def test_index_of_a_new_iterator_is_ignored(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1")
        assert client.find(b"x", cookie=Cookie(b"", 77)).payload == b"0"
        assert client.fetch(b"x", cookie=Cookie(b"", 77)).payload == b"0"

    def test_goes_on_with_the_oldest_left_if_others_fetched(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2", b"3")
        cookie = client.find(b"x", cookie=START).cookie
        for _ in range(3):
            other.fetch(b"x")
        assert client.find(b"x", cookie=cookie).payload == b"3"

    def test_at_the_end_it_fails_or_waits(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0")
        cookie = client.find(b"x", cookie=START).cookie
        assert client.find(b"x", cookie=cookie).status == Status.NO_VALUE
        waiting = client.find(b"x", cookie=cookie, wait=True)
        assert waiting.waits
        client.store(b"x", b"1")
        assert (waiting.payload, waiting.index) == (b"1", 1)
        assert walk(client, b"x") == [b"0", b"1"]

    def test_waits_from_the_start_on_an_unknown_variable(self, company: Company) -> None:
        client = company.client()
        finder = client.find(b"x", cookie=START, wait=True)
        fetcher = client.fetch(b"x", cookie=START, wait=True)
        client.store(b"x", b"0")
        assert (finder.payload, fetcher.payload) == (b"0", b"0")
        assert finder.cookie == fetcher.cookie

    def test_next_store_satisfies_a_waiting_iterator_whatever_its_place(
        self, company: Company
    ) -> None:
        client = company.client()
        client.store(b"x", b"0")
        waiting = client.find(b"x", cookie=told(client, b"x", 1000), wait=True)
        assert waiting.waits
        client.store(b"x", b"1")
        assert waiting.payload == b"1"

    # Other instances and modes

    @pytest.mark.parametrize("remade", [b"fifo", b"single", None])
    def test_deleted_and_made_anew_it_fails_at_once(
        self, company: Company, remade: bytes | None
    ) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1")
        cookie = client.find(b"x", cookie=START).cookie
        client.delete_var(b"x")
        if remade is not None:
            client.declare_var(b"x", remade)
            client.store(b"x", b"2")
        for answer in (
            client.find(b"x", cookie=cookie),
            client.find(b"x", cookie=cookie, wait=True),
            client.fetch(b"x", cookie=cookie),
            client.fetch(b"x", cookie=cookie, wait=True),
        ):
            assert answer.status == Status.FAILED

    @pytest.mark.parametrize("mode", [b"lifo", b"multi"])
    def test_lifo_and_multi_cannot_be_iterated(self, company: Company, mode: bytes) -> None:
        client = company.client()
        client.declare_var(b"x", mode)
        for values in range(2):
            for cookie in (START, Cookie(b"0" * 20, 0)):
                for answer in (
                    client.find(b"x", cookie=cookie),
                    client.find(b"x", cookie=cookie, wait=True),
                    client.fetch(b"x", cookie=cookie),
                    client.fetch(b"x", cookie=cookie, wait=True),
                ):
                    assert answer.status == Status.FAILED
                    assert mode.decode() in answer.reason
            assert client.list_vars().listing == b"x\t%d\t0\t0\t%b" % (values, mode)
            client.store(b"x", b"0")

    @pytest.mark.parametrize("mode", [b"lifo", b"multi"])
    def test_first_value_still_reaches_who_waited_before_the_mode_was_known(
        self, company: Company, mode: bytes
    ) -> None:
        client = company.client()
        finder = client.find(b"x", cookie=START, wait=True)
        fetcher = client.fetch(b"x", cookie=START, wait=True)
        client.declare_var(b"x", mode)
        client.store(b"x", b"0")
        assert (finder.payload, fetcher.payload) == (b"0", b"0")
        assert client.find(b"x", cookie=finder.cookie).status == Status.FAILED

    # Single

    def test_single_overwriting_is_seen(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"100")
        first = client.find(b"x", cookie=START)
        assert client.find(b"x", cookie=first.cookie).status == Status.NO_VALUE
        client.store(b"x", b"101")
        second = client.find(b"x", cookie=first.cookie)
        assert (second.payload, second.index) == (b"101", 1)
        client.store(b"x", b"102")
        client.store(b"x", b"103")
        third = client.find(b"x", cookie=second.cookie)
        assert (third.payload, third.index) == (b"103", 3)

    def test_single_waiting_iterator_is_told_the_same_index(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"100")
        first = client.find(b"x", cookie=START)
        waiting = client.find(b"x", cookie=first.cookie, wait=True)
        client.store(b"x", b"101")
        assert waiting.index == client.find(b"x").index == 1
        assert client.find(b"x", cookie=waiting.cookie).status == Status.NO_VALUE

    def test_single_fetching_iterator(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        cookie = START
        for number in range(3):
            client.store(b"x", b"%d" % number)
            answer = client.fetch(b"x", cookie=cookie)
            assert (answer.payload, answer.index) == (b"%d" % number, number)
            cookie = answer.cookie
            assert client.fetch(b"x", cookie=cookie).status == Status.NO_VALUE

    # Fetching beyond the front

    @pytest.mark.parametrize("wait", [False, True])
    @pytest.mark.parametrize("last", [0, 1, 2, 50])
    def test_fetch_fails_if_values_before_its_place_remain(
        self, company: Company, last: int, wait: bool
    ) -> None:
        client = company.client()
        client.store(b"x", b"0", b"1", b"2")
        answer = client.fetch(b"x", cookie=told(client, b"x", last), wait=wait)
        assert answer.status == Status.FAILED
        assert client.list_vars().listing == b"x\t3\t0\t0\tfifo"

    def test_single_value_seen_by_a_finder_cannot_be_fetched_beyond(self, company: Company) -> None:
        client = company.client()
        client.declare_var(b"x", b"single")
        client.store(b"x", b"0")
        seen = client.find(b"x", cookie=START)
        assert client.fetch(b"x", cookie=seen.cookie, wait=True).status == Status.FAILED
        client.store(b"x", b"1")
        assert client.fetch(b"x", cookie=seen.cookie).payload == b"1"

    def test_fetch_at_the_front_succeeds_when_others_fetched_up_to_it(
        self, company: Company
    ) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        cookie = told(client, b"x", 0)
        other.fetch(b"x")
        assert client.fetch(b"x", cookie=cookie).payload == b"1"

    # Values that come back

    def test_returned_value_that_was_seen_is_not_seen_again(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1")
        cookie = told(client, b"x", 1)
        fetched = [other.fetch(b"x") for _ in range(2)]
        waiting = client.find(b"x", cookie=cookie, wait=True)
        for answer in fetched:
            other.put_back(answer)
        assert waiting.waits
        assert client.list_vars().listing == b"x\t2\t0\t1\tfifo"
        client.store(b"x", b"2")
        assert waiting.payload == b"2"
        assert walk(client, b"x") == [b"0", b"1", b"2"]

    def test_returned_value_that_was_not_seen_is_seen(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        cookie = told(client, b"x", 0)
        fetched = [other.fetch(b"x") for _ in range(3)]
        waiting = client.find(b"x", cookie=cookie, wait=True)
        other.put_back(fetched[0])
        assert waiting.waits
        other.put_back(fetched[2])
        assert (waiting.payload, waiting.index) == (b"2", 2)
        other.put_back(fetched[1])
        assert walk(client, b"x") == [b"0", b"1", b"2"]
        assert walk(client, b"x", cookie) == [b"1", b"2"]

    def test_walk_over_values_with_gaps(self, company: Company) -> None:
        client, other = company.clients(2)
        client.store(b"x", *(b"%d" % number for number in range(8)))
        fetched = [other.fetch(b"x") for _ in range(6)]
        for number in (4, 1, 2):
            other.put_back(fetched[number])
        assert walk(client, b"x") == [b"1", b"2", b"4", b"6", b"7"]
        assert walk(client, b"x", told(client, b"x", 2)) == [b"4", b"6", b"7"]
        assert walk(client, b"x", told(client, b"x", 3)) == [b"4", b"6", b"7"]

    def test_waiting_fetching_iterator_is_an_ordinary_fetcher(self, company: Company) -> None:
        # Else a value that came back could lie beside somebody who waits for ever.
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        older = other.fetch(b"x")
        passed = client.fetch(b"x")
        newer = other.fetch(b"x")
        iterator = client.fetch(b"x", cookie=passed.cookie, wait=True)
        behind = other.fetch(b"x", wait=True)
        other.put_back(older)
        assert (iterator.payload, iterator.index) == (b"0", 0)
        assert behind.waits
        other.put_back(newer)
        assert behind.payload == b"2"
        client.store(b"x", b"3")
        assert client.fetch(b"x", cookie=iterator.cookie).payload == b"3"

    def test_fetching_iterator_fails_if_a_value_before_its_place_came_back(
        self, company: Company
    ) -> None:
        client, other = company.clients(2)
        client.store(b"x", b"0", b"1", b"2")
        older = other.fetch(b"x")
        passed = client.fetch(b"x")
        other.put_back(older)
        assert client.fetch(b"x", cookie=passed.cookie, wait=True).status == Status.FAILED
        assert [client.fetch(b"x").payload for _ in range(2)] == [b"0", b"2"]

    def test_fetch_of_a_waiting_iterator_is_undone(self, company: Company) -> None:
        client = company.client()
        client.store(b"x", b"0")
        first = client.fetch(b"x", cookie=START)
        waiting = client.fetch(b"x", cookie=first.cookie, wait=True)
        client.store(b"x", b"1", b"2")
        client.put_back(waiting)
        client.put_back(first)
        assert walk(client, b"x") == [b"0", b"1", b"2"]

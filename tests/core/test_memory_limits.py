"""The limits of the space in memory: bytes, and variables that were only asked for."""

import pytest

from nws.errors import Status
from nws_server.core.invariants import check_invariants
from nws_server.core.memory import MemorySpace
from nws_server.core.values import Value
from tests.support.clients import WS, Company
from tests.support.values import TEXT, Body, text_value

LIMIT = 1_000_000
LARGE = b"." * 100_000


def limited(limit: int = LIMIT) -> Company:
    """Make a company in a space with a memory limit."""
    return Company(MemorySpace(memory_limit=limit))


def memory(company: Company) -> int:
    """Return what the books say, once they have been checked."""
    assert isinstance(company.space, MemorySpace)
    check_invariants(company.space)
    company.check()
    return company.space.views.totals()["memory"]


# What is counted


def test_what_goes_is_counted_back() -> None:
    company = Company(MemorySpace())
    client, other = company.clients(2)
    before = memory(company)
    for mode in (b"fifo", b"lifo", b"multi", b"single"):
        client.declare_var(b"x", mode)
        declared = memory(company)
        client.store(b"x", b"12345", b"1", b"1234567")
        stored = memory(company)
        assert stored > declared > before
        client.lease(b"x", 2)
        assert memory(company) == stored
        client.leave()
        client = company.client()
        assert memory(company) == stored
        if mode != b"single":
            client.put_back(client.take(b"x", 9))
            assert memory(company) == stored
        client.settle(client.lease(b"x", 1).lease_ids)
        while other.fetch(b"x").succeeded:
            pass
        assert memory(company) == declared
        client.delete_var(b"x")
        assert memory(company) == before


def test_deleting_counts_queue_and_leases_back() -> None:
    company = Company(MemorySpace())
    client = company.client()
    before = memory(company)
    client.use_ws(b"other")
    for var in (b"x", b"y"):
        client.store(var, LARGE, LARGE, LARGE, ws=b"other")
        client.lease(var, 2, ws=b"other")
    assert memory(company) > before + 6 * len(LARGE)
    client.delete_ws(b"other")
    assert memory(company) == before


def test_metadata_counts() -> None:
    company = Company(MemorySpace())
    client = company.client()
    client.declare_var(b"x", b"fifo")
    before = memory(company)
    client.store_values(b"x", [Value(TEXT, b"1", metadata=LARGE)])
    assert memory(company) > before + len(LARGE)


def test_names_count() -> None:
    company = Company(MemorySpace())
    client = company.client()
    name = b"n" * 60_000
    before = memory(company)
    client.find(name)
    one = memory(company)
    assert one > before + len(name)
    client.use_ws(name)
    assert memory(company) > one + len(name)
    client.delete_ws(name)
    client.delete_var(name)
    assert memory(company) == before


def test_payloads_that_live_elsewhere_do_not_count() -> None:
    company = limited()
    client = company.client()
    assert client.store(b"x", Body(10 * LIMIT)).succeeded
    assert memory(company) < LIMIT
    assert company.space.views.totals()["bytes"] == 10 * LIMIT


# The limit


def test_stores_beyond_it_are_refused() -> None:
    company = limited()
    client = company.client()
    stored = 0
    while (answer := client.store(b"x", LARGE)).succeeded:
        stored += 1
    assert answer.status == Status.REFUSED
    assert str(LIMIT) in answer.reason
    assert stored == 9
    assert memory(company) <= LIMIT
    client.fetch(b"x")
    assert client.store(b"x", LARGE).succeeded


def test_several_values_are_stored_together_or_not_at_all() -> None:
    company = limited()
    client = company.client()
    assert client.store(b"x", *[LARGE] * 11).status == Status.REFUSED
    assert client.list_vars().listing == b""
    assert client.store(b"x", *[LARGE] * 9).succeeded


def test_leased_values_count() -> None:
    company = limited()
    client = company.client()
    client.store(b"x", *[LARGE] * 9)
    leased = client.lease(b"x", 9)
    assert client.store(b"x", LARGE).status == Status.REFUSED
    client.settle(leased.lease_ids)
    assert client.store(b"x", LARGE).succeeded


def test_full_space_makes_nothing_new_but_gives_out_what_it_has() -> None:
    company = limited(20_000)
    client = company.client()
    while client.store(b"x", b"1").succeeded:
        pass
    refused = [
        client.declare_var(b"y", b"fifo"),
        client.find(b"y"),
        client.fetch(b"y", wait=True),
        client.open_ws(b"new"),
        client.use_ws(b"new"),
        client.mktemp_ws(b"%d"),
    ]
    assert {answer.status for answer in refused} == {Status.REFUSED}
    assert client.open_ws().succeeded
    assert client.declare_var(b"x", b"fifo").succeeded
    assert client.find(b"x").payload == b"1"
    assert client.fetch(b"x").payload == b"1"


@pytest.mark.parametrize("by", ["open_ws", "use_ws", "mktemp_ws", "find", "declare_var"])
def test_endless_making_of_names_is_stopped(by: str) -> None:
    company = limited(100_000)
    client = company.client()
    for number in range(2000):
        name = b"%d" % number
        if by == "mktemp_ws":
            answer = client.mktemp_ws(name + b"%d")
        elif by == "declare_var":
            answer = client.declare_var(name, b"fifo")
        else:
            answer = getattr(client, by)(name)
        if not answer.succeeded and answer.status == Status.REFUSED:
            break
    else:
        pytest.fail("never refused")
    assert memory(company) <= 100_000


def test_long_names_reach_the_limit_sooner() -> None:
    company = limited()
    client = company.client()
    made = 0
    while client.find(b"%060000d" % made).status == Status.NO_VALUE:
        made += 1
    assert 10 < made < 17


# Settling at the limit


def test_settle_that_frees_enough_is_never_refused() -> None:
    company = limited()
    client = company.client()
    client.store(b"x", *[LARGE] * 9)
    leased = client.lease(b"x")
    while client.store(b"y", b"." * 1000).succeeded:
        pass
    while client.store(b"y", b"").succeeded:
        pass
    assert client.store(b"new", b"1").status == Status.REFUSED
    assert client.settle(leased.lease_ids, (b"new", b"result")).succeeded
    assert memory(company) <= LIMIT


def test_settle_that_needs_too_much_is_refused_as_a_whole() -> None:
    company = limited()
    client = company.client()
    client.store(b"x", *[LARGE] * 9)
    leased = client.lease(b"x")
    before = memory(company)
    answer = client.settle(leased.lease_ids, (b"r", LARGE), (b"r", LARGE))
    assert answer.status == Status.REFUSED
    assert memory(company) == before
    assert client.list_vars(leased=True).listing == b"x\t8\t0\t0\tfifo\t1"
    assert client.settle(leased.lease_ids, (b"r", b"1")).succeeded


def test_settle_counts_all_its_new_variables() -> None:
    company = limited(100_000)
    client = company.client()
    stores = [(WS, b"%d" % number, text_value(b"")) for number in range(95)]
    assert client.settle_values([], stores).status == Status.REFUSED
    assert client.list_vars().listing == b""
    assert client.settle_values([], stores[:50]).succeeded
    assert memory(company) <= 100_000


# Variables that exist only because somebody asked


def probing(limit: int) -> Company:
    """Make a company in a space that keeps few of them."""
    return Company(MemorySpace(max_probed=limit))


def names(company: Company) -> list[bytes]:
    """Name the variables that are there."""
    assert isinstance(company.space, MemorySpace)
    check_invariants(company.space)
    company.check()
    return list(company.space.books.workspaces[WS].variables)


def test_oldest_probed_variables_are_dropped() -> None:
    company = probing(3)
    client = company.client()
    for var in (b"a", b"b", b"c", b"d", b"e"):
        client.find(var)
    assert names(company) == [b"c", b"d", b"e"]


def test_probed_variable_that_was_dropped_is_another_when_it_comes_back() -> None:
    company = probing(1)
    client = company.client()
    client.store(b"a", b"1")
    cookie = client.find(b"a").cookie
    client.delete_var(b"a")
    for var in (b"a", b"b", b"a"):
        client.find(var)
    client.store(b"a", b"1")
    assert client.find(b"a").cookie.variable_id != cookie.variable_id


def test_variables_in_use_are_never_dropped() -> None:
    company = probing(2)
    client = company.client()
    found, fetched = client.find(b"found", wait=True), client.fetch(b"fetched", wait=True)
    client.declare_var(b"declared", b"lifo")
    client.store(b"stored", b"1")
    client.fetch(b"stored")
    for number in range(10):
        client.find(b"%d" % number)
    assert names(company) == [b"found", b"fetched", b"declared", b"stored", b"8", b"9"]
    client.store(b"found", b"1")
    client.store(b"fetched", b"1")
    assert found.payload == fetched.payload == b"1"


def test_variable_counts_as_probed_when_the_last_waiter_leaves() -> None:
    company = probing(2)
    client = company.client()
    waiting = [client.find(b"a", wait=True), client.fetch(b"a", wait=True, timeout=1)]
    client.find(b"b")
    client.find(b"c")
    client.cancel(waiting[0])
    assert names(company) == [b"a", b"b", b"c"]
    company.pass_time(1)
    assert names(company) == [b"a", b"c"]
    client.find(b"d")
    assert names(company) == [b"a", b"d"]
    client.find(b"e")
    assert names(company) == [b"d", b"e"]


def test_probed_variable_that_is_waited_for_or_gets_a_mode_is_in_use() -> None:
    company = probing(2)
    client = company.client()
    for var in (b"a", b"b"):
        client.find(var)
    client.fetch(b"a", wait=True)
    client.declare_var(b"b", b"single")
    for var in (b"c", b"d", b"e"):
        client.find(var)
    assert names(company) == [b"a", b"b", b"d", b"e"]


def test_each_workspace_has_its_own_bound() -> None:
    company = probing(1)
    client = company.client()
    client.use_ws(b"other")
    client.find(b"a")
    client.find(b"b", ws=b"other")
    assert names(company) == [b"a"]


def test_settle_into_variables_that_were_only_probed() -> None:
    company = probing(2)
    client = company.client()
    client.find(b"a")
    client.find(b"b")
    assert client.settle([], (b"new", b"1"), (b"a", b"2"), (b"b", b"3")).succeeded
    assert sorted(names(company)) == [b"a", b"b", b"new"]
    assert [client.fetch(var).payload for var in (b"new", b"a", b"b")] == [b"1", b"2", b"3"]


def test_who_waits_for_more_variables_than_may_be_probed() -> None:
    company = probing(1)
    client, other = company.clients(2)
    wanted = [b"%d" % number for number in range(5)]
    waiting = client.take_any(wanted)
    assert names(company) == wanted
    client.cancel(waiting)
    assert names(company) == [b"4"]
    waiting = client.take_any(wanted)
    assert other.delete_ws().succeeded
    assert waiting.status == Status.NO_WORKSPACE


def test_bound_is_at_least_one() -> None:
    # With none, a get would wait in a variable that was dropped as it was made.
    with pytest.raises(ValueError, match="max_probed"):
        MemorySpace(max_probed=0)


def test_probing_costs_bounded_memory() -> None:
    company = Company(MemorySpace())
    client = company.client()
    for number in range(1500):
        client.find(b"%d" % number)
    assert len(names(company)) == 1000

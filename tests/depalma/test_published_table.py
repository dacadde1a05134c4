"""The codes of a cluster, and the steps by which hosts follow them."""

from __future__ import annotations

from typing import Any

import pytest

from nws.client import NetWorkSpace
from nws.depalma.followed_table import FollowedTable
from nws.depalma.joined_hosts import JoinedHosts
from nws.depalma.messages import HostReport, Queue, SubmittedJob, report_of, wake_of, write
from nws.depalma.parameters import CodeSpec
from nws.depalma.published_table import PublishedTable
from nws.errors import DepalmaArgumentException, DepalmaLookupException


def report(id: str, **fields: Any) -> HostReport:
    given = {"groups": [], "priority": 0, "step": 0, **fields}
    return HostReport(id, id.split(maxsplit=1)[0], "machine", 1, 1, time=0.0, **given)


def joined(ws: NetWorkSpace, *reports: HostReport) -> JoinedHosts:
    hosts = JoinedHosts(ws)
    for each in reports:
        ws.declare(report_of(each.id), "single")
        ws.store(report_of(each.id), write(each))
        assert hosts.join(each.id)
    return hosts


def published(ws: NetWorkSpace, hosts: JoinedHosts | None = None) -> PublishedTable:
    return PublishedTable(ws, hosts or JoinedHosts(ws), 10.0, 1000)


def test_each_change_is_a_step_and_numbers_are_not_used_again(ws: NetWorkSpace) -> None:
    table = published(ws)
    first = table.add_code(CodeSpec(command="true", label="a"))
    with pytest.raises(DepalmaArgumentException, match="another code has the label 'a'"):
        table.add_code(CodeSpec(command="true", label="a"))
    table.remove_code(first)
    second = table.add_code(CodeSpec(command=["false"]))
    assert (table.now.step, first, second, len(table.now.codes)) == (3, 1, 2, 1)
    assert table.now.number_of(2) == 2
    for wrong in ("a", True, "2", 2.5, "", None, [2]):
        with pytest.raises(DepalmaLookupException):
            table.now.number_of(wrong)


def test_hosts_and_a_later_master_read_what_was_published(ws: NetWorkSpace) -> None:
    hosts = joined(ws, report("a 1"))
    table = published(ws, hosts)
    assert table.is_new
    table.publish()
    followed = FollowedTable(ws)
    spec = CodeSpec(command=["true"], env={"A": "ä"}, memory=2**40, groups=["x"])
    number = table.add_code(spec)
    assert ws.fetchTry(wake_of("a 1")) is not None
    assert followed.spec_of(SubmittedJob(1, number, table.now.step)) == spec
    assert followed.spec_of(SubmittedJob(1, number, 0, options={"priority": 2})).priority == 2
    assert followed.table == table.now
    later = published(ws)
    assert (later.now, later.is_new) == (table.now, False)


def test_queues_that_are_not_used_make_room(ws: NetWorkSpace) -> None:
    table = published(ws)
    many = tuple(Queue(priority) for priority in range(900))
    table.publish(queues=many)
    table.open_queue(Queue(3), list)
    assert table.now.queues == many
    with pytest.raises(DepalmaArgumentException, match="900 different priorities"):
        table.open_queue(Queue(-1), lambda: many)
    table.open_queue(Queue(-1), lambda: [Queue(3), Queue(2), Queue(3)])
    assert table.now.queues == (Queue(2), Queue(3), Queue(-1))


def test_hosts_hear_of_the_priorities_of_others(ws: NetWorkSpace) -> None:
    hosts = joined(ws, report("a 1", priority=1), report("b 1", priority=5))
    table = published(ws, hosts)
    table.follow_hosts()
    assert table.now.host_priorities == (5, 1)
    step = table.now.step
    hosts = joined(ws, report("a 2", priority=1))
    table.follow_hosts()
    assert table.now.step == step


def test_a_host_takes_the_place_of_one_of_its_name(ws: NetWorkSpace) -> None:
    hosts = joined(ws, report("a 1", groups=["g"]), report("a 2"), report("b 1"))
    assert hosts.ids == ["a 2", "b 1"]
    assert ws.findTry(report_of("a 1")) is None
    assert not hosts.join("a 1")
    assert hosts.called("a") == ["a 2"]

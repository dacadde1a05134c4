"""From which queues a host takes jobs, in which order, and before whom."""

from __future__ import annotations

from nws.depalma.job_source import queues_for, rank_of
from nws.depalma.messages import ClusterTable, Queue
from nws.processes.usage import has_room

TABLE = ClusterTable(
    1,
    10.0,
    1000,
    queues=(Queue(0), Queue(5, ("big", "fast")), Queue(-1), Queue(0, ("big",)), Queue(7, ("x",))),
    host_priorities=(3, 1, 0, -2),
)


def test_a_higher_priority_is_preferred_then_jobs_for_groups() -> None:
    assert queues_for(TABLE, ["fast", "big"]) == [
        *('jobs 5 ["big", "fast"]', 'jobs 0 ["big"]', "jobs 0 []", "jobs -1 []"),
    ]


def test_jobs_of_a_group_run_there_only() -> None:
    assert queues_for(TABLE, []) == ["jobs 0 []", "jobs -1 []"]
    assert queues_for(TABLE, ["fast"]) == ['jobs 5 ["big", "fast"]', "jobs 0 []", "jobs -1 []"]


def test_a_name_with_any_characters_is_a_queue_of_its_own() -> None:
    assert Queue(0, ("a, b",)).variable != Queue(0, ("a", "b")).variable
    assert Queue(0, ('"\udcff\n',)).variable.isascii()


def test_hosts_of_a_higher_priority_come_before() -> None:
    assert [rank_of(TABLE, priority) for priority in (3, 2, 1, 0, -2, -9)] == [0, 1, 1, 2, 3, 4]


def test_a_machine_without_room_asks_for_nothing() -> None:
    assert has_room(0.0, 0)
    assert has_room(1e9, 1)
    assert not has_room(1e-9, 0)
    assert not has_room(0.0, 2**60)

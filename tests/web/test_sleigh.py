"""The page of a sleigh, from reports that the test writes itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nws_server.web.reports import Report
from nws_server.web.timeline import Activity, read_spans
from tests.support.clients import WS
from tests.support.memory_site import MemorySite
from tests.support.web import Seen, form, target


class Sleigh:
    """A workspace that looks like that of a sleigh, in an inspector at the time 1,000,000,000."""

    def __init__(self, memory: MemorySite) -> None:
        self._memory = memory
        for name in (b"task", b"result", b"rankCount", b"workerCount"):
            memory.client.declare_var(name, b"fifo")
        for name in (b"calls", b"worker 0"):
            memory.client.declare_var(name, b"single")

    def publish(self, *calls: dict[str, Any]) -> None:
        """Store the report about calls."""
        self.store(b"calls", {"calls": calls})

    def store(self, variable: bytes, report: Any) -> None:
        """Store a report."""
        payload = json.dumps(report).encode()
        self._memory.client.store(variable, payload)

    def workers(self, count: int, report: Callable[[int], dict[str, Any]]) -> None:
        """Store the reports of so many workers; `report` returns that of a rank."""
        for rank in range(count):
            variable = b"worker %d" % rank
            self._memory.client.declare_var(variable, b"single")
            self.store(variable, report(rank))

    def data(self, **fields: str) -> Any:
        """Return the data of its page."""
        reply = self._memory.ask(form("GET", target("api/sleigh", name=WS, **fields)))
        assert reply.status == 200, reply.text
        return reply.json()

    def page(self, **fields: str) -> Seen:
        """Return its page."""
        return self._memory.ask(form("GET", target("sleigh", name=WS, **fields))).page()


@pytest.fixture
def sleigh(tmp_path: Path) -> Iterator[Sleigh]:
    with MemorySite(tmp_path) as memory:
        yield Sleigh(memory)


def call(number: int, kind: str = "eachElem", **fields: Any) -> dict[str, Any]:
    """Return the report of a call under way."""
    return {
        "number": number,
        "kind": kind,
        "function": f"function_{number}",
        "elements": 100,
        "submitted": 50,
        "arrived": 25,
        "failed": 3,
        "began": 1e9,
        "over": False,
        "cancelled": False,
        **fields,
    }


def test_a_sleigh_without_calls(sleigh: Sleigh) -> None:
    assert sleigh.data()["calls"] == []
    assert "No call has lasted long enough" in sleigh.page().text


def test_elements_that_ran_again_are_told_from_others(sleigh: Sleigh) -> None:
    """A map of 20 whose worker has died runs more than 20 elements."""
    sleigh.publish(call(1, elements=20, arrived=20, over=True))
    report = {"rank": 0, "elements": 26, "durations": [[0.001, 26]]}
    sleigh.store(b"worker 0", {**report, "deaths": 0})
    seen = sleigh.page().text
    assert "26 runs of elements: half of them" in seen
    assert "counts again" not in seen
    sleigh.store(b"worker 0", {**report, "deaths": 3})
    assert seen.count("Elements run") == 1
    assert "An element that ran again, as after the death of its worker, counts again." in (
        " ".join(sleigh.page().text.split())
    )


def test_several_calls_under_way_each_with_its_progress(sleigh: Sleigh) -> None:
    sleigh.publish(
        call(3),
        call(4, "imap", elements=None, arrived=7),
        call(5, "submit", arrived=90, elements=100),
    )
    calls = sleigh.data()["calls"]
    assert [(each["number"], each["kind"], each["arrived"]) for each in calls] == [
        (3, "eachElem", 25),
        (4, "imap", 7),
        (5, "submit", 90),
    ]
    seen = sleigh.page()
    bars = [each.attributes for each in seen.elements if each.tag == "progress"]
    assert [(bar["aria-label"], bar["value"], bar["max"]) for bar in bars] == [
        ("elements done of call 3", "25", "100"),
        ("elements done of call 5", "90", "100"),
    ]
    for text in ("eachElem(function_3)", "imap(function_4)", "submit(function_5)", "of 50 or more"):
        assert text in seen.text


def test_a_worker_of_a_group(sleigh: Sleigh) -> None:
    """Tasks for its group count, too."""
    sleigh.store(b"worker 0", {"rank": 0, "host": "node2", "group": "gpu", "state": "idle"})
    sleigh.store(b"task gpu", "a task")
    sleigh.store(b"task", "another one")
    assert sleigh.data()["workers"]["rows"][0]["group"] == "gpu"
    text = " ".join(sleigh.page().text.split())
    assert "node2 (gpu)" in text
    assert "Tasks: 2 queued, 0 running" in text
    sleigh.store(b"worker 0", {"rank": 0, "group": "\ud800"})
    assert sleigh.data()["workers"]["rows"][0]["rank"] == 0


def test_tasks_for_a_group_that_no_worker_has(sleigh: Sleigh) -> None:
    """Workers that are gone are none."""
    sleigh.store(b"worker 0", {"rank": 0, "group": "gpu", "state": "idle"})
    sleigh.store(b"worker 1", {"rank": 1, "group": "tpu", "state": "idle", "id": "1"})
    sleigh.store(b"gone 1", "its will")
    for queue in (b"task", b"task gpu", b"task tpu", b"task tpu", b"task \xff<b>"):
        sleigh.store(queue, "a task")
    assert sleigh.data()["lacking_groups"] == [
        {"group": "tpu", "tasks": 2},
        {"group": "\ufffd<b>", "tasks": 1},
    ]
    text = " ".join(sleigh.page().text.split())
    assert "2 tasks wait for the group tpu, to which no worker belongs." in text
    assert "1 task waits for the group \ufffd<b>, to which no worker belongs." in text


def test_calls_that_have_ended_stand_in_a_table_newest_first(sleigh: Sleigh) -> None:
    sleigh.publish(
        call(1, arrived=100, over=True),
        call(2, "starmap", elements=None, over=True, cancelled=True),
        call(3),
    )
    seen = sleigh.page()
    assert [each.tag for each in seen.elements].count("progress") == 1
    text = " ".join(seen.text.split())
    assert text.index("starmap(function_2) 25 3 cancelled") < text.index(
        "eachElem(function_1) 100 of 100 3 finished"
    )
    sleigh.publish(call(3, over=True))
    assert "No call is under way." in sleigh.page().text


def test_each_number_stands_once_and_the_list_is_bounded(sleigh: Sleigh) -> None:
    sleigh.publish(*(call(number) for number in range(200)), call(199, arrived=26))
    calls = sleigh.data()["calls"]
    assert [each["number"] for each in calls] == list(range(150, 200))
    assert calls[-1]["arrived"] == 26


def test_rate_and_time_left_of_each_call(sleigh: Sleigh) -> None:
    now = 1e9
    busy = [[3, 0, 20, now - 8, now - 7], [4, 0, 40, now - 6, now - 1], [3, 20, 99, 1, 2]]
    sleigh.store(b"worker 0", {"recent": busy})
    sleigh.publish(
        call(3, began=now - 100),
        call(4, began=now - 8),
        call(5, began=now - 100),
        call(6, "submit", began=now - 50, arrived=75, elements=90),
    )
    calls = sleigh.data()["calls"]
    assert [each["rate"] for each in calls] == [2.0, 5.0, 0.0, 1.5]
    assert [each["left"] for each in calls] == [37.5, 15.0, None, 10.0]
    assert "37 seconds" in sleigh.page().text


def test_a_worker_whose_supervisor_is_gone(sleigh: Sleigh) -> None:
    report = {"rank": 0, "id": "a", "state": "running", "current": {"call": 1, "since": 1e9}}
    sleigh.store(b"worker 0", report)
    sleigh.store(b"gone ", "as if it were a supervisor without an id")
    (worker,) = sleigh.data()["workers"]["rows"]
    assert (worker["state"], worker["current"]["call"]) == ("running", 1)
    sleigh.store(b"gone a", [0])
    (worker,) = sleigh.data()["workers"]["rows"]
    assert (worker["state"], worker["current"]) == ("gone", None)
    assert "gone" in sleigh.page().text
    sleigh.store(b"worker 0", [])
    (worker,) = sleigh.data()["workers"]["rows"]
    assert worker["state"] == "gone"


def test_numbers_and_axes(sleigh: Sleigh) -> None:
    durations = [[2**20 / 1e9, 30], [2**27 / 1e9, 1]]
    recent = [[1, 0, 30, 1e9 - 20, 1e9 - 10]]
    report = {"cpu": 0.731, "memory": 2e6, "durations": durations, "recent": recent}
    sleigh.store(b"worker 0", report)
    data = sleigh.data()
    assert (data["workers"]["rows"][0]["cpu"], data["durations"]["elements"]) == (0.731, 31)
    assert "axis" not in data["durations"]
    seen = sleigh.page()
    text = " ".join(seen.text.split())
    assert (
        "31 runs of elements: half of them took less than 1 ms, nine of ten less than 1 ms" in text
    )
    assert "73 % 2.0 MB" in text.replace("\xa0", " ")
    labels = [each.attributes.get("aria-label") for each in seen.elements if each.tag == "svg"]
    assert labels.count("-60 s, -45 s, -30 s, -15 s, now") == 2
    assert "1 ms, 10 ms, 100 ms" in labels


def activity(*rows: list[float]) -> Activity:
    """Return what a worker with these spans has done until the time 100."""
    activity = Activity(100.0)
    activity.add(Report({"recent": list(rows)}))
    return activity


def test_the_rate_of_a_call_counts_its_own_elements_of_the_last_ten_seconds() -> None:
    seen = activity(
        [1, 0, 50, 80, 89], [1, 50, 30, 90, 95], [2, 0, 999, 90, 95], [1, 80, 20, 1, 99]
    )
    assert seen.rate_of(1, 0.0) == 5.0


def test_the_rate_of_a_young_call_is_that_since_it_began() -> None:
    seen = activity([1, 0, 8, 96, 97])
    assert seen.rate_of(1, 96.0) == 2.0
    assert seen.rate_of(1, 99.9) == 8.0


def test_spans_that_end_before_they_begin_are_skipped() -> None:
    odd = Report({"recent": [[1, 0, 1, 5, 4], [1, 0, 1, 0, 4], [1, 0, 1]]})
    assert list(read_spans(odd)) == []


def test_spans_are_cut_at_the_ends_of_the_timeline() -> None:
    seen = activity([1, 0, 10, 30, 50], [1, 0, 4, 99.9995, 1000], [1, 0, 7, 200, 300])
    chart = seen.draw_throughput(ended=True)
    assert chart is not None
    assert chart.high == 1.0
    assert 0 <= chart.last < 1


def test_throughput_adds_up_all_workers(sleigh: Sleigh) -> None:
    """Each element counts in the seconds in which its span was."""
    sleigh.workers(2, lambda rank: {"recent": [[1, 0, 30, 1e9 - 20, 1e9 - 10 - 5 * rank]]})
    assert "At most 9." in sleigh.page().text


def test_a_page_has_fifty_workers_and_the_sums_are_those_of_all(sleigh: Sleigh) -> None:
    """It shows the timeline of the same fifty."""
    sleigh.workers(
        120,
        lambda rank: {
            "host": f"node{rank % 3}",
            "state": "idle" if rank < 100 else "running",
            "elements": rank,
            "cpu": 0.5 if rank else None,
            "memory": 1e6,
            "lines": [[1e9 + rank, 1, -1, "stdout", f"line of {rank}"]],
        },
    )
    data = sleigh.data()
    assert [row["rank"] for row in data["workers"]["rows"]] == list(range(50))
    assert [lane["rank"] for lane in data["timeline"]] == list(range(50))
    assert data["sums"] == {
        "states": [{"state": "idle", "workers": 100}, {"state": "running", "workers": 20}],
        "elements": sum(range(120)),
        "cpu": 59.5,
        "memory": 120e6,
        "deaths": 0,
    }
    assert [line["rank"] for line in data["lines"]] == list(range(70, 120))
    text = " ".join(sleigh.page().text.split())
    assert "120 workers: 100 idle, 20 running; more can join." in text
    assert "page 1 of 3" in text
    assert "Of those in the table above." in text


@pytest.mark.parametrize(
    ("fields", "ranks"),
    [
        ({"page": "3"}, range(100, 120)),
        ({"sort": "elements"}, range(119, 69, -1)),
        ({"search": "node7 "}, range(70, 80)),
        ({"search": "RUNNING", "sort": "cpu"}, [1]),
        ({"search": "nowhere"}, []),
    ],
)
def test_workers_are_searched_and_sorted(
    sleigh: Sleigh, fields: dict[str, str], ranks: Iterable[int]
) -> None:
    sleigh.workers(
        120,
        lambda rank: {
            "host": f"node{rank // 10}",
            "elements": rank,
            "state": "running" if rank == 1 else "idle",
        },
    )
    data = sleigh.data(**fields)
    assert [row["rank"] for row in data["workers"]["rows"]] == list(ranks)
    assert data["sums"]["elements"] == sum(range(120))
    assert sleigh.page(**fields).text


def test_two_workers_need_no_search(sleigh: Sleigh) -> None:
    sleigh.workers(2, lambda rank: {"host": "here"})
    kinds = [each.attributes.get("type") for each in sleigh.page().elements]
    assert "search" not in kinds


def test_jobs_of_a_batch_system(sleigh: Sleigh) -> None:
    jobs = [
        {"id": "0", "job": "7_0", "state": "waiting", "reason": "Resources"},
        {"id": "1", "job": "", "state": "waiting", "reason": "to be submitted"},
    ]
    assert sleigh.data()["batch"] is None
    sleigh.store(b"jobs", {"system": "slurm", "jobs": jobs})
    assert sleigh.data()["batch"] == {"system": "slurm", "jobs": jobs}
    text = " ".join(sleigh.page().text.split())
    assert "In slurm: 2 jobs." in text
    assert "7_0 waiting Resources not submitted waiting to be submitted" in text


@pytest.mark.parametrize(
    "report", [5, {"system": 5}, {"system": "slurm", "jobs": [5, {"job": []}]}]
)
def test_a_report_of_jobs_that_is_none(sleigh: Sleigh, report: Any) -> None:
    sleigh.store(b"jobs", report)
    assert "Output" in sleigh.page().text

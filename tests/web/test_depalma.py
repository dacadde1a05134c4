"""The page of a Depalma cluster, from a workspace that the test fills as master and hosts do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nws.depalma.listings import describe_absent
from nws.depalma.messages import (
    ABSENT,
    CLUSTER,
    ENDED,
    LAST_PID,
    MASTER_GONE,
    REQUESTS,
    ClusterTable,
    HostReport,
    JobOutcome,
    Order,
    Queue,
    RunningJob,
    SubmittedJob,
    output_of,
    read,
    report_of,
    write,
)
from nws.depalma.parameters import CodeSpec
from nws.workspace.presence import gone_of
from tests.support.clients import WS
from tests.support.memory_site import MemorySite
from tests.support.server import Client
from tests.support.web import Browser, Seen, form, target

NOW = 1e9
CODES = {
    1: CodeSpec(command=["factor"], label="<b>factor", pickup=True),
    2: CodeSpec(command="sleep 5", priority=3),
}
JUNK = [
    *(b"", b"junk", b"null", b"[]", b"7", b"{}", b"\xff\xfe", b"[" * 50_000),
    b'{"pid": 1e400, "job": 7, "jobs": [7, {}], "codes": [], "host": [], "groups": {"a": 1}}',
    b'{"job": {"pid": NaN, "arguments": [7, "\\ud800<b>"], "code": "x"}, "started": -1e300}',
    b'{"pid": -5, "options": 7, "arguments": "x", "memory": -1, "os_pid": 1e308, "load": 1e308}',
]


class Cluster:
    """A workspace that looks like that of a cluster, in an inspector at the time 1,000,000,000."""

    def __init__(self, memory: MemorySite) -> None:
        self._memory = memory
        self.client = memory.client
        for name in (CLUSTER, LAST_PID):
            self.client.declare_var(name.encode(), b"single")
        self.store(MASTER_GONE, "gone")
        self.client.lease(MASTER_GONE.encode())
        self.store(CLUSTER, ClusterTable(1, 10.0, 1000, codes=CODES))

    def store(self, variable: str, message: msgspec.Struct | str | bytes) -> None:
        text = write(message) if isinstance(message, msgspec.Struct) else message
        data = text.encode() if isinstance(text, str) else text
        self.client.store(variable.encode(), data)

    def run(self, pid: int, host: str, **fields: Any) -> None:
        """Let a host run a job, and say so."""
        queue = Queue(0).variable
        self.store(queue, SubmittedJob(pid, 1, 1, ["12"], submitted=NOW - 60))
        self.client.lease(queue.encode())
        running = RunningJob(pid, 2, 0, 99, NOW - 5, memory=2**20)
        report = HostReport(
            *(f"{host} 1", host, "machine", 7, 4, ["big"], 3, 1, NOW),
            cores=8,
            load=1.25,
            memory=2**33,
            memory_used=2**32,
            jobs=[running],
        )
        self.store(report_of(report.id), report)
        self.store(gone_of(report.id), "gone")
        self.client.lease(gone_of(report.id).encode())

    def end(self, pid: int, **fields: Any) -> None:
        """Let a job end."""
        job = SubmittedJob(pid, 1, 1, submitted=NOW - 9)
        given = {"attempt": 1, "host": "a 1", "started": NOW - 4, "ended": NOW - 1, **fields}
        self.store(ENDED, JobOutcome(job, **given))
        self.client.lease(ENDED.encode())

    def data(self, pid: int = 0) -> Any:
        """Return the data of its page."""
        self._memory.inspector.cost_cache.clear()
        reply = self._memory.ask(form("GET", target("api/depalma", name=WS, pid=pid)))
        assert reply.status == 200, reply.text
        return reply.json()

    def page(self, pid: int = 0) -> Seen:
        """Return its page."""
        self._memory.inspector.cost_cache.clear()
        return self._memory.ask(form("GET", target("depalma", name=WS, pid=pid))).page()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with MemorySite(tmp_path) as memory:
        yield Cluster(memory)


def test_a_cluster_without_hosts_and_jobs(cluster: Cluster) -> None:
    assert cluster.data()["numbers"] == {"running": 0, "waiting": 0, "ended": 0}
    text = cluster.page().text
    assert "No host has joined." in text
    assert "There are no jobs." in text


def test_hosts_with_state_load_and_slots(cluster: Cluster) -> None:
    cluster.run(1, "a")
    (host,) = cluster.data()["hosts"]
    assert (host["name"], host["state"], host["jobs"], host["slots"]) == ("a", "ready", 1, 4)
    assert (host["load"], host["cores"], host["groups"], host["priority"]) == (1.2, 8, "big", 3)
    assert (host["memory"], host["used"], host["machine"]) == (2**33, 2**32, "machine")


def test_hosts_that_are_not_there_with_the_reason(cluster: Cluster) -> None:
    report = HostReport("a 1", "a", "machine", 7, 4, [], 0, 1, NOW - 60)
    described = describe_absent(["a", "b"], {"a": report}, {"b": "no <b>such</b> file"})
    cluster.store(ABSENT, json.dumps({"hosts": described}))
    lost, failed = cluster.data()["hosts"]
    assert (lost["name"], lost["state"], lost["time"]) == ("a", "lost", NOW - 60)
    assert (failed["name"], failed["state"], failed["slots"]) == ("b", "failed", 0)
    text = cluster.page().text
    assert "no answer since 2001" in text
    assert "no <b>such</b> file" in text


def test_a_host_that_has_just_joined_or_gone_is_shown_once(cluster: Cluster) -> None:
    """The master says a little later than the host whether it is there."""
    cluster.run(1, "joined")
    gone = HostReport("gone 1", "gone", "machine", 7, 4, [], 0, 1, NOW - 60)
    cluster.store(report_of(gone.id), gone)
    cluster.store(gone_of(gone.id), "gone")
    cluster.store(ABSENT, json.dumps({"hosts": describe_absent(["gone", "joined"], {}, {})}))
    shown = [(host["name"], host["state"]) for host in cluster.data()["hosts"]]
    assert shown == [("joined", "ready"), ("gone", "starting")]


def test_jobs_that_run_that_wait_and_that_have_ended(cluster: Cluster) -> None:
    cluster.run(1, "a")
    low = SubmittedJob(2, 1, 1, submitted=NOW - 3)
    cluster.store(Queue(0).variable, low)
    cluster.store(Queue(3).variable, SubmittedJob(3, 2, 1))
    cluster.store(Queue(-1, ("g",)).variable, SubmittedJob(4, 1, 1, options={"priority": -1}))
    cluster.end(5, status=0)
    cluster.end(6, status=-1, signal=9, timed_out=True)
    cluster.end(7, status=127, error="on host a: it cannot be started")
    data = cluster.data()
    assert data["numbers"] == {"running": 1, "waiting": 3, "ended": 3}
    jobs = {job["pid"]: job for job in data["jobs"]}
    assert [*jobs] == [1, 3, 2, 4, 7, 6, 5]
    assert (
        jobs[1].items()
        >= {
            "state": "running",
            "host": "a",
            "attempt": 2,
            "started": NOW - 5,
            "command": "factor 12",
        }.items()
    )
    assert (jobs[3]["state"], jobs[3]["priority"], jobs[4]["priority"]) == ("waiting", 3, -1)
    assert (jobs[5]["exit"], jobs[5]["failed"], jobs[5]["seconds"]) == ("exit status 0", False, 3.0)
    assert (jobs[6]["exit"], jobs[6]["failed"]) == ("its time was over", True)
    problems = {pid: job["problem"] for pid, job in jobs.items() if job["problem"]}
    assert problems == {4: "no host is there of g"}
    assert jobs[7]["exit"] == "on host a: it cannot be started"
    seen = cluster.page()
    assert "<b>factor" in seen.text
    assert not [each for each in seen.elements if each.tag == "b"]
    kills = [link for link in seen.links if "kill-job" in link]
    assert len(kills) == 4
    assert "no host is there of g" in seen.text


def test_the_output_of_a_job_also_as_far_as_it_was_read(cluster: Cluster) -> None:
    cluster.run(1, "a")
    for piece in (b"one\n", b"\xff\x1b[2J\n", b"<i>three"):
        cluster.store(output_of("stdout", 1, 2), piece)
    cluster.client.lease(output_of("stdout", 1, 2).encode(), 2)
    output = cluster.data(1)["output"]
    assert output["stdout"] == "one\n\\xff\\x1b[2J\n<i>three"
    assert output["stderr"] == ""
    assert "<i>three" in cluster.page(1).text
    assert cluster.data(2)["output"] is None
    cluster.store(output_of("stderr", 1, 2), b"x" * 50_000)
    assert len(cluster.data(1)["output"]["stderr"]) == 20_000


def test_what_no_cluster_has_written_is_left_out(cluster: Cluster) -> None:
    cluster.run(1, "a")
    for junk in JUNK:
        for name in (
            ABSENT,
            CLUSTER,
            ENDED,
            Queue(0).variable,
            "jobs x",
            "jobs ",
            "host x",
            "gone x",
        ):
            cluster.store(name, junk)
    for name in (ENDED, Queue(0).variable, "gone x"):
        cluster.client.lease(name.encode(), 100)
    assert cluster.data()["numbers"]["running"] == 1 + len(JUNK)
    assert not [each for each in cluster.page().elements if each.tag == "b"]


def test_jobs_wait_for_hosts_that_are_not_there(cluster: Cluster) -> None:
    cluster.store(Queue(0).variable, SubmittedJob(1, 1, 1))
    for queue in ("jobs 0", "jobs 0 7", 'jobs 0 [7, "big"]'):
        cluster.store(queue, SubmittedJob(2, 1, 1))
    assert {job["problem"] for job in cluster.data()["jobs"]} == {"no host is there"}
    cluster.run(3, "a")
    assert {job["problem"] for job in cluster.data()["jobs"]} == {""}


def test_killing_a_job_asks_the_master(client: Client, browser: Browser) -> None:
    for name in (CLUSTER, LAST_PID, MASTER_GONE):
        assert client.ask("declare var", "ws", name, "single").status == 0
    assert "depalma?name=ws" in " ".join(browser.see("workspace", name="ws").links)
    seen = browser.see("confirm", action="kill-job", ws="ws", name=7)
    assert "Kill job 7?" in seen.text
    reply = browser.post(seen.forms[0], {"token": seen.token})
    assert reply.location == "/depalma?name=ws&said=killed"
    page = browser.ask("GET", reply.location).page()
    assert "The signal is on its way to the job." in page.text
    assert "gone" in page.text  # nobody has the master's value
    request = client.get("fetch", "ws", REQUESTS).payload.decode()
    assert read(Order, request) == Order(7, 15)
    assert browser.do("kill-job", ws="ws", name="x").status == 400
    assert browser.get("depalma", name="none").status == 404

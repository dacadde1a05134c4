"""What monitoring systems are told: metrics, and probes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open
from prometheus_client.parser import text_string_to_metric_families as read_text

from tests.support.memory_site import MemorySite
from tests.support.processes import until
from tests.support.server import Client
from tests.support.web import Browser, Inspected, Reply, form, inspected

KEY = "open_sesame-1"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[MemorySite]:
    with MemorySite(tmp_path) as memory:
        yield memory


def metrics(browser: Browser) -> dict[str, float]:
    return metrics_in(browser.get("metrics"))


def metrics_in(reply: Reply) -> dict[str, float]:
    """Return the metrics by name, with the values of the labels if there are any."""
    assert reply.status == 200, reply.text
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in read_text(reply.text)
        for sample in family.samples
    }


def test_what_the_space_holds(browser: Browser, client: Client) -> None:
    before = metrics(browser)
    for number in range(5):
        client.store("x", number)
    client.get("fetch", "ws", "x")
    after = metrics(browser)
    assert after["nws_values"] - before["nws_values"] == 4
    assert after["nws_value_bytes"] - before["nws_value_bytes"] == 4
    assert after["nws_operations_total"] - before["nws_operations_total"] == 6
    assert after["nws_received_bytes_total"] > before["nws_received_bytes_total"]
    assert after["nws_sent_bytes_total"] > before["nws_sent_bytes_total"]
    assert after["process_resident_memory_bytes"] > 1e7


def test_what_clients_did_that_are_gone_still_counts(site: Inspected, browser: Browser) -> None:
    before = metrics(browser)["nws_operations_total"]
    for _ in range(3):
        with site.server.client("extended", ws="here and gone") as client:
            token = client.get("session").payload.decode()
            with site.server.client("extended") as other:  # which moves to another session
                assert other.ask("attach", token).status == 0
    until(lambda: metrics(browser)["nws_connections"] == 0, "end of the connections")
    assert metrics(browser)["nws_operations_total"] - before == 9


def test_sleighs_are_counted_together(memory: MemorySite) -> None:
    store = memory.client.store
    for name in (b"task", b"result", b"rankCount", b"workerCount"):
        memory.client.declare_var(name, b"fifo")
    for name in (b"calls", b"worker 0", b"worker 1"):
        memory.client.declare_var(name, b"single")
    store(b"worker 0", b'{"state": "running"}')
    store(b"worker 1", b'{"state": "what a stranger has\\nstored\\" here"}')
    calls = [
        {"number": 1, "submitted": 10, "arrived": 4, "failed": 1},
        {"number": 2, "submitted": 7, "arrived": 7, "failed": 7, "over": True},
        {"number": 3, "submitted": 5, "arrived": 0, "failed": 0},
    ]
    store(b"calls", json.dumps({"calls": calls}).encode())
    found = metrics_in(memory.ask(form("GET", "/metrics")))
    assert found["nws_sleighs"] == 1
    assert found["nws_sleigh_workers running"] == 1
    assert found["nws_sleigh_workers other"] == 1
    assert found["nws_sleigh_workers idle"] == 0
    assert found["nws_sleigh_calls"] == 2
    assert found["nws_sleigh_unfinished_elements"] == 11
    assert found["nws_sleigh_failed_elements"] == 1
    assert not any("stranger" in name for name in found)


def test_there_is_no_label_that_users_choose(memory: MemorySite) -> None:
    memory.client.store(b"a variable", b"x")
    labels = {
        name
        for family in read_text(memory.ask(form("GET", "/metrics")).text)
        for sample in family.samples
        for name in sample.labels
    }
    assert labels == {"version", "python", "state"}


def test_the_newer_format_is_given_to_who_asks_for_it(browser: Browser) -> None:
    reply = browser.ask("GET", "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "nws_values" in {family.name for family in read_open(reply.text)}


@pytest.mark.parametrize("given", [f"Bearer {KEY}", f"bearer  {KEY} "])
def test_with_a_key(locked: Browser, given: str) -> None:
    assert locked.get("metrics").status == 401
    assert locked.ask("GET", "/metrics", Authorization=f"Basic {KEY}").status == 401
    assert locked.ask("GET", "/metrics", Authorization=given).status == 200
    assert locked.get("metrics", key=KEY).status == 200
    assert locked.ask("GET", "/server", Authorization=given).status == 401  # that is a page
    assert locked.ask("GET", "/api/server", Authorization=given).status == 200


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("locked")
    options = ["--babelfish", "none", "--max-connections", "1", "--original", "never"]
    with (
        inspected(folder, *options, env={"NWS_WEB_KEY": KEY, "NWS_SECRET": 2 * KEY}) as site,
        site.server.client(None) as client,
    ):
        client.log_in(2 * KEY)
        yield Browser(site.browser.port)


def test_probes_need_no_key(locked: Browser) -> None:
    assert locked.get("health").json() == {"status": "ok"}
    reply = locked.get("ready")
    assert reply.status == 503  # its only place is taken
    assert reply.json() == {
        "status": "full",
        "reason": "1 clients are connected, and the server takes no more",
    }


def test_a_server_with_places_is_ready(browser: Browser) -> None:
    reply = browser.get("ready")
    assert (reply.status, reply.json()) == (200, {"status": "ready"})
    assert browser.ask("HEAD", "/ready").status == 200
    assert browser.post("/ready", {}).status == 405

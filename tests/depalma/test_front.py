"""The XML-RPC front: who gets in, what comes out, and its faults."""

from __future__ import annotations

import http.client
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xmlrpc.client import Binary, Fault, MultiCall, ProtocolError, ServerProxy, dumps, loads

import pytest

from nws.depalma import master_server
from nws.depalma.methods import METHODS
from nws.errors import DepalmaException
from nws.version import __version__
from tests.depalma.conftest import configuration, host
from tests.support.pages import DOCS

SECRET = "s3cret/: "

# The masters of this module start no host, but for one that is asked to.


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[master_server]:
    front = f'port = 0\npassword = "{SECRET}"'
    config = configuration(tmp_path_factory.mktemp("front"), "", front=front)
    with master_server(config) as server:
        server.init_server()
        yield server


@pytest.fixture
def rpc(master: master_server) -> Iterator[Any]:
    with ServerProxy(master.address) as proxy:
        yield proxy


def post(master: master_server, body: bytes, **headers: str) -> http.client.HTTPResponse:
    """Send a request as a program of any kind may."""
    port = urlsplit(master.address).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml", **headers})
    response = connection.getresponse()
    response.body = response.read()  # type: ignore[attr-defined]
    connection.close()
    return response


def test_it_listens_on_loopback_and_has_all_methods(master: master_server, rpc: Any) -> None:
    assert urlsplit(master.address).hostname == "127.0.0.1"
    assert len(METHODS) == 21
    assert set(METHODS) <= set(rpc.system.listMethods())
    for method in METHODS:
        assert rpc.system.methodHelp(method)


def test_only_who_knows_the_password_gets_in(master: master_server) -> None:
    call = dumps((), "pickup_avail").encode()
    for wrong in ({}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer s3cret"}):
        response = post(master, call, **wrong)
        assert response.status == 401
        assert response.getheader("WWW-Authenticate") == 'Basic realm="depalma"'
    response = post(master, call, Authorization=f"Bearer {SECRET}")
    assert loads(response.body)[0] == ([],)  # type: ignore[attr-defined]
    address = re.sub("//.*@", "//depalma:wrong@", master.address)
    with ServerProxy(address) as proxy, pytest.raises(ProtocolError, match="401"):
        proxy.ps()


def test_a_new_password_is_made_at_each_start(tmp_path: Path) -> None:
    passwords = set()
    for _ in range(2):
        with master_server(configuration(tmp_path, "")) as server:
            passwords.add(urlsplit(server.address).password)
    assert len(passwords) == 2
    assert all(password and len(password) > 20 for password in passwords)


def test_requests_that_are_too_long_or_no_xml_are_refused(master: master_server) -> None:
    token = {"Authorization": f"Bearer {SECRET}"}
    assert post(master, b"", **token, **{"Content-Length": str(10**12)}).status == 413
    assert post(master, b"", **token, **{"Content-Length": "-1"}).status == 413
    for body in (b"<hello>", b"", b"\xff", b"<methodCall/>", dumps((1,)).encode()):
        with pytest.raises(Fault, match="the request is no call of XML-RPC") as caught:
            loads(post(master, body, **token).body)  # type: ignore[attr-defined]
        assert caught.value.faultCode == 1


def test_each_error_is_a_fault_with_a_code(rpc: Any) -> None:
    calls = [
        (1, lambda: rpc.load_code("", {})),
        (1, lambda: rpc.load_code("true", {"speed": 1})),
        (1, lambda: rpc.load_code("true", {}, 3)),
        (1, lambda: rpc.add_hosts([{"name": "x", "slots": "many"}])),
        (1, lambda: rpc.add_hosts([5])),
        (1, lambda: rpc.callback([], "gone")),
        (1, lambda: rpc.finished(1, -1)),
        (1, rpc.finished),
        (1, rpc.system.methodHelp),
        (1, lambda: rpc.exec_code(rpc.load_code("true", {"groups": ["nobdy"]}))),
        (1, lambda: rpc.debug("x")),
        (1, lambda: rpc.system.multicall(7)),
        (1, lambda: rpc.system.multicall([{"methodName": "ps"}])),
        (2, lambda: rpc.exec_code(99)),
        (2, lambda: rpc.run_code(99)),
        (2, lambda: rpc.exec_code("none")),
        (2, lambda: rpc.pickup(99)),
        (2, lambda: rpc.remove_hosts("nobody")),
    ]
    for code, call in calls:
        with pytest.raises(Fault) as caught:
            call()
        assert caught.value.faultCode == code
        assert re.match(
            r"Depalma\w+Exception: |a multicall has structures", caught.value.faultString
        )


def test_an_unknown_method_or_group_is_answered_by_what_there_is(rpc: Any) -> None:
    with pytest.raises(Fault) as caught:
        rpc.start_code(1)
    assert "there is no method 'start_code'; there are init_server, load_code" in str(caught.value)
    calls: Any = MultiCall(rpc)
    calls.start_code(1)
    with pytest.raises(Fault, match="there is no method 'start_code'"):
        list(calls())
    with pytest.raises(Fault, match=r"exec_code\(code, arguments, options\): missing .* 'code'"):
        rpc.exec_code()
    code = rpc.load_code("true")
    with pytest.raises(Fault, match=r"\['gpu'\]; there are \['new', 'nobody'\]. .*configuration"):
        rpc.exec_code(code, [], {"groups": ["gpu"]})


def test_a_waiting_job_says_that_no_host_is_there(rpc: Any) -> None:
    pid = rpc.exec_code(rpc.load_code("true"))
    assert [job["problem"] for job in rpc.ps() if job["pid"] == pid] == ["no host is there"]
    with pytest.raises(Fault, match=f"job {pid} has not ended: it is waiting, no host is there"):
        rpc.pickup(pid)


def test_nil_stands_for_what_is_left_out(master: master_server) -> None:
    with ServerProxy(master.address, allow_none=True) as proxy:
        rpc: Any = proxy
        code = rpc.load_code("true", {"label": None, "timeout": None, "cwd": None})
        assert rpc.exec_code(code, None, None) > 0
        assert rpc.remove_code(rpc.load_code("true", None))


def test_a_job_is_one_of_a_number_and_not_of_something_like_it(rpc: Any) -> None:
    rpc.exec_code(rpc.load_code("true", {}))
    for wrong in (True, "1", 1.5, float("nan"), float("inf"), [1.0]):
        with pytest.raises(Fault, match="there is no job"):
            rpc.finished(wrong)


def test_a_double_that_is_a_whole_number_is_one(rpc: Any) -> None:
    """Languages without integers send all numbers so, and others those of more than 32 bits."""
    code = rpc.load_code(["true", 3.0], {"groups": ["nobody"], "io": True, "priority": 1.0})
    pid = rpc.exec_code(float(code), [2.0**33, 45.0, 0.5], {"retries": 1.0})
    assert rpc.stdin(float(pid), "a line\n", 1.0)
    assert rpc.stdout(float(pid), 0.0) == Binary(b"")
    assert not rpc.finished(float(pid), 0.0)
    (job,) = [job for job in rpc.ps() if job["pid"] == pid]
    assert job["arguments"] == ["8589934592", "45.0", "0.5"]
    assert rpc.kill(float(pid))
    assert rpc.finished(float(pid), 60.0)
    assert rpc.pickup(float(pid))["pid"] == pid
    assert rpc.remove_code(float(code))


def test_before_init_server_only_the_configuration_can_be_asked_for(tmp_path: Path) -> None:
    with master_server(configuration(tmp_path, "")) as server, ServerProxy(server.address) as rpc:
        assert rpc.get_config()["name"] == "test"  # type: ignore[index,call-overload]
        with pytest.raises(Fault, match="call init_server first") as caught:
            rpc.load_code("true")
        assert caught.value.faultCode == 3


def test_the_configuration_is_without_the_password(rpc: Any) -> None:
    assert rpc.get_config() == {
        "name": "test",
        "server": "",
        "lost_after": 30.0,
        "start_timeout": 30.0,
        "max_output": 64 * 1024 * 1024,
        "groups": ["nobody", "new"],
        "front": {"interface": "127.0.0.1", "port": 0, "user": "depalma"},
        "host": [],
    }


def test_large_numbers_bytes_and_strange_characters_can_be_carried(
    master: master_server, rpc: Any
) -> None:
    code = rpc.load_code("true", {"groups": ["nobody"], "memory": 2.0**40})
    pid = master.exec_code(code, ["\x01\ud800"])
    (job,) = [job for job in rpc.ps() if job["pid"] == pid]
    assert job["arguments"] == ["\ufffd\ufffd"]
    io = rpc.load_code(["cat"], {"groups": ["nobody"], "io": True})
    pid = rpc.exec_code(io)
    assert rpc.stdin(pid, Binary(b"\0\xff"))
    assert rpc.stdout(pid) == Binary(b"")
    for wrong in (7, ["x"]):
        with pytest.raises(Fault, match="data is bytes or a text"):
            rpc.stdin(pid, wrong)
    for offset in (-1, float("nan"), float("inf")):
        with pytest.raises(Fault, match=f"offset is {offset}, not a number of bytes"):
            rpc.stdout(pid, offset)


def test_many_calls_go_in_one_request(rpc: Any) -> None:
    code = rpc.load_code("true", {"groups": ["nobody"]})
    calls: Any = MultiCall(rpc)
    for _ in range(50):
        calls.exec_code(code)
    pids = list(calls())
    assert pids == list(range(pids[0], pids[0] + 50))
    assert rpc.debug()["waiting"] >= 50


def test_the_master_logs_more_when_it_is_asked_to(rpc: Any) -> None:
    log = logging.getLogger("nws.depalma")
    for on, level in [(True, logging.DEBUG), (False, logging.INFO), (1, logging.DEBUG)]:
        assert rpc.debug(on)["version"] == __version__
        assert log.level == level
    log.setLevel(logging.NOTSET)


def test_the_page_names_all_that_debug_returns(rpc: Any) -> None:
    (row,) = re.findall(r"^\| `debug` .*$", (DOCS / "depalma.md").read_text(), re.MULTILINE)
    assert {*rpc.debug()} <= {*re.findall(r"`(\w+)`", row)}


def test_the_data_for_pages_has_cluster_hosts_and_jobs(rpc: Any) -> None:
    data = rpc.get_web_data()
    assert data.keys() == {"cluster", "hosts", "jobs"}
    assert data["cluster"]["name"] == "test"
    assert data["hosts"] == []
    assert {"pid", "state"} <= data["jobs"][0].keys()


def test_shutdown_answers_and_then_everything_is_over(tmp_path: Path) -> None:
    with master_server(configuration(tmp_path, "")) as server, ServerProxy(server.address) as rpc:
        rpc.init_server()
        assert not server.wait(0)
        assert rpc.shutdown()
        assert server.wait(30)
    with pytest.raises(DepalmaException, match="the cluster is over: it was shut down"):
        server.load_code("true")


def test_a_port_that_is_taken_is_named(master: master_server, tmp_path: Path) -> None:
    port = urlsplit(master.address).port
    config = configuration(tmp_path, "", front=f"port = {port}")
    with pytest.raises(DepalmaException, match=f"cannot listen on 127.0.0.1, port {port}"):
        master_server(config)


@pytest.mark.slow
def test_hosts_that_cannot_be_started_are_named_with_the_reason(tmp_path: Path) -> None:
    hosts = host("x", more='launch = ["no-such-launcher"]')
    with (
        master_server(configuration(tmp_path, hosts)) as server,
        pytest.raises(DepalmaException, match=r"no host has joined.*x: .*no-such-launcher"),
    ):
        server.init_server()

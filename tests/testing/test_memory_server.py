"""What a server in memory has beside what a real one has."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading

import pytest

from nws.client import (
    NwsConnectionDroppedException,
    NwsNoWorkSpaceException,
    NwsOperationException,
    NwsPicklingException,
    NwsTimeoutException,
)
from nws.testing import MemoryServer
from tests.support.processes import Aside, children, open_files
from tests.support.spaces import until_waiting


def test_it_is_nothing_to_the_system() -> None:
    before = open_files(os.getpid()), children(os.getpid()), threading.active_count()
    with MemoryServer() as server, server.connect().openWs("shop") as ws:
        ws.store("x", b"x" * 3_000_000)
        assert len(ws.fetch("x")) == 3_000_000
        now = open_files(os.getpid()), children(os.getpid()), threading.active_count()
        assert now == before


def test_clients_are_strangers() -> None:
    with MemoryServer() as server:
        owner = server.connect()
        owner.openWs("shop").store("x", 1)
        guest = server.connect().useWs("shop", create=False)
        assert guest.find("x") == 1
        owner.close()
        with pytest.raises(NwsNoWorkSpaceException):
            guest.find("x")
        assert "shop" not in guest.server.listWss()


def test_a_session_can_be_joined() -> None:
    with MemoryServer() as server:
        first = server.connect()
        first.openWs("shop")
        second = server.connect(session=first.session)
        first.close()
        assert ">shop" in str(second.listWss())
        with pytest.raises(NwsOperationException, match="no such session"):
            server.connect(session="unknown")


def test_time_passes() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        ws.store_many("x", range(1000))
        leases = ws.lease_many("x", 1000, duration=60)
        server.advance(59)
        assert ws.findTry("x") is None
        server.advance(1)
        assert ws.fetch_many("x", 1000) == list(range(1000))
        assert leases[0].attempt == 1
        fetch = Aside(lambda: ws.fetch("y", timeout=1000))
        until_waiting(ws, "y", fetchers=1)
        server.advance(1000)
        with pytest.raises(NwsTimeoutException):
            fetch.result()


def test_its_end_wakes_who_waits() -> None:
    server = MemoryServer()
    ws = server.connect().openWs("shop")
    fetch = Aside(lambda: ws.fetch("x"))
    until_waiting(ws, "x", fetchers=1)
    server.close()
    with pytest.raises(NwsConnectionDroppedException):
        fetch.result()


def test_the_end_of_a_client_wakes_who_waits() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        fetch = Aside(lambda: ws.fetch("x"))
        until_waiting(ws, "x", fetchers=1)
        ws.server.close()
        with pytest.raises(NwsConnectionDroppedException, match="unix:memory"):
            fetch.result()


def test_it_cannot_be_sent_elsewhere() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        with pytest.raises(TypeError, match="another process"):
            pickle.dumps(ws)
        with pytest.raises(NwsPicklingException, match="another process"):
            ws.store("x", [ws])


def test_clients_that_nobody_refers_to_are_closed() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        for number in range(50):
            lost = server.connect().openWs(f"lost {number}")
            vars(lost)["circle"] = lost  # so only the collector closes it
            del lost
            ws.store("x", number)
        gc.collect()
        assert ws.server.status()["sessions"] == 1


def test_many_threads_at_once() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")

        def work() -> int:
            own = server.connect().useWs("shop")
            for number in range(200):
                own.store("x", number)
            return sum(own.fetch("x") for _ in range(200))

        assert sum(each.result() for each in [Aside(work) for _ in range(5)]) == 5 * 19900
        assert ws.findTry("x") is None


def test_ctrl_c_in_a_wait_costs_nothing() -> None:
    with MemoryServer() as server:
        ws = server.connect().openWs("shop")
        ws.declare("x", "fifo")

        def interrupt() -> None:
            until_waiting(ws, "x", fetchers=1)
            signal.raise_signal(signal.SIGINT)

        aside = Aside(interrupt)
        with pytest.raises(KeyboardInterrupt):
            ws.fetch("x")
        aside.result()
        until_waiting(ws, "x")
        ws.store("x", 1)
        assert ws.fetch("x") == 1

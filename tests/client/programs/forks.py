"""Processes that fork while they use a workspace.

Usage: forks.py SCENARIO PORT WORKSPACE. A scenario ends well, or fails with an AssertionError.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any

from nws.client import (
    NetWorkSpace,
    NwsConnectionDroppedException,
    NwsLeaseLostException,
    NwsNoWorkSpaceException,
)
from tests.support.spaces import until_waiting


def in_child(act: Callable[[], Any]) -> None:
    """Do something in a forked child, which must go well there."""
    child = os.fork()
    if not child:
        status = 1
        try:
            act()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def owns(ws: NetWorkSpace) -> bool:
    """Tell whether this process's session owns the workspace."""
    return f">{ws.currentWs()}\t" in ws.server.listWss()


def child_has_a_session_of_its_own(ws: NetWorkSpace) -> None:
    number = ws.server.nwsSocket.fileno()

    def child() -> None:
        assert ws.server.nwsSocket.fileno() == -1, "the parent's connection is closed here at once"
        assert not owns(ws)
        ws.store("from child", ws.fetch("to child"))
        assert ws.server.nwsSocket.fileno() != -1

    ws.store("to child", "hello")
    in_child(child)
    assert ws.server.nwsSocket.fileno() == number
    assert owns(ws), "the child's end changed nothing"
    assert ws.fetch("from child") == "hello"


def grandchildren(ws: NetWorkSpace) -> None:
    def child() -> None:
        ws.store("x", "child")
        in_child(lambda: ws.store("x", "grandchild"))
        in_child(ws.server.listWss)
        assert ws.fetch("x") == "child"

    in_child(child)
    assert ws.fetch("x") == "grandchild"


def other_workspaces_of_the_session(ws: NetWorkSpace) -> None:
    other = ws.server.openWs(ws.currentWs() + " other")
    deleted = ws.server.openWs(ws.currentWs() + " deleted")
    temporary = ws.server.mktempWs()
    ws.server.deleteWs(deleted.currentWs())

    def child() -> None:
        other.store("x", 1)
        ws.server.openWs(temporary, create=False)
        try:
            deleted.findTry("x")
        except NwsNoWorkSpaceException:
            return
        raise AssertionError("the workspace was deleted")

    in_child(child)
    assert other.fetch("x") == 1


def while_a_thread_waits(ws: NetWorkSpace) -> None:
    got: list[Any] = []
    thread = Thread(target=lambda: got.append(ws.fetch("x")))
    thread.start()
    until_waiting(ws, "x", fetchers=1)
    in_child(lambda: ws.store("x", "from the child"))
    thread.join()
    assert got == ["from the child"]


def while_threads_connect(ws: NetWorkSpace) -> None:
    """A lock that another thread holds at that moment must not stay locked for ever."""
    going = True

    def connect() -> None:
        while going:
            ws.server._session.pool.connect().close()

    thread = Thread(target=connect)
    thread.start()
    for number in range(20):
        in_child(lambda: ws.store("x", number))  # noqa: B023 - it is called at once
        assert ws.fetch("x") == number
    going = False
    thread.join()


def a_stream_is_the_first_use(ws: NetWorkSpace) -> None:
    token = ws.server.session

    def child(kind: str) -> None:
        stream: Any = ws.outbox() if kind == "outbox" else getattr(ws, kind)("x")
        assert ws.server.session != token, "the child has a session of its own"
        assert not owns(ws)
        ws.store("x", 1)
        if kind == "outbox":
            stream.store([("y", 2)])
            stream.confirm()
            assert ws.fetch("y") == 2
        else:
            assert (stream.next() if kind == "watch" else stream.take(20)) in (1, [1])
        ws.deleteVar("x")

    for kind in ("outbox", "watch", "inbox"):
        in_child(lambda: child(kind))  # noqa: B023 - it is called at once
    assert owns(ws)


def streams_of_the_parent(ws: NetWorkSpace) -> None:
    inbox, outbox, watch = ws.inbox("x"), ws.outbox(), ws.watch("y")
    acts: list[Callable[[], Any]] = [
        lambda: inbox.take(20),
        lambda: outbox.store([("x", "child")]),
        watch.next,
    ]

    def child() -> None:
        reasons = []
        for act in acts:
            try:
                act()
                raise AssertionError("it is the parent's")
            except NwsConnectionDroppedException as error:
                reasons.append(str(error))
        assert all("belongs to the parent process" in reason for reason in reasons)

    in_child(child)
    outbox.store([("x", "parent"), ("y", "seen")])
    assert inbox.take(20) == ["parent"]
    assert watch.next() == "seen"


def iterators_and_leases(ws: NetWorkSpace) -> None:
    ws.store_many("x", range(4))
    values = ws.ifindTry("x")
    assert next(values) == 0
    lease = ws.lease("x")

    def child() -> None:
        assert list(values) == [1, 2, 3]
        try:
            lease.settle()
        except NwsLeaseLostException:
            return
        raise AssertionError("the lease is the parent's")

    in_child(child)
    assert list(values) == [1, 2, 3]
    lease.settle()


def closed_in_the_child(ws: NetWorkSpace) -> None:
    in_child(ws.server.close)
    ws.store("x", 1)
    assert ws.fetch("x") == 1


def closed_before_the_fork(ws: NetWorkSpace) -> None:
    ws.server.close()

    def child() -> None:
        try:
            ws.store("x", 1)
        except NwsConnectionDroppedException:
            return
        raise AssertionError("it is closed here, too")

    in_child(child)


def square(ws: NetWorkSpace, number: int) -> None:
    ws.store("squares", number * number)


def processes(ws: NetWorkSpace, method: str) -> None:
    context: Any = multiprocessing.get_context(method)
    workers = [context.Process(target=square, args=(ws, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert sorted(ws.ifetchTry("squares")) == [0, 1, 4, 9]
    with context.Pool(2) as pool:
        pool.starmap(square, [(ws, number) for number in range(4)])
    assert sorted(ws.ifetchTry("squares")) == [0, 1, 4, 9]
    assert owns(ws)


def multiprocessing_fork(ws: NetWorkSpace) -> None:
    processes(ws, "fork")


def multiprocessing_spawn(ws: NetWorkSpace) -> None:
    processes(ws, "spawn")


def multiprocessing_forkserver(ws: NetWorkSpace) -> None:
    processes(ws, "forkserver")


def the_child_lives_longer(ws: NetWorkSpace) -> None:
    """The child, which does nothing with the workspace, ends with our stdin."""
    ws.store("x", "owned by the parent")
    if not os.fork():
        sys.stdin.read()
        os._exit(0)
    print("forked", flush=True)
    os._exit(0)


def main(scenario: str, port: str, name: str) -> None:
    """Run a scenario."""
    ws = NetWorkSpace(name, "127.0.0.1", int(port))
    globals()[scenario](ws)
    ws.server.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

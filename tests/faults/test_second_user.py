"""Another user of the machine tries every way in, and gets nothing but a refusal."""

from __future__ import annotations

import http.client
import os
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from functools import partial
from io import StringIO
from pathlib import Path
from traceback import TracebackException
from typing import Any, Final
from urllib.parse import urlsplit

import pytest

from nws.client import NetWorkSpace, NwsServer
from nws.connection_file import ServerAddress, read_connection_file, usual_path
from nws.errors import NwsConnectException
from nws.sleigh import Sleigh
from nws.sleigh.launch.by_hand import DELETE_ME, RUN_ME
from nws.sleigh.shared.messages import RANK_COUNT
from tests.support.processes import Aside, processes_that_show, until
from tests.support.second_user import HELLOS, answers, as_second_user, require_second_user
from tests.support.server import LOOPBACK, PATIENCE, Server, running
from tests.support.spaces import HOST

PAGES: Final = (
    *("/", "/workspaces", "/workspace?name=mine", "/variable?ws=mine&name=x", "/clients"),
    *("/server", "/api/workspaces", "/api/value?ws=mine&name=x&index=0", "/raw?ws=mine&name=x"),
    *("/events?of=server", "/metrics", "/confirm?action=delete-workspace&ws=mine", "/?key="),
    *("/clientCode/x", "/doit?op=listWss"),
)


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this user, whose Unix socket others may open; it holds one value."""
    require_second_user()
    folder = tmp_path_factory.mktemp("owned")
    door = f"unix:{socket_of(folder)}:mode=666"
    with running(folder, "--listen", door, "--web", LOOPBACK) as server:
        with NwsServer(HOST, server.port) as owner:
            owner.openWs("mine", persistent=True).store("x", "a value")
        yield server
        with NwsServer(HOST, server.port) as owner:
            assert owner.useWs("mine", create=False).fetchTry("x") == "a value"
    socket_of(folder).parent.rmdir()


def socket_of(folder: Path) -> Path:
    """Return where others can reach a socket: not in the folder of a test."""
    place = Path(f"/tmp/nws-open-{os.getpid()}")
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    return place / "socket"


def content_of(server: Server) -> ServerAddress:
    content = read_connection_file(usual_path(server.port))
    assert content is not None
    return content


@pytest.mark.parametrize("kind", HELLOS)
@pytest.mark.parametrize("listener", ["tcp", "unix"])
def test_no_hello_leads_anywhere(owned: Server, listener: str, kind: str) -> None:
    address = (HOST, owned.port) if listener == "tcp" else owned.addresses[1]
    heard = as_second_user(lambda: answers(address, HELLOS[kind]))
    assert heard[0] == ("P000" if len(HELLOS[kind]) == 2 else "")
    assert set(heard[1:]) <= {"F000", "more", ""}


def test_the_owner_is_not_disturbed(owned: Server) -> None:
    with NwsServer(HOST, owned.port) as server:
        before = server.status()["refused_logins"]
        for _ in range(3):
            as_second_user(lambda: answers((HOST, owned.port), (b"1112",)))
        assert server.status()["refused_logins"] == before + 3
    assert len([line for line in owned.log() if "refused" in line and "secret" in line]) == 1
    NwsServer(f"unix:{owned.addresses[1]}").close()


def test_no_page_is_shown(owned: Server) -> None:
    port = port_of_inspector(owned)

    def look() -> list[list[Any]]:
        seen = []
        for page in PAGES:
            for method in ("GET", "POST"):
                browser = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                browser.request(method, page, "" if method == "POST" else None, headers)
                reply = browser.getresponse()
                seen.append([reply.status, "mine" in reply.read().decode()])
                browser.close()
        return seen

    assert all(seen == [401, False] for seen in as_second_user(look))
    assert status_of(port, "/workspaces") == 200, "the owner types nothing"


def status_of(port: int, page: str) -> int:
    browser = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    try:
        browser.request("GET", page)
        return browser.getresponse().status
    finally:
        browser.close()


def failure_of(work: Callable[[], object]) -> str:
    try:
        work()
    except Exception as error:
        return type(error).__name__
    return "nothing failed"


def test_no_file_can_be_read(owned: Server) -> None:
    file, content = usual_path(owned.port), content_of(owned)
    ways: list[Callable[[], object]] = [
        file.read_text,
        lambda: list(file.parent.iterdir()),
        lambda: answers(content.forwarded, (b"1112",)),
        lambda: list(Path(content.forwarded).parent.iterdir()),
        Path(f"/proc/{owned.pid}/environ").read_bytes,
        lambda: os.listdir(f"/proc/{owned.pid}/fd"),
    ]
    assert set(as_second_user(lambda: [failure_of(way) for way in ways])) == {"PermissionError"}


def test_our_own_client_says_why(owned: Server) -> None:
    def connect() -> str:
        try:
            NwsServer(HOST, owned.port)
        except NwsConnectException as error:
            return str(error)
        return "it is in"

    assert "it is of user 65534 and has not proved that it knows" in as_second_user(connect)


@pytest.mark.slow
def test_a_sleigh_with_a_private_server(monkeypatch: pytest.MonkeyPatch) -> None:
    require_second_user()
    monkeypatch.setattr(webbrowser, "open", lambda _: True)
    with Sleigh(workerCount=1) as sleigh:
        path = sleigh.nws.server.serverHost.removeprefix("unix:")
        page = urlsplit(sleigh.view())
        ways: list[Callable[[], object]] = [
            lambda: answers(path, (b"1112",)),
            lambda: list(Path(path).parent.iterdir()),
        ]
        assert as_second_user(lambda: [failure_of(way) for way in ways]) == 2 * ["PermissionError"]
        assert page.port is not None
        port = page.port
        assert as_second_user(lambda: status_of(port, f"{page.path}?{page.query}")) == 401
        assert status_of(port, f"{page.path}?{page.query}") == 200


def test_a_spool_folder(owned: Server) -> None:
    """Where long values are, while they are."""
    with NetWorkSpace("long", HOST, owned.port) as ws:
        ws.store("x", bytes(17 * 1024 * 1024))
        (folder,) = folder_of(owned).glob("nws-spool-*")
        file = next(path for path in folder.iterdir() if path.stat().st_size > 1024 * 1024)
        ways: list[Callable[[], object]] = [lambda: list(folder.iterdir()), file.read_bytes]
        # The folder of the test would not let them in either.
        modes = [path.stat().st_mode & 0o077 for path in (folder, file)]
        assert modes == [0, 0]
        assert as_second_user(lambda: [failure_of(way) for way in ways]) == 2 * ["PermissionError"]


def test_the_line_of_a_web_launch(owned: Server) -> None:
    """Whoever reads it comes in no better for that."""
    with waiting_for_a_person(owned) as workspace:
        line = workspace.find(RUN_ME)
        assert content_of(owned).secret not in line

        def paste() -> str:
            with redirect_stderr(StringIO()) as said:
                exec(line)
            return said.getvalue()

        assert "has not proved that it knows the secret" in as_second_user(paste)
        assert workspace.find(RANK_COUNT) == 0


@contextmanager
def waiting_for_a_person(server: Server) -> Iterator[NetWorkSpace]:
    """Begin a sleigh whose workers a person starts; give its workspace."""
    sleigh = Aside(partial(Sleigh, launch="web", nwsHost=HOST, nwsPort=server.port))
    with NwsServer(HOST, server.port) as found:

        def line_of() -> str:
            names = [name for name in found.listWss("dict") if name.startswith("sleigh_ride_")]
            shown = (name for name in names if found.useWs(name).findTry(RUN_ME))
            return next(shown, "")

        workspace = found.useWs(until(line_of, "what to paste"))
        try:
            yield workspace
        finally:
            until(lambda: DELETE_ME in workspace.listVars(format="dict"), "the sleigh waits")
            workspace.deleteVar(DELETE_ME)
            sleigh.result().stop()


def test_the_secret_is_in_its_file_only(owned: Server) -> None:
    """Not in the words or the environment of a process, in another file, on a page, in a value, or
    in what a traceback may show."""
    content = content_of(owned)
    secret = content.secret
    with Sleigh(workerCount=1, nwsHost=HOST, nwsPort=owned.port) as sleigh:
        sleigh.userNws.store("x", sleigh.nws)
        assert sleigh.eachElem(abs, [-1]) == [1]
        for ws, variable in ((sleigh.userNws.currentWs(), "x"), ("mine", "x")):
            assert secret not in page_of(owned, f"variable?ws={ws}&name={variable}")
        assert processes_that_show("nws_babelfish")
        assert processes_that_show(secret) == []
        for workspace in (sleigh.nws, sleigh.userNws):
            for variable in workspace.listVars(format="dict"):
                for value in workspace.ifindTry(variable):
                    assert secret not in repr(value)
        assert secret not in repr(sleigh.userNws.find("x").server.endpoint)
        for page in (*PAGES, f"/sleigh?name={sleigh.nws.currentWs()}", "/api/clients"):
            assert secret not in page_of(owned, page.lstrip("/"))
        assert files_with(secret, folder_of(owned), usual_path(0).parent) == [
            usual_path(owned.port)
        ]
    with pytest.raises(NwsConnectException) as caught:
        NwsServer(HOST, owned.port, login=f"{secret}@{HOST}:1")
    told = TracebackException.from_exception(caught.value, capture_locals=True)
    shown = {line.strip() for line in "".join(told.format()).splitlines() if secret in line}
    # What we have given stands in our own frame, and in that of the function that we have called.
    assert shown == {f"secret = '{secret}'", f"login = '{secret}@{HOST}:1'"}


def page_of(server: Server, page: str) -> str:
    """Return a page as the owner sees it, or what the inspector says in its place."""
    browser = http.client.HTTPConnection(HOST, port_of_inspector(server), timeout=PATIENCE)
    try:
        browser.request("GET", f"/{page}")
        reply = browser.getresponse()
        is_endless = page.startswith("events")
        return (reply.read1() if is_endless else reply.read()).decode("utf-8", "replace")
    finally:
        browser.close()


def port_of_inspector(server: Server) -> int:
    return int(server.addresses[-1].rstrip("/").rpartition(":")[2])


def folder_of(server: Server) -> Path:
    """Return where a server keeps long values, and its log."""
    return Path(os.readlink(f"/proc/{server.pid}/cwd"))


def files_with(text: str, *folders: Path) -> list[Path]:
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]

"""Texts from real babelfishes: the server's own process, and those that users start."""

from __future__ import annotations

import operator
import os
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import Aside, children, python, until, until_gone
from tests.support.server import Client, environment
from tests.support.web import Browser, Inspected, inspected

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks for processes in /proc"
)

PICKLE = 1 << 24
R_VALUE = 3 << 24


def store(client: Client, payload: bytes, descriptor: int = PICKLE, var: str = "x") -> None:
    assert client.ask("store", "ws", var, descriptor, payload).status == 0


def call(code: str) -> bytes:
    """Return a pickle that runs code when it is unpickled."""

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return exec, (code,)

    return pickle.dumps(Bomb())


def texts(browser: Browser, var: str = "x") -> list[str]:
    """Return the texts of a page."""
    values = browser.data("variable", ws="ws", name=var)["values"]
    return [value["text"] for value in values]


def until_texts(browser: Browser, *expected: str, var: str = "x") -> None:
    """Look again until each value has a text in which this is."""

    def said() -> bool:
        found = texts(browser, var)
        assert len(found) == len(expected)
        return all(map(operator.contains, found, expected))

    until(said, f"the texts {expected}")


def babelfishes(site: Inspected) -> list[int]:
    return children(site.server.pid, running="nws_babelfish")


@contextmanager
def with_babelfish(folder: Path, kind: str, **env: str) -> Iterator[tuple[Inspected, Client]]:
    """Run a server with a babelfish, and a client that owns a workspace."""
    options = ("--babelfish", kind)
    with inspected(folder, *options, env=env) as site, site.server.client("extended") as client:
        client.open_ws()
        yield site, client


# The server's own


@pytest.fixture(scope="module")
def safe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inspected, Client]]:
    """A server with the babelfish that it has by itself, shared by tests that do not harm it."""
    with with_babelfish(tmp_path_factory.mktemp("safe"), "safe") as parts:
        yield parts


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Inspected, Client]]:
    """A server whose babelfish unpickles, shared by the tests with deadly values and others."""
    with with_babelfish(tmp_path_factory.mktemp("trusting"), "trusting") as parts:
        yield parts


@pytest.mark.parametrize("kind", ["safe", "trusting"])
def test_values_of_all_kinds_become_texts(request: pytest.FixtureRequest, kind: str) -> None:
    site, client = request.getfixturevalue(kind)
    for value in (42, [1, "zwölf"], {"a": None}, 10**400):
        store(client, pickle.dumps(value))
    store(client, b"not a pickle")
    store(client, b"")
    store(client, pickle.dumps("x" * 2_000_000))
    until_texts(site.browser, "42", "zwölf", "None", "000", "cannot", "", "xxx")
    (pid,) = babelfishes(site)
    assert len(texts(site.browser)[3]) <= 1000
    seen = site.browser.see("value", ws="ws", name="x", index=1)
    assert "zwölf" in seen.text
    assert babelfishes(site) == [pid]
    assert b"[42" not in client.get("list vars", "ws").payload
    # it is asked once for each value
    before = client.get("list wss").payload
    texts(site.browser)
    assert client.get("list wss").payload == before


def test_the_safe_one_runs_nothing(safe: tuple[Inspected, Client], tmp_path: Path) -> None:
    site, client = safe
    marker = tmp_path / "marker"
    store(client, call(f"open({str(marker)!r}, 'w')"), var="call")
    store(client, pickle.dumps("neighbour"), var="call")
    until_texts(site.browser, "exec", "neighbour", var="call")
    assert not marker.exists()


def test_without_one_python_is_not_read(tmp_path: Path) -> None:
    with with_babelfish(tmp_path, "none") as (site, client):
        store(client, pickle.dumps(42))
        assert texts(site.browser) == ["no Python babelfish is running"]
        store(client, pickle.dumps(43))
        assert texts(site.browser) == 2 * ["no Python babelfish is running"]
        assert babelfishes(site) == []


DEADLY = {
    "hangs": "while True: pass",
    "hangs for good": """
import signal
signal.signal(signal.SIGALRM, signal.SIG_IGN)
while True: pass""",
    "sleeps": "import time; time.sleep(1000)",
    "kills": "import os; os.kill(os.getpid(), 9)",
    "leaves": "import os; os._exit(0)",
    "floods": "import sys\nwhile True: sys.stderr.write('flood' * 10000)",
    "takes its connection": """
import os
for fd in range(3, 50):
    try: os.close(fd)
    except OSError: pass""",
    "leaves a child behind": """
import os, time
if os.fork() == 0:
    time.sleep(5)
    os._exit(0)
os._exit(1)""",
}


STOOD_FOR = ("hangs for good", "sleeps", "leaves")
"""By "hangs", "hangs" and "kills"; what hangs for good is also killed with its server below."""


@pytest.mark.parametrize(
    "deed",
    [pytest.param(deed, marks=[pytest.mark.nightly] * (deed in STOOD_FOR)) for deed in DEADLY],
)
def test_a_deadly_value_costs_one_placeholder(
    trusting: tuple[Inspected, Client], deed: str
) -> None:
    site, client = trusting
    store(client, pickle.dumps("first"), var=f"before it {deed}")
    until_texts(site.browser, "first", var=f"before it {deed}")
    (pid,) = babelfishes(site)
    store(client, pickle.dumps("before"), var=deed)
    store(client, call(DEADLY[deed]), var=deed)
    store(client, pickle.dumps("after"), var=deed)
    until_texts(site.browser, "before", "", "after", var=deed)
    placeholder = texts(site.browser, deed)[1]
    assert "babelfish ended" in placeholder or "too long" in placeholder
    assert pid not in babelfishes(site)
    (successor,) = babelfishes(site)
    for _ in range(3):  # it is not asked for it again
        assert texts(site.browser, deed)[1] == placeholder
    assert babelfishes(site) == [successor]


def test_a_value_that_eats_memory_gets_no_more_than_the_limit(
    trusting: tuple[Inspected, Client],
) -> None:
    site, client = trusting
    store(client, pickle.dumps("before"), var="greedy")
    store(client, call("bytes(3 << 30)"), var="greedy")
    store(client, pickle.dumps("after"), var="greedy")
    until_texts(site.browser, "before", "memory", "after", var="greedy")


def test_several_deadly_values_on_a_page_do_not_keep_the_others_from_being_read(
    trusting: tuple[Inspected, Client],
) -> None:
    site, client = trusting
    for _ in range(2):
        store(client, call("import os; os._exit(1)"), var="several")
    store(client, pickle.dumps("after"), var="several")
    until_texts(site.browser, *(2 * ["babelfish ended"]), "after", var="several")


def test_one_that_cannot_start_says_so_and_rests(tmp_path: Path) -> None:
    package = tmp_path / "nws_babelfish"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(
        f"open({str(tmp_path / 'starts')!r}, 'a').write('x')\nraise SystemExit('no reader today')"
    )
    path = f"{tmp_path}{os.pathsep}{environment()['PYTHONPATH']}"
    with with_babelfish(tmp_path, "safe", PYTHONPATH=path) as (site, client):
        for number in range(6):
            store(client, pickle.dumps(number))
        until_texts(site.browser, *(6 * ["no reader today"]))
        starts = (tmp_path / "starts").read_text()
        assert 1 <= len(starts) <= 3
        assert "cannot be started" in texts(site.browser)[0]
        for _ in range(3):
            texts(site.browser)
        assert (tmp_path / "starts").read_text() == "xxx"
        assert any("ends again and again" in line for line in site.server.log())


@pytest.mark.parametrize("what", ["doof", "food", "workspace"])
def test_answers_stay_with_their_questions_whatever_is_deleted(
    trusting: tuple[Inspected, Client], what: str
) -> None:
    own = "Python babelfish of the server"
    site, client = trusting
    var = f"without {what}"
    store(client, pickle.dumps("first"), var=f"before it is {var}")
    until_texts(site.browser, "first", var=f"before it is {var}")
    store(client, call("import time; time.sleep(0.3)"), var=var)
    for number in range(5):
        store(client, pickle.dumps(f"number {number}"), var=var)
    asking = Aside(lambda: texts(site.browser, var))
    assert client.ask("use ws", own, "", "no").status == 0
    until(lambda: b"doof\t0\t1" in client.get("list vars", own).payload, "a question")
    if what == "workspace":
        client.ask("delete ws", own)
    else:
        client.ask("delete var", own, what)
    asking.result()
    until_texts(site.browser, "", *(f"number {number}" for number in range(5)), var=var)


def test_what_strangers_store_is_no_answer(safe: tuple[Inspected, Client]) -> None:
    own = "Python babelfish of the server"
    site, client = safe
    store(client, pickle.dumps("first"), var="forged")
    until_texts(site.browser, "first", var="forged")
    assert client.ask("use ws", own, "", "no").status == 0
    for _ in range(3):
        client.store("doof", "forged", ws=own)
    store(client, pickle.dumps("second"), var="forged")
    until_texts(site.browser, "first", "second", var="forged")


def test_where_memory_is_short_values_say_why_they_are_not_read(tmp_path: Path) -> None:
    options = ("--memory-limit", "30000")
    with inspected(tmp_path, *options) as site, site.server.client("extended") as client:
        client.open_ws()
        store(client, pickle.dumps(b"v" * 20_000))
        until_texts(site.browser, "memory limit of 30000")


@pytest.mark.nightly(but_each=2)
@pytest.mark.parametrize(
    ("how", "deed"),
    [
        (signal.SIGKILL, "hangs for good"),
        (signal.SIGTERM, "hangs for good"),
        pytest.param(signal.SIGKILL, "idle", marks=pytest.mark.nightly),
        pytest.param(None, "hangs", marks=pytest.mark.nightly),
    ],
)
def test_the_end_of_the_server_is_its_end(
    tmp_path: Path, how: signal.Signals | None, deed: str
) -> None:
    with with_babelfish(tmp_path, "trusting") as (site, client):
        store(client, pickle.dumps("first"), var="y")
        until_texts(site.browser, "first", var="y")
        (pid,) = babelfishes(site)
        if deed != "idle":
            busy = tmp_path / "busy"
            store(client, call(f"open({str(busy)!r}, 'w')\n{DEADLY[deed]}"))
            asking = Aside(lambda: site.browser.get("variable", ws="ws", name="x"))
            until(busy.exists, "a value that hangs")
        site.server.stop(how)
        until_gone([pid], within=5)
        if deed != "idle":
            asking.join(5)


# Those of users


def test_a_pybabelfish_of_a_user_is_preferred(
    safe: tuple[Inspected, Client], tmp_path: Path
) -> None:
    (tmp_path / "shapes.py").write_text(
        "class Square:\n    def __repr__(self):\n        return 'a very own square'\n"
    )
    payload = b"cshapes\nSquare\n)\x81."
    site, client = safe
    store(client, payload, var="square")
    until_texts(site.browser, "shapes.Square", var="square")
    command = ("-m", "nws_babelfish", "-p", str(site.server.port))
    with python(*command, cwd=tmp_path) as process:
        until_texts(site.browser, "a very own square", var="square")
        process.terminate()
        process.wait()
    until_texts(site.browser, "shapes.Square", var="square")


@contextmanager
def foreign(site: Inspected) -> Iterator[Client]:
    """Play a babelfish for R."""
    with site.server.client("extended") as reader:
        assert reader.ask("open ws", "R babelfish", "x", "no").status == 0
        yield reader


def fetch_food(reader: Client) -> tuple[int, bytes]:
    answer = reader.get("fetch", "R babelfish", "food")
    return answer.descriptor, answer.payload


def test_the_server_ends_while_a_page_that_is_followed_waits_for_a_text(tmp_path: Path) -> None:
    with with_babelfish(tmp_path, "none") as (site, client):
        store(client, b"1", R_VALUE)
        with foreign(site) as reader:
            following = Aside(lambda: site.browser.follow("variable", ws="ws", name="x"))
            fetch_food(reader)
            assert site.server.stop() == 0
            with following.result() as events:
                while events.next() is not None:
                    pass

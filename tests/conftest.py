"""What holds for the whole suite: its order, that Ctrl-C works, and that a crash is a failure; and
the server that tests share."""

from __future__ import annotations

import gc
import os
import signal
import traceback
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from hypothesis import settings

pytest_plugins = ["pytester"]  # for the tests of our own plugin

# Their assertions shall show values too, as those of test modules do.
pytest.register_assert_rewrite("tests.support", "tests.core.contract", "tests.core.model")

from nws.connection_file import CONNECTION_FILE, SECRET  # noqa: E402
from tests.support.server import Server, running  # noqa: E402
from tests.support.spaces import HOST  # noqa: E402

# The same on every run: a test that fails now and then helps nobody. A deep search is for the
# night.
settings.register_profile(
    "ordinary", max_examples=40, deadline=None, derandomize=True, database=None
)
settings.register_profile("nightly", max_examples=1000, deadline=None, print_blob=True)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--nightly", action="store_true", help="run what takes long, too")
    parser.addoption("--engines", action="store_true", help="run what needs real batch systems")


@pytest.hookimpl(tryfirst=True)  # pytest-twisted keeps the default handler if it finds it
def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("nightly" if config.getoption("nightly") else "ordinary")
    # A shell starts its background jobs with SIGINT ignored, nohup those with SIGHUP, and children
    # inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if getattr(config.option, "dist", "no") == "no" and not hasattr(config, "workerinput"):
        fail_at_exit(config)


def fail_at_exit(config: pytest.Config) -> None:
    """Let `os._exit(0)` in a test end the run as a failure, in a run of one process. pytest-xdist
    notices by itself that a process is gone."""
    leave, runner = os._exit, os.getpid()
    capture: Any = config.pluginmanager.get_plugin("capturemanager")

    def _exit(status: int) -> NoReturn:
        if os.getpid() == runner:
            capture.suspend_global_capture()
            traceback.print_stack()
            print("\nA test has ended the run by os._exit(); it has failed.", flush=True)
            status = status or int(pytest.ExitCode.INTERNAL_ERROR)
        leave(status)

    _exit.__module__, _exit.__qualname__ = "os", "_exit"  # so it can be pickled as before
    os._exit = _exit


def for_the_night(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Give what `nightly` marks. `nightly(but_each=3)` leaves each third case of a table to the
    ordinary run, from the first one on."""
    cases: Counter[str] = Counter()
    for item in items:
        function = item.nodeid.partition("[")[0]
        marks = [mark.kwargs.get("but_each") for mark in item.iter_markers("nightly")]
        if any(each is None or cases[function] % each for each in marks):
            yield item
        cases[function] += 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is for the night or needs real batch systems. Begin with the files that have
    most slow tests, or most tests: so several processes end at the same time."""
    left_out: set[pytest.Item] = set()
    if not config.getoption("nightly"):
        left_out.update(for_the_night(items))
    if not config.getoption("engines"):
        left_out.update(item for item in items if item.get_closest_marker("engines"))
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    size = Counter(item.path for item in items)
    items.sort(key=lambda item: (-slow[item.path], -size[item.path], item.path))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector the thousands of tests, which stay until the end: it would look
    at them again and again, a quarter of the time that they take to be found. What is garbage by
    then is little, and stays: to look for it takes as long as to run a hundred tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


_CRASHES: Final = pytest.StashKey[int]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Count the crash of a process that was between two tests, which pytest-xdist does not."""
    if error:
        node.config.pluginmanager.get_plugin("session").testsfailed += 1
        node.config.stash[_CRASHES] = node.config.stash.get(_CRASHES, 0) + 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """After more crashes than pytest-xdist makes up for it leaves tests out, which is worse than a
    failure."""
    restarts = int(session.config.getoption("maxworkerrestart", None) or 0)
    if session.config.stash.get(_CRASHES, 0) > restarts:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.fixture(scope="module", autouse=True)
def no_garbage_is_left() -> Iterator[None]:
    """Let what goes wrong in finalizers fail the file that has left the garbage, and not a later
    one: pytest reports it with the test that runs then."""
    yield
    gc.collect()


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where servers leave their connection files, and clients find these: not in the user's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder))
        for name in (SECRET, CONNECTION_FILE):
            patch.delenv(name, raising=False)
        yield folder / "nws"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with all it can do, for all tests that leave the workspaces of others alone."""
    with running(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="session")
def on_server(server: Server) -> dict[str, Any]:
    """Options of a sleigh on that server: one of its own takes as long to start as all the rest."""
    return {"nwsHost": HOST, "nwsPort": server.port}


@pytest.fixture
def programs_on_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sleighs of programs use that server unless they name another one."""
    monkeypatch.setenv("PythonSleighNwsHost", HOST)
    monkeypatch.setenv("PythonSleighNwsPort", str(server.port))

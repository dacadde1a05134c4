"""The server: its arguments, workers, statistics and end."""

from __future__ import annotations

import io
import logging
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws import pp
from nws.errors import SleighJoinException, SleighNwsException
from nws.sleigh.shared.cores import available_cores
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import Aside, until_file
from tests.support.server import environment
from tests.support.signatures import arguments_of
from tests.support.sleighs import servers

# Arguments


@pytest.mark.parametrize("ncpus", ["two", 2.0, True, None])
def test_ncpus_of_another_type(job_server: pp.Server, ncpus: Any) -> None:
    with pytest.raises(TypeError, match="ncpus"):
        pp.Server(ncpus)
    with pytest.raises(TypeError, match="ncpus"):
        job_server.set_ncpus(ncpus)


def test_a_number_of_numpy(job_server: pp.Server) -> None:
    pp.Server(np.int64(0)).destroy()
    job_server.set_ncpus(np.int64(2))
    assert type(job_server.get_ncpus()) is int


@pytest.mark.parametrize("arguments", [("1", 1.0), (1.0, 1.0), (0, "1"), (0, None)])
def test_what_nobody_can_wait_for(job_server: pp.Server, arguments: Any) -> None:
    with pytest.raises(TypeError, match=r"(number|timeout)=.* is no "):
        job_server.wait_for_nodes(*arguments)


@pytest.mark.parametrize("arguments", [(-1, 1.0), (0, math.nan)])
def test_waits_that_make_no_sense(job_server: pp.Server, arguments: Any) -> None:
    with pytest.raises(ValueError, match=r"(number|timeout)=.* is "):
        job_server.wait_for_nodes(*arguments)


def test_a_negative_ncpus(job_server: pp.Server) -> None:
    with pytest.raises(ValueError, match="negative"):
        pp.Server(-1)
    with pytest.raises(ValueError, match="negative"):
        job_server.set_ncpus(-1)


def test_more_workers_than_a_process_can_have(job_server: pp.Server) -> None:
    with pytest.raises(ValueError, match=r"ncpus=1000000000: one process has .* files open"):
        pp.Server(10**9)
    before = job_server.get_ncpus()
    with pytest.raises(ValueError, match=r"ncpus=1000000000: one process has .* files open"):
        job_server.set_ncpus(10**9)
    assert job_server.get_ncpus() == before


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ({"proto": "x"}, TypeError),
        ({"proto": pickle.HIGHEST_PROTOCOL + 1}, ValueError),
        ({"logstream": "x"}, TypeError),
    ],
)
def test_what_a_server_cannot_be_made_with(argument: dict[str, Any], error: type) -> None:
    with pytest.raises(error, match="|".join(argument)):
        pp.Server(0, **argument)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("func", "sum"),
        ("args", [1]),
        ("args", 1),
        ("depfuncs", [abs]),
        ("depfuncs", ("abs",)),
        ("modules", "math"),
        ("modules", (1,)),
        ("callback", 3),
        ("callbackargs", [1]),
        ("globals", [1]),
        ("globals", {1: abs}),
    ],
)
def test_arguments_of_another_type(job_server: pp.Server, name: str, value: Any) -> None:
    arguments: dict[str, Any] = {"func": deadly.times_ten, "args": (1,)}
    with pytest.raises(TypeError, match=name):
        job_server.submit(**(arguments | {name: value}))
    if name != "args":
        with pytest.raises(TypeError, match=name):
            pp.Template(job_server, **({"func": abs} | {name: value}))


def test_a_string_in_place_of_a_tuple_tells_what_to_write(job_server: pp.Server) -> None:
    with pytest.raises(TypeError, match=r"write \('math',\)"):
        job_server.submit(abs, (1,), (), "math")  # type: ignore[arg-type]


@pytest.mark.parametrize("module", ["", "1x", "import math; print(1)", "a b", "print(1)"])
def test_what_is_no_module(job_server: pp.Server, module: str) -> None:
    with pytest.raises(ValueError, match="module"):
        job_server.submit(abs, (1,), (), (module,))


def test_a_template_needs_a_server() -> None:
    with pytest.raises(TypeError, match="job_server"):
        pp.Template(abs, abs)  # type: ignore[arg-type]


def test_names_of_the_module() -> None:
    assert pp.version == "1.5.7"
    assert pp.copyright
    assert pp.Server.default_port == 60000
    assert pp.Server.default_secret == "epo20pdosl;dksldkmm"
    assert issubclass(pp.DestroyedServerError, RuntimeError)


JOB = "depfuncs=(), modules=(), callback=None, callbackargs=(), group='default', globals=None)"


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (
            pp.Server,
            "(ncpus='autodetect', ppservers=(), secret=None, loglevel=30, logstream=None, "
            "restart=False, proto=0)",
        ),
        (pp.Server.submit, f"(func, args=(), {JOB}"),
        (pp.Server.wait, "(group=None)"),
        (pp.Server.set_ncpus, "(ncpus='autodetect')"),
        *((getattr(pp.Server, f"get_{name}"), "()") for name in ("active_nodes", "ncpus", "stats")),
        (pp.Server.print_stats, "()"),
        (pp.Server.destroy, "()"),
        (pp.Template, f"(job_server, func, {JOB}"),
        (pp.Template.submit, "(*args)"),
    ],
)
def test_arguments_and_defaults_are_those_of_pp(function: Any, arguments: str) -> None:
    """But for ``logstream``: by default logging goes where the program has it go."""
    assert arguments_of(function) == arguments


# Templates


@pytest.mark.parametrize("count", [3, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_a_template(job_server: pp.Server, count: int) -> None:
    results: list[tuple[str, int]] = []

    def note(text: str, result: int) -> None:
        results.append((text, result))

    template = pp.Template(job_server, pow, (), (), note, ("powers",), "powers")
    jobs = [template.submit(n, 2) for n in range(count)]
    assert {job.group for job in jobs} == {"powers"}
    job_server.wait("powers")
    assert sorted(results) == [("powers", n * n) for n in range(count)]


# Workers


@pytest.mark.slow
def test_the_number_of_workers_changes(tmp_path: Path) -> None:
    with_two = pp.Server(2)
    try:
        assert with_two.get_ncpus() == 2
        with_two.set_ncpus(3)
        meeting = [with_two.submit(functions.meet_in, (tmp_path, n, 3)) for n in range(3)]
        assert [job() for job in meeting] == [0, 1, 2]
        with_two.set_ncpus(1)
        assert with_two.get_ncpus() == 1
        assert len({with_two.submit(functions.worker)() for _ in range(4)}) == 1
        with_two.set_ncpus(0)
        waiting = with_two.submit(deadly.times_ten, (1,))
        assert not waiting.finished
        assert with_two.get_active_nodes() == {"local": 0}
        with_two.set_ncpus()
        assert with_two.get_ncpus() == available_cores()
        assert waiting() == 10
    finally:
        with_two.destroy()


def test_jobs_that_nobody_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nws.sleigh.master.worker_pool._ALONE_SECONDS", 0.1)
    server = pp.Server(0)
    try:
        with pytest.raises(SleighJoinException, match=r"no workers.*no nodes are named"):
            server.submit(abs, (-1,))()
        server.wait()
        server.set_ncpus(1)
        assert server.submit(abs, (-1,))() == 1
    finally:
        server.destroy()


def test_statistics(job_server: pp.Server, capfd: pytest.CaptureFixture[str]) -> None:
    before = job_server.get_stats()["local"].njobs
    for n in range(3):
        job_server.submit(deadly.times_ten, (n,))()
    statistics = job_server.get_stats()
    assert list(statistics) == ["local"]
    local = statistics["local"]
    assert (local.ncpus, local.njobs, local.rworker) == (2, before + 3, None)
    assert local.time > 0
    capfd.readouterr()
    job_server.print_stats()
    said = capfd.readouterr().out
    assert f"{local.njobs:>10} |        100.00 |" in said
    assert "| local\n" in said
    assert "Time elapsed since server creation" in said
    assert "0 active tasks, 2 cores" in said


def test_the_log() -> None:
    stream = io.StringIO()
    server = pp.Server(0, loglevel=logging.INFO, logstream=stream)
    logging.getLogger("pp").info("a line")
    logging.getLogger("pp").debug("another")
    server.destroy()
    logging.getLogger("pp").info("too late")
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == ["line"]


# The end


def test_a_destroyed_server(tmp_path: Path) -> None:
    server = pp.Server(1)
    called: list[int] = []
    held = server.submit(functions.arrive, (0, tmp_path), callback=called.append)
    until_file(tmp_path / "0")
    queued = server.submit(deadly.times_ten, (1,), callback=called.append)
    waiting = Aside(server.wait)
    server.destroy()
    waiting.result(20.0)
    server.wait()
    for job in (held, queued):
        assert job.finished
        with pytest.raises(pp.DestroyedServerError):
            job()
    assert called == []
    for call in (
        lambda: server.submit(abs, (1,)),
        lambda: server.set_ncpus(1),
        server.get_stats,
        server.print_stats,
    ):
        with pytest.raises(
            pp.DestroyedServerError, match="this server cannot be used: it was destroyed"
        ):
            call()
    server.destroy()


def test_callbacks_that_wait_are_not_called_after_the_end() -> None:
    server = pp.Server(1)
    entered, leave = threading.Event(), threading.Event()
    called: list[int] = []

    def hold(_: int) -> None:
        entered.set()
        leave.wait(20.0)

    server.submit(abs, (-1,), callback=hold)
    assert entered.wait(20.0)
    queued = server.submit(abs, (-2,), callback=called.append)
    while server.get_stats()["local"].njobs != 2:
        pass
    server.destroy()
    leave.set()
    assert queued() == 2
    assert called == []


def test_the_end_of_the_process_that_holds_jobs_and_results(tmp_path: Path) -> None:
    others = servers(os.getpid())
    server = pp.Server(1)
    jobs = [server.submit(functions.arrive, (n, tmp_path)) for n in range(2)]
    until_file(tmp_path / "0")
    (process,) = set(servers(os.getpid())) - set(others)
    os.kill(process, signal.SIGKILL)

    def one_more() -> object:
        return server.submit(abs, (1,))()

    calls: list[Callable[[], object]] = [*jobs, one_more, server.get_stats]
    for call in calls:
        with pytest.raises(SleighNwsException) as caught:
            call()
        assert str(caught.value).startswith("the NetWorkSpaces server of the workers ")
        assert "sleigh" not in str(caught.value)
    server.wait()
    server.destroy()


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("end", ["", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_the_end_of_a_program_without_destroy(tmp_path: Path, end: str) -> None:
    """`nothing_is_left` looks for what it leaves behind."""
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys, time\n"
        "from nws import pp\n"
        "if __name__ == '__main__':\n"
        "    job_server = pp.Server(1)\n"
        "    print(job_server.submit(pow, (2, 10))(), flush=True)\n"
        "    jobs = [job_server.submit(time.sleep, (600,)) for _ in range(3)]\n"
        f"    {end}\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    assert done.stdout == "1024\n"
    assert done.stderr == ""


def test_a_fork_cannot_use_it(job_server: pp.Server) -> None:
    child = os.fork()
    if not child:
        try:
            job_server.submit(abs, (1,))
        except pp.DestroyedServerError as error:
            os._exit(7 if "made by another process" in str(error) else 9)
        finally:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert job_server.submit(abs, (-1,))() == 1

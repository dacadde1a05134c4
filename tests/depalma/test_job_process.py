"""One job as a process group of the system, without a cluster."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nws.depalma.job_process import JobProcess, ProcessEnd, words_of
from nws.depalma.output_pump import OutputPump
from nws.depalma.parameters import CodeSpec
from tests.support.processes import Aside, until, until_file, until_gone


def start(command: Any, *arguments: str, **params: Any) -> JobProcess:
    return JobProcess(CodeSpec.checked(command, params), arguments, os.environ)


def run(command: Any, *arguments: str, **params: Any) -> ProcessEnd:
    return start(command, *arguments, **params).wait()


class Sent:
    """Gathers what a pump sends, and refuses it if told to."""

    def __init__(self, *, refuse: bool = False) -> None:
        self.pieces: list[tuple[str, bytes]] = []
        self._refuse = refuse

    def __call__(self, stream: str, data: bytes) -> bool:
        self.pieces.append((stream, data))
        return not self._refuse

    def text(self, stream: str) -> bytes:
        return b"".join(data for name, data in self.pieces if name == stream)


def pumped(
    program: str, *, buf: int | str = 8192, limit: int = 10**6, refuse: bool = False
) -> tuple[Sent, dict[str, bytes], int]:
    """Run a Python program to its end; return what was sent, what was left, and the dropped."""
    process = start([sys.executable, "-uc", program], pickup=True, buf=buf)
    sent = Sent(refuse=refuse)
    pump = OutputPump(process, CodeSpec.checked("x", {"buf": buf}).buf, limit, sent)
    process.wait()
    rest, dropped = pump.finish()
    process.close()
    return sent, rest, dropped


def test_exit_status_and_signal_are_apart() -> None:
    assert run("exit 3")[:3] == (3, 0, False)
    assert run("kill -TERM $$")[:3] == (-1, signal.SIGTERM, False)
    assert run(["true"])[:3] == (0, 0, False)


def test_a_list_is_no_shell_and_a_text_is_one() -> None:
    assert words_of(CodeSpec.checked(["echo", "$A"], {}), ["a b"]) == ["echo", "$A", "a b"]
    assert words_of(CodeSpec.checked("echo $A |cat", {}), ["a b", "*"]) == [
        *("/bin/sh", "-c"),
        "echo $A |cat 'a b' '*'",
    ]


def test_environment_and_folder_are_its_own(tmp_path: Path) -> None:
    end = run('test "$COLOUR" = "a b" && test "$(pwd -P)" = "$1" && test -n "$PATH"; exit $?')
    assert end.status == 1
    command = 'test "$COLOUR" = "a b" && test "$(pwd -P)" = "$FOLDER" && test -n "$PATH"'
    env = {"COLOUR": "a b", "FOLDER": str(tmp_path.resolve())}
    assert run(command, env=env, cwd=str(tmp_path)).status == 0


def test_what_cannot_be_started_raises() -> None:
    with pytest.raises(FileNotFoundError):
        start(["no-such-program"])
    with pytest.raises(FileNotFoundError):
        start("true", cwd="/no/such/folder")


def test_a_signal_reaches_all_of_the_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    process = start(f"sleep 1000 & sleep 1000 & echo $! > {pids}.new; mv {pids}.new {pids}; wait")
    grandchild = int(until_file(pids))
    process.send_signal(signal.SIGTERM)
    assert process.wait().signal == signal.SIGTERM
    until_gone([grandchild])
    process.send_signal(signal.SIGTERM)  # nobody is there any more


def test_what_a_job_leaves_in_its_group_ends_with_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert run(f"sleep 1000 & echo $! > {pids}").status == 0
    until_gone([int(pids.read_text())])


def test_a_job_whose_time_is_over_is_killed() -> None:
    assert run("trap '' TERM; sleep 1000", timeout=0.05)[:3] == (-1, signal.SIGKILL, True)
    assert run("true", timeout=1000)[:3] == (0, 0, False)


def test_limits_of_memory_and_processor_time_hold() -> None:
    python = [sys.executable, "-c"]
    assert run([*python, "b'x' * 10**9"], memory=300 * 10**6).status == 1
    assert run([*python, "b'x' * 10**6"], memory=300 * 10**6).status == 0
    limits = run("ulimit -v; exec ulimit -t", memory=2**30, cpu=7)
    assert limits.status in (0, 127)
    assert (
        run("test $(ulimit -v) = 1048576 && test $(ulimit -S -t) = 7", memory=2**30, cpu=7)[0] == 0
    )


def test_processor_time_beyond_the_limit_ends_a_job() -> None:
    end = run([sys.executable, "-c", "while True: pass"], cpu=1)
    assert end.signal == signal.SIGXCPU
    assert end.cpu > 0.5  # the system counts in ticks


def test_output_is_gathered_and_the_rest_is_left_for_the_end() -> None:
    sent, rest, dropped = pumped("import os; os.write(1, b'a' * 10); os.write(2, b'b')")
    assert (sent.pieces, rest, dropped) == ([], {"stdout": b"a" * 10, "stderr": b"b"}, 0)
    sent, rest, _ = pumped("import os; os.write(1, b'a' * 10)", buf=10)
    assert (sent.pieces, rest) == ([("stdout", b"a" * 10)], {})


def test_lines_are_sent_as_they_are_complete() -> None:
    sent, rest, _ = pumped("import os; os.write(1, b'one\\ntwo\\nth')", buf="line")
    assert (sent.pieces, rest) == ([("stdout", b"one\ntwo\n")], {"stdout": b"th"})


def test_output_streams_while_the_job_runs() -> None:
    """Also what is less than the buffer: it is sent after a moment."""
    process = start(["sh", "-c", "echo begun; read line; echo $line"], io=True, pickup=True)
    sent = Sent()
    pump = OutputPump(process, 8192, 10**6, sent)
    until(lambda: sent.text("stdout") == b"begun\n", "the first line")
    assert process.stdin is not None
    with process.stdin as stdin:
        stdin.write(b"more\n")
    process.wait()
    assert sent.text("stdout") + pump.finish()[0].get("stdout", b"") == b"begun\nmore\n"
    process.close()


def test_output_without_end_is_bounded() -> None:
    sent, rest, dropped = pumped("print('x' * 10**6, flush=True)", limit=1000)
    assert len(sent.text("stdout") + rest.get("stdout", b"")) == 1000
    assert dropped == 10**6 + 1 - 1000


def test_output_that_cannot_be_sent_is_counted() -> None:
    _, rest, dropped = pumped("print('x' * 999, flush=True)", buf=0, refuse=True)
    assert (rest, dropped) == ({}, 1000)


def test_a_process_that_left_the_group_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It keeps stdout open, but the job is over."""
    pids = tmp_path / "pids"
    process = start(f"setsid sleep 1000 & echo $! > {pids}; sleep 0.2", pickup=True)
    pump = OutputPump(process, 8192, 1000, Sent())
    process.wait()
    Aside(pump.finish).result()
    process.close()
    os.kill(int(pids.read_text()), signal.SIGKILL)

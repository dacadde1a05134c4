"""The output of a process on its way to somebody else."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from nws.processes.output_pump import OutputPump
from nws.processes.process_group import ProcessGroup
from tests.support.processes import Aside, until


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
    program: str, *, size: int = 8192, limit: int = 10**6, refuse: bool = False
) -> tuple[Sent, dict[str, bytes], int]:
    """Run a Python program to its end; return what was sent, what was left, and the dropped."""
    process = ProcessGroup([sys.executable, "-uc", program], os.environ, output=True)
    sent = Sent(refuse=refuse)
    pump = OutputPump(process, size, limit, sent)
    process.wait()
    rest, dropped = pump.finish()
    process.close()
    return sent, rest, dropped


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gathered is never sent for its age, however slow the machine is."""
    monkeypatch.setattr("nws.processes.output_pump._FLUSH_SECONDS", 1000.0)


@pytest.mark.usefixtures("unhurried")
def test_output_is_gathered_and_the_rest_is_left_for_the_end() -> None:
    sent, rest, dropped = pumped("import os; os.write(1, b'a' * 10); os.write(2, b'b')")
    assert (sent.pieces, rest, dropped) == ([], {"stdout": b"a" * 10, "stderr": b"b"}, 0)
    sent, rest, _ = pumped("import os; os.write(1, b'a' * 10)", size=10)
    assert (sent.pieces, rest) == ([("stdout", b"a" * 10)], {})


@pytest.mark.usefixtures("unhurried")
def test_lines_are_sent_as_they_are_complete() -> None:
    sent, rest, _ = pumped("import os; os.write(1, b'one\\ntwo\\nth')", size=1)
    assert (sent.pieces, rest) == ([("stdout", b"one\ntwo\n")], {"stdout": b"th"})


def test_output_streams_while_the_job_runs() -> None:
    """Also what is less than the buffer: it is sent after a moment."""
    process = ProcessGroup(
        ["sh", "-c", "echo begun; read line; echo $line"], os.environ, stdin=True, output=True
    )
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
    _, rest, dropped = pumped("print('x' * 999, flush=True)", size=0, refuse=True)
    assert (rest, dropped) == ({}, 1000)


@pytest.mark.slow
def test_a_process_that_left_the_group_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It keeps stdout open, but the job is over."""
    pids = tmp_path / "pids"
    process = ProcessGroup(
        ["sh", "-c", f"setsid sleep 1000 & echo $! > {pids}; sleep 0.2"], os.environ, output=True
    )
    pump = OutputPump(process, 8192, 1000, Sent())
    process.wait()
    Aside(pump.finish).result()
    process.close()
    os.kill(int(pids.read_text()), signal.SIGKILL)

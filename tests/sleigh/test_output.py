"""What workers print and log reaches the master, line by line, with rank and element."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nws.errors import NwsNoValueException
from nws.sleigh import Line, Sleigh, SleighTaskException
from nws.sleigh.shared.output import LineReader, echo
from tests.sleigh.functions import (
    begin_a_line,
    begin_a_line_that_is_read,
    chatter,
    log,
    log_an_exception,
    print_elsewhere,
    print_in_a_fork,
    put_stdout_back,
    replace_stdout,
    say,
    speak,
)
from tests.support.deadly import die, times_ten
from tests.support.processes import let_pass, until, until_file

Lines = list[Line]

LEFT_OUT = r"nws: ([\d,]+) lines are left out here: nobody has read those before them"


@pytest.fixture(scope="module")
def lines() -> Lines:
    return []


@pytest.fixture(scope="module")
def sleigh(on_server: dict[str, Any], lines: Lines) -> Iterator[Sleigh]:
    """Two workers whose lines are collected."""

    def collect(some: Sequence[Line]) -> None:
        lines.extend(some)

    with Sleigh(**on_server, workerCount=2, output=collect) as sleigh:
        yield sleigh


@pytest.fixture(autouse=True)
def nothing_said(lines: Lines) -> None:
    lines.clear()


def said(lines: Lines, stream: str) -> list[tuple[int, str]]:
    return sorted((line.element, line.text) for line in lines if line.stream == stream)


def test_lines_are_there_when_the_results_are(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachElem(speak, range(40))
    assert said(lines, "stdout") == [(n, f"element {n} is here") for n in range(40)]
    assert said(lines, "stderr") == [(n, f"element {n} complains") for n in range(40)]
    assert {line.rank for line in lines} <= {0, 1}


def test_lines_of_each_worker(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachWorker("print('rank', SleighRank)")
    assert sorted((line.rank, line.element, line.text) for line in lines) == [
        (0, 0, "rank 0"),
        (1, 1, "rank 1"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1eo1 2 3\x1f\no1 2 3\x1fx", ["\x1eo1 2 3\x1f", "o1 2 3\x1fx"]),
        ("one\ntwo\n", ["one", "two"]),
        ("no newline", ["no newline"]),
        ("\n\n", ["", ""]),
        ("\x1e\x1f\x1d 1 2\n", ["\x1e\x1f\x1d 1 2"]),
        ("ünïcödé \udc80\n", ["ünïcödé \\udc80"]),
        ("x" * 200_000 + "\n", ["x" * 200_000]),
    ],
)
def test_all_that_can_be_printed(
    sleigh: Sleigh, lines: Lines, text: str, expected: list[str]
) -> None:
    sleigh.eachElem(say, [text])
    assert [line.text for line in lines] == expected


def test_the_last_words_of_a_worker(sleigh: Sleigh, lines: Lines) -> None:
    def speak_and_die(element: int) -> None:
        print(f"element {element} is about to die")
        die("SIGKILL")

    (failed,) = sleigh.eachElem(speak_and_die, [7])
    assert isinstance(failed, SleighTaskException)
    assert said(lines, "stdout") == [(0, "element 7 is about to die")] * 3


def test_by_default_lines_are_printed(
    on_server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Sleigh(**on_server, workerCount=1) as sleigh:
        sleigh.eachElem(speak, [5, 6])
    shown = capsys.readouterr()
    assert shown.out == "[0:0] element 5 is here\n[0:1] element 6 is here\n"
    assert shown.err == "[0:0] element 5 complains\n[0:1] element 6 complains\n"


def test_output_can_be_dropped(
    on_server: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with Sleigh(**on_server, workerCount=1, output=None) as sleigh:
        assert sleigh.eachElem(speak, [5]) == [5]
    assert capsys.readouterr() == ("", "")


def test_log_records_reach_the_masters_loggers(
    on_server: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), Sleigh(**on_server, workerCount=1) as sleigh:
        sleigh.eachElem(log, ["an %s message"])
    (record,) = (record for record in caplog.records if record.name == "tests.worker")
    assert record.getMessage() == "[0:0] an %s message"
    assert (record.levelno, record.rank, record.element) == (logging.INFO, 0, 0)  # type: ignore[attr-defined]
    assert record.funcName == "log"


def test_log_records_below_the_masters_level_stay_away(
    on_server: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), Sleigh(**on_server, workerCount=1) as sleigh:
        sleigh.eachElem(log, ["a message"])
    assert [record for record in caplog.records if record.name == "tests.worker"] == []


def test_a_log_file(on_server: dict[str, Any], tmp_path: object) -> None:
    with Sleigh(**on_server, workerCount=1, logDir=str(tmp_path), output=None) as sleigh:
        sleigh.eachElem(speak, [5])
        (path,) = {worker["logfile"] for worker in sleigh.workerInfo()}
    with open(path) as file:
        assert sorted(file) == ["[0:0] element 5 complains\n", "[0:0] element 5 is here\n"]


def test_all_that_is_in_a_log_record(
    on_server: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), Sleigh(**on_server, workerCount=1) as sleigh:
        sleigh.eachElem(log_an_exception, [1])
    (record,) = (record for record in caplog.records if record.name == "tests.worker")
    content = vars(record)
    assert (content["user"], content["sizes"], content["thing"]) == ("me", {"a": [1, 2]}, "<thing>")
    assert "log_an_exception" in content["stack_info"]
    assert "ZeroDivisionError: " in content["exc_text"]
    assert logging.Formatter("%(message)s").format(record).count("ZeroDivisionError: ") == 1


def test_a_bad_log_record_is_not_the_end_of_a_task(sleigh: Sleigh, lines: Lines) -> None:
    text = "import logging; logging.warning('%d items', None); SleighValue = 7"
    assert sleigh.eachElem(text, [1]) == [7]
    assert "--- Logging error ---" in [line.text for line in lines]


def test_bytes_can_be_written_to_stdout(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachElem("import sys; sys.stdout.buffer.write(b'raw\\n')", [1])
    sleigh.eachElem(speak, [1])
    assert "raw" in [line.text for line in lines]


# Lines of others


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not give up waiting for lines: who waits for one that does not come hangs."""
    monkeypatch.setattr("nws.sleigh.master.run._MAX_LINES_SECONDS", 1000.0)


def until_said(sleigh: Sleigh, lines: Lines, *texts: str) -> None:
    """Wait for lines that are not counted, so no call waits for them."""

    def are_there() -> bool:
        sleigh.eachElem(times_ten, [1])
        return set(texts) <= {line.text for line in lines}

    until(are_there, f"the lines {texts}")


def test_output_of_other_programs_arrives(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    sleigh.eachElem("import os; os.system('echo from a shell')", [1])
    until_said(sleigh, lines, "from a shell")


def test_a_child_that_does_not_end_its_line(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    sleigh.eachElem(begin_a_line, range(4))
    until_said(sleigh, lines, *(f"begun by {n}" for n in range(4)))
    assert sorted(line.text for line in lines if line.stream == "stdout") == [
        *(f"after {n}" for n in range(4)),
        *(f"begun by {n}" for n in range(4)),
    ]


def test_a_descriptor_that_points_elsewhere(
    sleigh: Sleigh, lines: Lines, patient: None, tmp_path: Path
) -> None:
    sleigh.eachElem(print_elsewhere, [str(tmp_path / "file")])
    assert (tmp_path / "file").read_text() == "printed\nby a child\n"
    assert said(lines, "stdout") == [(0, "back")]


def test_a_stream_of_the_users(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    sleigh.eachWorker(replace_stdout)
    until_said(sleigh, lines, "by the new stream 0", "by the new stream 1")
    sleigh.eachWorker(put_stdout_back)


def test_streams_can_be_used_as_others(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachElem(
        "import sys; sys.stdout.reconfigure(errors='replace'); print('one', end='');"
        "sys.stdout.buffer.write(b'raw\\n'); sys.__stdout__.write('two\\n');"
        "print(sys.stdout.encoding)",
        [1],
    )
    assert [line.text for line in lines] == ["raw", "onetwo", "utf-8"]


def test_a_stream_that_was_deleted(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    assert sleigh.eachElem("import sys; del sys.stdout, sys.stderr; SleighValue = 7", [1]) == [7]
    sleigh.eachWorker("import sys; sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__")


def test_a_pipe_that_does_not_block(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    """Some programs make it so for all who have it."""
    sleigh.eachElem("import os; os.set_blocking(1, False); print(300_000 * 'x')", [1])
    assert [len(line.text) for line in lines] == [300_000]


def test_what_a_fork_prints(sleigh: Sleigh, lines: Lines, patient: None) -> None:
    sleigh.eachElem(print_in_a_fork, [1])
    until_said(sleigh, lines, "of the worker", "of the fork", "WARNING:tests.worker:of the fork")


def test_a_line_without_its_end_is_one_when_its_element_is_over(
    sleigh: Sleigh, lines: Lines
) -> None:
    pending = sleigh.eachElem(begin_a_line_that_is_read, range(2), chunkSize=2, blocking=False)
    try:
        until(lambda: pending.check() and lines, "the line, while the next element runs")
        assert said(lines, "stdout") == [(0, "no end")]
    finally:
        sleigh.userNws.store("may end", True)
        pending.wait()


def test_a_line_that_was_begun_by_a_worker_that_dies(sleigh: Sleigh, lines: Lines) -> None:
    def begin_and_die(_: int) -> None:
        print("about to die", end="", flush=True)
        die("SIGKILL")

    sleigh.eachElem(begin_and_die, [1])
    assert said(lines, "stdout") == [(0, "about to die")] * 3


def test_many_small_pieces_of_a_line(sleigh: Sleigh, lines: Lines) -> None:
    numbers = list(range(300_000))
    sleigh.eachElem("import json, sys; json.dump(SleighArguments[0], sys.stdout)", [[numbers]])
    assert [line.text[-1:] for line in lines] == ["…", "…", "]"]
    assert "".join(line.text.rstrip("…") for line in lines) == json.dumps(numbers)


# Output that nobody reads


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "length", "most"),
    [(15_000, 800, 7_500), pytest.param(180_000, 0, 150_000, marks=pytest.mark.nightly)],
)
def test_output_that_nobody_reads_is_bounded(
    sleigh: Sleigh, lines: Lines, tmp_path: Path, count: int, length: int, most: int
) -> None:
    call = sleigh.eachElem(chatter, [[count]], [length, tmp_path], blocking=False)
    until_file(tmp_path / "done")
    assert call.wait() == [count]
    shown = [line for line in lines if line.stream == "stdout"]
    notices = [re.fullmatch(LEFT_OUT, line.text) for line in lines if line.stream == "stderr"]
    left_out = sum(int(notice[1].replace(",", "")) for notice in notices if notice)
    assert len(shown) < most
    assert len(shown) + left_out == count
    lines.clear()
    assert sleigh.eachElem(speak, [1]) == [1]
    assert said(lines, "stdout") == [(0, "element 1 is here")]


@pytest.mark.slow
def test_all_that_is_read_slowly_arrives(on_server: dict[str, Any], tmp_path: Path) -> None:
    count, length = 8_000, 800
    read: Lines = []

    def read_slowly(some: Sequence[Line]) -> None:
        let_pass(0.005)
        read.extend(some)

    with Sleigh(**on_server, workerCount=1, output=read_slowly) as sleigh:
        assert sleigh.eachElem(chatter, [[count]], [length, tmp_path]) == [count]
    assert len(read) == count


# From bytes to lines

MARK = b"\x1emark"


def reader_of_stdout(counts: dict[bytes, int] | None = None) -> LineReader:
    return LineReader("stdout", MARK, {} if counts is None else counts)


def test_lines_however_they_are_cut() -> None:
    data = b"no end" + MARK + b"o3 4 1\x1fmine\nnot mine\n\n"
    data += MARK + b"o0 -1 1+\x1fbeg\n" + MARK + b"e3 5 7\x1f\n" + MARK + b"o3 5 2\x1fun\n"
    expected = [
        (8, 9, "stdout", "no end"),
        (3, 4, "stdout", "mine"),
        (8, 9, "stdout", "not mine"),
        (8, 9, "stdout", ""),
        (3, 5, "stderr", ""),
        (3, 5, "stdout", "begun"),
    ]
    for cut in range(1, 80):
        counts: dict[bytes, int] = {}
        reader = reader_of_stdout(counts)
        lines = reader.feed(data[:cut], 8, 9) + reader.feed(data[cut:], 8, 9)
        assert lines == expected, f"cut after {cut} bytes"
        assert counts == {b"o": 2, b"e": 7}, f"cut after {cut} bytes"


@pytest.mark.parametrize("begun", [b"begun", MARK + b"e1 2 0+\x1fbegun\n"])
def test_a_line_without_an_end(begun: bytes) -> None:
    reader = reader_of_stdout()
    assert reader.feed(begun, 1, 2) == []
    ((call, element, _, text),) = reader.rest()
    assert (call, element, text) == (1, 2, "begun")


@pytest.mark.parametrize("line", [b"o", b"o1 2\x1fx", b"o1 2 3", b"oa b c\x1fx", b"x1 2 3\x1f"])
def test_a_frame_that_is_damaged(line: bytes) -> None:
    ((call, element, _, text),) = reader_of_stdout().feed(MARK + line + b"\n", 1, 2)
    assert (call, element) == (1, 2)
    assert text.encode() in (line, b"")


def test_a_line_that_is_too_long_is_marked_as_cut() -> None:
    reader = reader_of_stdout()
    said = [each for _ in range(40) for each in reader.feed(65536 * b"x", 1, 2)]
    said += reader.feed(b"end\n", 1, 2)
    texts = [text for *_, text in said]
    assert [text[-1] for text in texts] == ["…", "…", "d"]
    assert "".join(text.rstrip("…") for text in texts) == 40 * 65536 * "x" + "end"


# At the master


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", "[]", '{"name": "x", "msg": "y", "levelno": "z"}']
)
def test_what_only_looks_like_a_log_record_is_printed(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    echo([Line(0, 3, "log", text)])
    assert capsys.readouterr().err == f"[0:3] {text}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_characters_that_cannot_be_shown(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n", write_through=True)
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setattr("sys.stderr", shown)
    echo([Line(0, 3, "stdout", "a → b"), Line(0, 3, "stderr", "→"), Line(0, 3, "stdout", "é")])
    assert isinstance(shown.buffer, io.BytesIO)
    *arrows, _ = shown.buffer.getvalue().decode(encoding).splitlines()
    assert arrows == ["[0:3] a \\u2192 b", "[0:3] \\u2192"]


def test_nowhere_to_show_anything(
    sleigh: Sleigh, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("sys.stdout", None)
    echo([Line(0, 3, "stdout", "text")])
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    echo([Line(0, 3, "stdout", "text")])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.nightly(but_each=3)
@pytest.mark.parametrize("error", [ValueError, UnicodeEncodeError, NwsNoValueException])
def test_output_that_is_refused_costs_no_result(
    on_server: dict[str, Any], error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: Sequence[Line]) -> None:
        raise error("ascii", "→", 0, 1, "no")

    with Sleigh(**on_server, workerCount=1, output=refuse) as sleigh:
        assert sleigh.eachElem(speak, [5, 6]) == [5, 6]
        assert list(sleigh.imap(speak, [5, 6])) == [5, 6]
    assert "output has failed" in caplog.text

"""What workers print and log reaches the master, line by line, with rank and element."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest

from nws.sleigh import Line, Sleigh, SleighTaskException
from nws.sleigh.shared.output import LineSplitter, echo
from tests.sleigh.functions import log, say, speak
from tests.support.deadly import die

Lines = list[Line]


@pytest.fixture(scope="module")
def lines() -> Lines:
    return []


@pytest.fixture(scope="module")
def sleigh(nothing_is_left: None, lines: Lines) -> Iterator[Sleigh]:
    """Two workers whose lines are collected."""

    def collect(some: Sequence[Line]) -> None:
        lines.extend(some)

    with Sleigh(workerCount=2, output=collect) as sleigh:
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


def test_output_of_other_programs_arrives(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachElem("import os; os.system('echo from a shell')", [1])
    sleigh.eachElem(speak, [1])
    assert "from a shell" in [line.text for line in lines]


def test_the_last_words_of_a_worker(sleigh: Sleigh, lines: Lines) -> None:
    def speak_and_die(element: int) -> None:
        print(f"element {element} is about to die")
        die("SIGKILL")

    (failed,) = sleigh.eachElem(speak_and_die, [7])
    assert isinstance(failed, SleighTaskException)
    assert said(lines, "stdout") == [(0, "element 7 is about to die")] * 3


def test_by_default_lines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with Sleigh(workerCount=1) as sleigh:
        sleigh.eachElem(speak, [5, 6])
    shown = capsys.readouterr()
    assert shown.out == "[0:0] element 5 is here\n[0:1] element 6 is here\n"
    assert shown.err == "[0:0] element 5 complains\n[0:1] element 6 complains\n"


def test_output_can_be_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    with Sleigh(workerCount=1, output=None) as sleigh:
        assert sleigh.eachElem(speak, [5]) == [5]
    assert capsys.readouterr() == ("", "")


def test_log_records_reach_the_masters_loggers(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), Sleigh(workerCount=1) as sleigh:
        sleigh.eachElem(log, ["an %s message"])
    (record,) = (record for record in caplog.records if record.name == "tests.worker")
    assert record.getMessage() == "[0:0] an %s message"
    assert (record.levelno, record.rank, record.element) == (logging.INFO, 0, 0)  # type: ignore[attr-defined]
    assert record.funcName == "log"


def test_log_records_below_the_masters_level_stay_away(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), Sleigh(workerCount=1) as sleigh:
        sleigh.eachElem(log, ["a message"])
    assert [record for record in caplog.records if record.name == "tests.worker"] == []


def test_a_log_file(tmp_path: object) -> None:
    with Sleigh(workerCount=1, logDir=str(tmp_path), output=None) as sleigh:
        sleigh.eachElem(speak, [5])
        (path,) = {worker["logfile"] for worker in sleigh.workerInfo()}
    with open(path) as file:
        assert sorted(file) == ["[0:0] element 5 complains\n", "[0:0] element 5 is here\n"]


def test_a_bad_log_record_is_not_the_end_of_a_task(sleigh: Sleigh, lines: Lines) -> None:
    text = "import logging; logging.warning('%d items', None); SleighValue = 7"
    assert sleigh.eachElem(text, [1]) == [7]
    assert "--- Logging error ---" in [line.text for line in lines]


def test_bytes_can_be_written_to_stdout(sleigh: Sleigh, lines: Lines) -> None:
    sleigh.eachElem("import sys; sys.stdout.buffer.write(b'raw\\n')", [1])
    sleigh.eachElem(speak, [1])
    assert "raw" in [line.text for line in lines]


# From bytes to lines


@pytest.mark.parametrize("cut", range(1, 24))
def test_lines_however_they_are_cut(cut: int) -> None:
    data = b"\x1e3 4\x1fmine\nnot mine\n\x1e0 -1\x1f\n"
    splitter = LineSplitter("stdout")
    found = splitter.feed(data[:cut], 8, 9) + splitter.feed(data[cut:], 8, 9)
    assert found == [
        (True, 3, 4, "stdout", "mine"),
        (False, 8, 9, "stdout", "not mine"),
        (True, 0, -1, "stdout", ""),
    ]


def test_a_line_without_an_end() -> None:
    splitter = LineSplitter("stderr")
    assert splitter.feed(b"begun", 1, 2) == []
    assert splitter.rest(1, 2) == [(False, 1, 2, "stderr", "begun")]
    assert splitter.rest(1, 2) == []


@pytest.mark.parametrize(
    "line", [b"\x1e", b"\x1e1\x1fx", b"\x1e1 2", b"\x1ea b\x1fx", b"\x1d1 2 3\x1f"]
)
def test_what_only_looks_like_ours(line: bytes) -> None:
    ((own, call, tag, _, text),) = LineSplitter("stdout").feed(line + b"\n", 1, 2)
    assert (own, call, tag, text.encode()) == (False, 1, 2, line)


# At the master


@pytest.mark.parametrize(
    "text", ["{}", "no JSON", "[]", '{"name": "x", "msg": "y", "levelno": "z"}']
)
def test_what_only_looks_like_a_log_record_is_printed(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    echo([Line(0, 3, "log", text)])
    assert capsys.readouterr().err == f"[0:3] {text}\n"

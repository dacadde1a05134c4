"""Tasks that close descriptors 0, 1 and 2 of their worker, or point them elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from nws.sleigh import Line, Sleigh

Lines = list[Line]


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
def options(on_server: dict[str, Any], lines: Lines) -> dict[str, Any]:
    """For a sleigh of one worker whose lines are collected."""

    def collect(some: Sequence[Line]) -> None:
        lines.extend(some)

    return {**on_server, "workerCount": 1, "output": collect}


@pytest.fixture
def sleigh(options: dict[str, Any]) -> Iterator[Sleigh]:
    with Sleigh(**options) as sleigh:
        yield sleigh


def texts(lines: Lines) -> list[str]:
    return [line.text for line in lines]


def file_behind(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def point_at(path: str, *fds: int) -> None:
    """Let descriptors lead to a file."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
    for fd in fds:
        os.dup2(file, fd)
    os.close(file)


def print_to_both(_: int) -> int:
    """Print, and return a number that only a descriptor above the standard ones can have."""
    print("printed")
    print("complained", file=sys.stderr)
    with open(os.devnull) as file:
        return file.fileno()


def close_stream_object(element: int) -> str:
    """Let Python close descriptor 1 with an object that has it, as recipes do."""
    with open(1, "w") as stream:
        stream.write(f"element {element}\n")
    return "closed"


def close_first(element: int) -> None:
    if element == 0:
        os.close(1)
    print("element", element)


def close_with_spares(fd: int) -> int:
    """Close a descriptor, and each other one that leads to the same file."""
    file = file_behind(fd)
    for each in map(int, os.listdir("/dev/fd")):
        try:
            if file_behind(each) == file:
                os.close(each)
        except OSError:
            pass  # the listing itself
    return os.getpid()


@pytest.mark.parametrize("fd", [0, 1, 2])
def test_a_descriptor_that_was_closed(sleigh: Sleigh, lines: Lines, fd: int) -> None:
    for _ in range(2):
        assert sleigh.eachElem(os.close, [fd]) == [None]
        (number,) = sleigh.eachElem(print_to_both, [1])
        assert number > 2
        assert sorted(texts(lines)) == ["complained", "printed"]
        lines.clear()


def test_the_worker_stays_the_same(sleigh: Sleigh) -> None:
    (pid,) = sleigh.eachElem("import os; os.close(1); SleighValue = os.getpid()", [1])
    assert sleigh.eachElem("import os; SleighValue = os.getpid()", [1]) == [pid]


def test_descriptors_that_lead_nowhere(sleigh: Sleigh, lines: Lines) -> None:
    """As programs leave them that turn into daemons."""
    sleigh.eachElem(point_at, [os.devnull], [0, 1, 2])
    sleigh.eachElem(print_to_both, [1])
    assert sorted(texts(lines)) == ["complained", "printed"]


def test_a_file_that_has_taken_the_number(sleigh: Sleigh, lines: Lines, tmp_path: Path) -> None:
    path = tmp_path / "file"
    sleigh.eachElem(
        "import os; os.close(1); os.open(*SleighArguments)", [[str(path)]], [os.O_CREAT]
    )
    sleigh.eachElem(print_to_both, [1])
    assert sorted(texts(lines)) == ["complained", "printed"]
    assert path.read_bytes() == b""


def test_a_stream_object_that_closes_its_descriptor(sleigh: Sleigh, lines: Lines) -> None:
    assert sleigh.eachElem(close_stream_object, [1]) == ["closed"]
    sleigh.eachElem(print_to_both, [1])
    assert sorted(texts(lines)) == ["complained", "element 1", "printed"]


def test_elements_of_the_same_task(sleigh: Sleigh, lines: Lines) -> None:
    assert sleigh.eachElem(close_first, range(5), chunkSize=5) == [None] * 5
    assert texts(lines) == [f"element {n}" for n in range(5)]


def test_a_line_that_was_begun_before(sleigh: Sleigh, lines: Lines) -> None:
    text = "print('begun', end='', flush=True); import os; os.dup2(0, 1)"
    sleigh.eachElem(text, [1])
    sleigh.eachElem(print, ["of another element"])
    assert texts(lines) == ["begun", "of another element"]


def test_the_copies_were_closed_too(sleigh: Sleigh, lines: Lines) -> None:
    """Then another worker takes the place of this one, and nobody is blamed."""
    (pid,) = sleigh.eachElem(close_with_spares, [1])
    sleigh.eachElem(print_to_both, [1])
    assert sorted(texts(lines)) == ["complained", "printed"]
    assert sleigh.eachElem("import os; SleighValue = os.getpid()", [1]) != [pid]


# For good


def test_what_the_initializer_leaves_stays(options: dict[str, Any], tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    with Sleigh(**options, initializer=point_at, initargs=(path, 1)) as sleigh:
        pids = {sleigh.eachElem("import os; SleighValue = os.getpid()", [1])[0] for _ in range(3)}
        sleigh.eachElem(print, ["one"])
        sleigh.eachElem(os.close, [1])
        sleigh.eachElem(print, ["two"])
    assert len(pids) == 1
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_what_a_function_of_each_worker_leaves_stays(sleigh: Sleigh, tmp_path: Path) -> None:
    for name in ("one", "two"):
        sleigh.eachWorker(point_at, str(tmp_path / name), 1)
        sleigh.eachElem(print, [name])
        sleigh.eachElem(point_at, [os.devnull], [1])
        sleigh.eachElem(print, ["again"])
        assert (tmp_path / name).read_text() == f"{name}\nagain\n"


def test_what_is_closed_does_not_stay_so(options: dict[str, Any], lines: Lines) -> None:
    with Sleigh(**options, initializer=os.close, initargs=(1,)) as sleigh:
        sleigh.eachElem("import os; os.system('true'); print('one')", [1])
        sleigh.eachWorker(os.close, 1)
        assert min(sleigh.eachElem(print_to_both, [1])) > 2
    assert sorted(texts(lines)) == ["complained", "one", "printed"]

"""`NetWorkSpace.makefile`: a variable as a file of lines."""

from __future__ import annotations

import csv
import gc
import io
from collections.abc import Callable
from typing import Any, cast

import pytest

from nws.client import NwsDeclarationFailedException, NwsTextFile
from tests.support.cases import each
from tests.support.spaces import Opener, variable


def values(opener: Opener, name: str = "x") -> list[Any]:
    """Return the values of a variable."""
    return list(opener(useUse=True).ifindTry(name))


def test_what_it_is(opened_either: Opener) -> None:
    file = opened_either().makefile("x", "w")
    assert isinstance(file, NwsTextFile)
    assert (file.name, file.mode, file.closed, file.isatty()) == ("x", "w", False, False)
    file.close()
    assert file.closed
    assert opened_either().makefile("x").mode == "r"
    assert opened_either().makefile(varName="x", mode="a").mode == "a"


@each("mode", ["", "rb", "w+", "rw", "x", None])
def test_other_modes(opened_anyhow: Opener, mode: Any) -> None:
    ws = opened_anyhow()
    with pytest.raises(ValueError, match="mode"):
        ws.makefile("x", mode)
    assert ws.listVars() == ""


@pytest.mark.parametrize("mode", ["r", "w", "a"])
def test_every_mode_declares_a_fifo(opened_anyhow: Opener, mode: str) -> None:
    ws = opened_anyhow()
    ws.makefile("x", mode)
    assert variable(ws, "x").mode == "fifo"
    ws.declare("y", "lifo")
    if mode == "w":
        ws.makefile("y", mode)
        assert variable(ws, "y").mode == "fifo"
    else:
        with pytest.raises(NwsDeclarationFailedException):
            ws.makefile("y", mode)


# Writing


def test_a_value_for_each_line(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    file = ws.makefile("x", "w")
    file.write("one\ntwo\nthr")
    assert values(opened_anyhow) == ["one\n", "two\n"]
    file.write("ee")
    assert len(values(opened_anyhow)) == 2
    file.write("\n\nfour\n")
    assert values(opened_anyhow) == ["one\n", "two\n", "three\n", "\n", "four\n"]


def test_flush_and_close_store_what_is_left(opened_anyhow: Opener) -> None:
    file = opened_anyhow().makefile("x", "w")
    file.write("beginning")
    file.flush()
    file.flush()
    assert values(opened_anyhow) == ["beginning"]
    file.write(" of a line")
    file.close()
    file.close()
    assert values(opened_anyhow) == ["beginning", " of a line"]


def test_a_block_closes_at_its_end(opened_anyhow: Opener) -> None:
    with opened_anyhow().makefile("x", "w") as file:
        for text in ("one\n", "two", "\n", "three"):
            file.write(text)
    assert file.closed
    assert values(opened_anyhow) == ["one\n", "two\n", "three"]


def test_print_can_write_to_it(opened_either: Opener) -> None:
    file: Any = opened_either().makefile("x", "w")
    print("a", 1, file=file)
    assert values(opened_either) == ["a 1\n"]


def test_w_begins_anew_and_a_goes_on(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    for mode, lines in (("w", ["1\n"]), ("a", ["1\n", "1\n"]), ("w", ["1\n"])):
        with ws.makefile("x", mode) as file:
            file.write("1\n")
        assert values(opened_anyhow) == lines


@pytest.mark.parametrize("text", [b"bytes", None, 1])
def test_only_text_can_be_written(opened_anyhow: Opener, text: Any) -> None:
    file = opened_anyhow().makefile("x", "w")
    with pytest.raises(TypeError):
        file.write(text)
    file.write("ok\n")
    assert values(opened_anyhow) == ["ok\n"]


# Reading


@pytest.fixture
def lines(opened_anyhow: Opener) -> NwsTextFile:
    """A file open for reading, of four values that are not quite lines."""
    ws = opened_anyhow()
    ws.store_many("x", ["first\n", "sec", "ond\nthird\nfou", "rth"])
    return ws.makefile("x")


WHOLE = "first\nsecond\nthird\nfourth"


def test_reading_all(lines: NwsTextFile) -> None:
    assert lines.read() == WHOLE
    assert lines.read() == ""
    assert lines.read(5) == ""


@pytest.mark.parametrize("n", [1, 3, 7, 100])
def test_reading_so_many_characters(lines: NwsTextFile, n: int) -> None:
    pieces = list(iter(lambda: lines.read(n), ""))
    assert "".join(pieces) == WHOLE
    assert all(len(piece) == n for piece in pieces[:-1])


def test_reading_nothing(lines: NwsTextFile) -> None:
    assert lines.read(0) == ""
    assert lines.readline(0) == ""
    assert lines.read() == WHOLE


def test_lines(lines: NwsTextFile) -> None:
    assert lines.readline() == "first\n"
    assert lines.readline(3) == "sec"
    assert lines.readline(100) == "ond\n"
    assert lines.read(2) == "th"
    assert lines.readline() == "ird\n"
    assert lines.readline() == "fourth"
    assert lines.readline() == lines.readline(5) == ""


def test_all_lines(opened_either: Opener) -> None:
    ws = opened_either()
    ws.makefile("x", "w").writelines(["first\nsec", "ond\n"])
    file = ws.makefile("x")
    assert file.readlines() == ["first\n", "second\n"]
    assert file.readlines() == []
    with pytest.raises(ValueError, match="not open for writing"):
        file.writelines(["x"])


def test_iterating(lines: NwsTextFile) -> None:
    assert list(lines) == WHOLE.splitlines(keepends=True)


def test_reading_takes_nothing_away(lines: NwsTextFile, opened_anyhow: Opener) -> None:
    lines.read()
    assert len(values(opened_anyhow)) == 4


def test_at_its_end_it_stays_there(lines: NwsTextFile, opened_anyhow: Opener) -> None:
    lines.read()
    opened_anyhow(useUse=True).store("x", "more\n")
    assert lines.read() == ""
    assert lines.readline() == ""
    assert opened_anyhow(useUse=True).makefile("x").read() == WHOLE + "more\n"


def test_an_empty_text_is_not_the_end(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    ws.store_many("x", ["a\n", "", "", "b\n"])
    assert list(ws.makefile("x")) == ["a\n", "b\n"]
    assert ws.makefile("x").read() == "a\nb\n"
    assert ws.makefile("x").read(3) == "a\nb"


@pytest.mark.parametrize("value", [b"\xff", 1, None])
def test_other_values_are_no_text(opened_anyhow: Opener, value: object) -> None:
    ws = opened_anyhow()
    ws.store_many("x", ["a\n", value, "b\n"])
    file = ws.makefile("x")
    assert file.readline() == "a\n"
    with pytest.raises(ValueError, match="no text"):
        file.readline()
    assert file.readline() == "b\n"


# What cannot be done


def test_the_wrong_way(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    reading, writing = ws.makefile("x"), ws.makefile("x", "a")
    call: Callable[[], object]
    with pytest.raises(ValueError, match="not open for writing"):
        reading.write("x")
    for call in (writing.read, writing.readline, lambda: next(iter(writing))):
        with pytest.raises(ValueError, match="not open for reading"):
            call()
    assert values(opened_anyhow) == []


def test_a_closed_file(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    reading, writing = ws.makefile("x"), ws.makefile("x", "a")
    reading.close()
    writing.close()
    for call in (
        reading.read,
        reading.readline,
        lambda: next(iter(reading)),
        lambda: writing.write("x"),
        writing.flush,
    ):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_a_reader_sees_what_a_writer_stores(opened_anyhow: Opener) -> None:
    ws = opened_anyhow()
    with ws.makefile("x", "w") as writing:
        writing.write("1\n")
        reading = opened_anyhow(useUse=True).makefile("x")
        assert reading.readline() == "1\n"
        writing.write("2\n")
        assert reading.readline() == "2\n"
        assert reading.readline() == ""


def test_it_is_a_text_file_to_others(opened_either: Opener) -> None:
    ws = opened_either()
    with ws.makefile("x", "w") as file:
        assert isinstance(file, io.TextIOBase)
        assert (file.readable(), file.writable(), file.seekable()) == (False, True, False)
        assert file.write("a,b\n") == 4
        csv.writer(file, lineterminator="\n").writerow([1, 2])
    reading = ws.makefile("x")
    assert (reading.readable(), reading.writable()) == (True, False)
    assert list(csv.reader(reading)) == [["a", "b"], ["1", "2"]]
    with pytest.raises(TypeError, match="reading bytes"):
        ws.storeFile("y", cast("Any", reading))


def test_a_file_that_is_not_closed_stores_nothing_more(opened_either: Opener) -> None:
    """The collector finds it at any time, in a forked child, too."""
    file = opened_either().makefile("x", "w")
    file.write("a line\nand a part")
    del file
    gc.collect()
    assert values(opened_either) == ["a line\n"]

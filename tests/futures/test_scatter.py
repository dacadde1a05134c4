"""Values that are stored once for many calls: `SleighExecutor.scatter` and `Sleigh.scatter`."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nws.futures import SleighExecutor
from nws.sleigh import Sleigh, SleighIllegalValueException
from nws.sleigh.shared.pickling import pack, unpack
from nws.sleigh.shared.segments import Segment, mapped
from tests.sleigh import functions
from tests.support import deadly
from tests.support.processes import until, until_file

SOON = 60.0

NAME = "0123456789abcdef" * 2


@pytest.mark.parametrize("value", [5, "text", b"x" * 200_000, [1, {"k": None}], np.arange(50_000)])
def test_a_segment_holds_what_was_packed(value: Any) -> None:
    segment = Segment(NAME, pack(value))
    packed = mapped(segment.path, NAME)
    assert packed is not None
    assert np.array_equal(unpack(packed), value)
    assert mapped(segment.path, NAME[::-1]) is None, "that of another value"
    segment.close()
    assert mapped(segment.path, NAME) is None


def test_what_is_mapped_outlives_its_segment() -> None:
    segment = Segment(NAME, pack(np.arange(50_000)))
    packed = mapped(segment.path, NAME)
    del segment
    assert packed is not None
    assert unpack(packed).sum() == np.arange(50_000).sum()


def test_other_files_are_no_segments(tmp_path: Path) -> None:
    for content in (b"", b"short", b"x" * 100):
        (tmp_path / "file").write_bytes(content)
        assert mapped(str(tmp_path / "file"), NAME) is None


def memory_of(array: Any) -> tuple[int, bool]:
    """Say which file an array of this process lies in."""
    address = array.__array_interface__["data"][0]
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, _, _, _, inode, *_ = line.split()
        begin, end = (int(each, 16) for each in span.split("-"))
        if begin <= address < end:
            return int(inode), array.flags.writeable
    raise AssertionError("it is nowhere")


def test_workers_of_a_machine_share_its_data(executor: SleighExecutor) -> None:
    array = executor.scatter(np.arange(100_000))
    places = {executor.submit(memory_of, array).result(SOON) for _ in range(20)}
    ((inode, writeable),) = places
    assert inode != 0
    assert not writeable


def test_calls_are_given_the_value_wherever_it_stands(
    executor: SleighExecutor, sleigh: Sleigh
) -> None:
    numbers = executor.scatter([1, 2, 3])
    assert executor.submit(sum, numbers).result(SOON) == 6
    nested = executor.submit(
        lambda pair, k: sum(pair[0]) + sum(k["n"]), [numbers], k={"n": numbers}
    )
    assert nested.result(SOON) == 12
    assert sleigh.map(lambda number, many: number + sum(many), [1, 2], [numbers, numbers]) == [7, 8]


def segments() -> int:
    """Count those of this process."""
    links = (Path("/proc/self/fd") / fd for fd in os.listdir("/proc/self/fd"))
    return sum("memfd:" in os.readlink(link) for link in links if link.is_symlink())


def test_a_value_is_stored_once_and_as_long_as_it_is_needed(
    executor: SleighExecutor, sleigh: Sleigh, tmp_path: Path
) -> None:
    gc.collect()
    assert segments() == 0
    busy = [sleigh.submit(functions.arrive, n, tmp_path) for n in range(2)]
    for n in range(2):
        until_file(tmp_path / str(n))
    handles = [executor.scatter(b"x" * 200_000) for _ in range(5)]
    held = segments()
    waiting = executor.submit(len, handles[0])
    handles.clear()
    gc.collect()
    still_held = segments()
    (tmp_path / "go").touch()
    assert waiting.result(SOON) == 200_000, "a call that is under way keeps it"
    assert [future.result(SOON) for future in busy] == [0, 1]
    gc.collect()
    until(lambda: segments() == 0, "the end of the segment")
    assert (held, still_held) == (1, 1)


def test_one_that_is_gone_is_named(sleigh: Sleigh) -> None:
    pickled = pack((sleigh.scatter([b"gone"]),))
    gc.collect()
    error = sleigh.submit(unpack, pickled).exception(SOON)
    assert "keep what scatter() returns" in str(error)


def test_for_other_machines_it_is_on_the_server(sleigh: Sleigh) -> None:
    scatter = sleigh._scatter
    share, scatter._share = scatter._share, False
    try:
        handle = sleigh.scatter({"a": np.arange(3)})
        stored = f"data {handle._stored.name}"
        assert stored in str(sleigh.nws.listVars())
        assert sleigh.map(lambda held: int(held["a"].sum()), [handle] * 5) == [3] * 5
        del handle
        gc.collect()
        assert stored not in str(sleigh.nws.listVars())
    finally:
        scatter._share = share


def test_workers_of_another_machine_share_one_copy(sleigh: Sleigh) -> None:
    scatter = sleigh._scatter
    share, scatter._share = scatter._share, False
    try:
        handle = sleigh.scatter(np.arange(100_000))
        sleigh.eachWorker(memory_of, handle)  # each of them may have fetched it
        copies = f"copies {handle._stored.name}"
        ((inode, writeable),) = set(sleigh.eachWorker(memory_of, handle))
        assert inode != 0
        assert not writeable
        assert copies in str(sleigh.nws.listVars())
        del handle
        gc.collect()
        assert copies not in str(sleigh.nws.listVars())
    finally:
        scatter._share = share


def test_what_cannot_be_pickled_is_refused(executor: SleighExecutor) -> None:
    with pytest.raises(SleighIllegalValueException, match="the value cannot be pickled"):
        executor.scatter(threading.Lock())


def test_in_a_task_it_is_the_value(executor: SleighExecutor) -> None:
    def inside() -> int:
        return int(executor.submit(deadly.times_ten, executor.scatter(4)).result())

    assert executor.submit(inside).result(SOON) == 40
